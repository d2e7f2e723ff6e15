"""What a person changes for findings about errors, and that a stack file is edited only where that is proven."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.compose.document import read_compose
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.errors.facts import Facts, Inside, LoggingContainer, OpenLog
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.transport.commands import Unobservable
from remediate.commands.stack_patch import StackPatch, with_log_settings
from remediate.remedies.errors.file_settings import file_with_settings
from remediate.remedies.errors.log_settings import LogChange, Setting, log_changes
from tests.pure.topics.test_errors import ASKED, ID, facts_of, fleet_with

LIMIT = Setting(("services", "web", "logging"), '{driver: json-file, options: {max-size: "50m", max-file: "3"}}')
VOLUME = Setting(("services", "web", "volumes"), '"web_nginx:/var/log/nginx"', listed=True)
DECLARED = Setting(("volumes", "web_nginx"), "{}")
STACK = Stack(file="stack.yml")
WAIVED = (
    "waivers: [{rule: errors.are_bounded, subject: web, until: 2099-01-01, owner: ops, because: a test of waivers}]\n"
)


def edited_text(text: str, *settings: Setting) -> str | None:
    document = file_with_settings(read_compose(text.encode()), settings)
    return None if document is None else document.text


def test_a_limit_is_written_where_the_service_has_no_logging_and_all_else_stays() -> None:
    before = "services:\n  web:   # ours\n    image: nginx:1  # pinned\n"
    after = edited_text(before, LIMIT)
    assert after == before.replace("    image", f"    logging: {LIMIT.written}\n    image")
    assert edited_text(after, LIMIT) == after


def test_options_are_added_to_a_driver_that_the_file_names() -> None:
    before = "services:\n  web:\n    image: nginx:1\n    logging:\n      driver: json-file\n"
    after = edited_text(before, LIMIT)
    assert after == before.replace("      driver", '      options: {max-size: "50m", max-file: "3"}\n      driver')


@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: x, logging: {driver: syslog}}}",
        'services: {web: {image: x, logging: {driver: json-file, options: {max-file: "9"}}}}',
        "x: &x {driver: json-file}\nservices: {web: {image: x, logging: *x}}",
        "x: &x {image: x}\nservices: {web: *x}",
        "x: &x\n  web: {image: x}\nservices:\n  <<: *x\n",
        "services: {web: {image: x, logging: }}",
        "services: []",
    ],
)
def test_what_is_said_elsewhere_or_otherwise_is_left_to_a_person(text: str) -> None:
    assert edited_text(text, LIMIT) is None


def test_a_volume_is_added_to_a_list_and_declared_even_in_a_file_without_volumes() -> None:
    bare = "services:\n  web:\n    image: nginx:1"
    after = edited_text(bare, VOLUME, DECLARED)
    assert after is not None
    assert '    volumes: ["web_nginx:/var/log/nginx"]\n' in after
    assert after.endswith("\n\nvolumes:\n  web_nginx: {}\n")
    more = "services:\n  web:\n    volumes:\n      - data:/data\nvolumes:\n  data:\n"
    after = edited_text(more, VOLUME, DECLARED)
    assert after is not None
    assert '      - data:/data\n      - "web_nginx:/var/log/nginx"\n' in after
    assert "volumes:\n  web_nginx: {}\n  data:\n" in after


SWARM_LABELS = {"com.docker.swarm.service.name": "shop_web", "com.docker.stack.namespace": "shop"}
COMPOSE_LABELS = {"com.docker.compose.service": "web", "com.docker.compose.project": "shop"}


def fleet_of_stack(logging: LoggingContainer, written: str = ASKED, labels: Mapping[str, str] = SWARM_LABELS) -> Fleet:
    """A look at a container of the stack or project `shop`, with what was seen of its logs."""
    fleet = fleet_with(Facts("present", (logging,)), written)
    containers = fleet.facts["here", "containers"]
    assert isinstance(containers, Containers)
    [container] = containers.containers
    labelled = replace(containers, containers=(replace(container, labels=dict(labels)),))
    return replace(fleet, facts={**fleet.facts, ("here", "containers"): labelled})


def changes_of(logging: LoggingContainer, written: str = ASKED, name: str = "shop") -> list[LogChange]:
    changes = list(log_changes(fleet_of_stack(logging, written), name, STACK))
    assert not [change for change in changes if isinstance(change, Unobservable)]
    return [change for change in changes if isinstance(change, LogChange)]


SENT = Inside(("/usr/bin/python3",), (), ("SENTRY_DSN",), (), "/usr/lib/python3/dist-packages/sentry_sdk")


def test_a_log_without_a_limit_gets_one_and_one_that_has_it_gets_nothing() -> None:
    [change] = changes_of(LoggingContainer(ID, "json-file", inside=SENT))
    assert change.settings == (LIMIT,)
    assert changes_of(LoggingContainer(ID, "json-file", "50m", inside=SENT)) == []


def test_what_is_waived_of_another_stack_or_not_judged_gets_nothing() -> None:
    unlimited = LoggingContainer(ID, "json-file", inside=SENT)
    assert changes_of(unlimited, ASKED + WAIVED) == []
    assert changes_of(unlimited, name="rodan") == []
    assert changes_of(unlimited, ASKED.replace("{digest: true}", "{without: {web: nobody reads it}}")) == []
    assert changes_of(unlimited, ASKED.replace("{digest: true}", "{none: a test}")) == []


def test_a_lost_log_goes_to_standard_output_or_where_only_logs_lie_to_a_volume() -> None:
    files = (OpenLog("/var/log/nginx/error.log", "/", "overlay", "1:2"), OpenLog("/code/celery.log", "/", "overlay"))
    changes = changes_of(LoggingContainer(ID, "local", inside=replace(SENT, files=files)))
    [nginx, volume, code] = changes
    assert "`RUN ln -sf /dev/stdout /var/log/nginx/error.log`" in nginx.what
    assert "`RUN ln -sf /dev/stdout /code/celery.log`" in code.what
    assert volume.settings == (VOLUME, DECLARED)
    assert not code.settings, "a volume in the place of /code would hide the program of each later image"


def test_a_program_without_an_sdk_gets_its_name_and_the_dsn_as_a_secret() -> None:
    [sdk, dsn] = changes_of(LoggingContainer(ID, "local", inside=replace(SENT, filled=(), package="")))
    assert "sentry-sdk (pip)" in sdk.what
    assert [(each.path, each.written) for each in dsn.settings] == [
        (("services", "web", "secrets"), '"sentry_dsn"'),
        (("secrets", "sentry_dsn"), "{external: true}"),
    ]
    assert "docker secret create sentry_dsn -" in dsn.before
    [secret] = changes_of(LoggingContainer(ID, "local", inside=replace(SENT, filled=())))
    assert secret == dsn


def test_a_server_without_an_sdk_of_its_own_gets_none() -> None:
    assert changes_of(LoggingContainer(ID, "local", inside=Inside(("/usr/sbin/nginx",), package=""))) == []


def test_a_container_that_was_not_looked_into_still_gets_its_limit() -> None:
    dark = Unobservable("its processes could not be looked into")
    [limit, why] = log_changes(fleet_of_stack(LoggingContainer(ID, "json-file", inside=dark)), "shop", STACK)
    assert isinstance(limit, LogChange), "the driver and its options were seen"
    assert isinstance(why, Unobservable)
    assert list(log_changes(fleet_of_stack(facts_of().containers[0]), "shop", STACK)) == []


def test_a_project_of_compose_gets_a_patch_and_one_with_more_files_words(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("services:\n  web:\n    image: x\n")
    project = Stack(kind="compose", node="here", file=str(tmp_path / "compose.yml"))
    written = ASKED.replace("shop_web", "shop/web")
    unsent = LoggingContainer(ID, "json-file", "-1", inside=replace(SENT, filled=()))
    fleet = fleet_of_stack(unsent, written, COMPOSE_LABELS)
    patch = with_log_settings(fleet, "shop", StackPatch(project))
    assert '+    secrets: ["sentry_dsn"]\n' in patch.lines
    assert "+  sentry_dsn: {file: ./sentry_dsn.txt}\n" in patch.lines
    assert f"+    logging: {LIMIT.written}\n" in patch.lines
    assert (len(patch.logs), patch.words, patch.unknown) == (2, (), ())
    more = project.model_copy(update={"overrides": (str(tmp_path / "more.yml"),)})
    by_hand = with_log_settings(fleet, "shop", StackPatch(more))
    assert (by_hand.lines, by_hand.logs, len(by_hand.words)) == ((), (), 2)
    assert f"`services.web.logging: {LIMIT.written}`" in by_hand.words[0]
