"""Errors of services: a service whose log is kept and bounded, and the same with one thing broken at a time."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from fleetkeeper.inventory.problems import InventoryError
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, Verdict, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import drive_in_lockstep
from fleetkeeper.readers.docker.inspection import inspect_containers
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.errors import TOPIC
from fleetkeeper.topics.errors.digests import mask_text
from fleetkeeper.topics.errors.facts import (
    Digest,
    ErrorKind,
    Facts,
    Inside,
    JournalLimits,
    LoggingContainer,
    OpenLog,
    Shipper,
)
from fleetkeeper.topics.errors.observe import look_at_logs, read_errors
from fleetkeeper.topics.errors.parse import join_answer
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Command, Output, Unobservable

RULES = {rule.name: rule for rule in TOPIC.rules}
OLDER = """
nodes: {here: {connection: local, sudo: true}}
services: {web: {name: shop_web, replicas: 1}}
backups: {none: a test}
certificates: {none: a test}
"""
ASKED = OLDER + "errors: {digest: true}\n"
NOW = datetime(2026, 11, 30, tzinfo=UTC)
ID = "4f" * 32
LIMIT = {"max-size": "50m", "max-file": "3"}


def container_document(driver: str = "json-file", options: Any = LIMIT, pid: int = 4711) -> dict[str, Any]:
    """A container of the service as `docker inspect` shows it, with what rules about logs read."""
    return {
        "Id": ID,
        "Name": "/shop_web.1.x",
        "Image": "sha256:" + "ab" * 32,
        "State": {"Status": "running" if pid else "exited", "Pid": pid},
        "Config": {
            "Env": ["PATH=", "SENTRY_DSN=", "TOKEN="],
            "Labels": {"com.docker.swarm.service.name": "shop_web"},
        },
        "HostConfig": {"LogConfig": {"Type": driver, "Config": options}},
    }


PRINTED = f"""=container 4711
 program /usr/local/bin/python3.9
 filled SENTRY_DSN
 secret /run/secrets/sentry_dsn
 package /usr/local/lib/python3.9/site-packages/sentry_sdk
=shipper promtail
 reads {ID}
 file 65024:7
 journal
=journal
 SystemMaxUse 2G
 disk 41152736
=end
"""
IN_LAYER = " file 78:9 overlay / /code/celery GPU.log\n"
IN_VOLUME = " file 65024:7 ext4 /var/lib/postgresql/data /var/lib/postgresql/data/log/a.log\n"
IN_MEMORY = " file 80:2 tmpfs /tmp /tmp/x.log\n"


def printed_with(rows: str) -> str:
    return PRINTED.replace(" filled", rows + " filled")


DIGEST = f"=container {ID}\n read 3\n status 0\n=end\n"
"""What the script prints about a log without errors."""


def facts_of(printed: str | None = PRINTED, digest: str = DIGEST, **changes: Any) -> Facts:
    """What a look makes of a container and of the answer of the script."""
    [answers] = [[Output(0, f"1790000000\n{json.dumps([container_document(**changes)])}".encode())]]
    if printed is not None:
        answers += [Output(0, printed.encode()), Output(0, digest.encode())]
    inventory = load_inventory(Path("mine.yml"), ASKED)
    [observer] = TOPIC.observers
    look = drive_in_lockstep({"errors": observer.observe(inventory.nodes["here"], inventory)}, Answers(answers))
    facts = look["errors"]
    assert isinstance(facts, Facts)
    return facts


class Answers:
    """A link that gives one prepared answer for each question."""

    def __init__(self, answers: list[Output]) -> None:
        self.answers = answers
        self.commands: list[Command] = []

    def ask(self, commands: list[Command], room: int) -> list[Output]:
        self.commands += commands
        return [self.answers.pop(0) for _ in commands]


def fleet_with(facts: Facts | Unobservable, written: str = ASKED, **changes: Any) -> Fleet:
    containers = Containers("present", parse_containers(json.dumps([container_document(**changes)])))
    inventory = load_inventory(Path("mine.yml"), written)
    return Fleet(inventory, NOW, {("here", "containers"): containers, ("here", "errors"): facts})


def judge_errors(rule: str, facts: Facts | Unobservable, written: str = ASKED, **changes: Any) -> Verdict:
    return judge_subject(RULES[rule], fleet_with(facts, written, **changes), Subject("service", "web"))


def looks() -> dict[str, Fleet]:
    """Looks for the tests that go over all topics."""
    inside = Inside(
        ("/usr/bin/python3",),
        tuple(OpenLog(f"/code/{name}.log", *where) for name, where in (("a", ("/", "overlay", "1:2")), ("b", ()))),
        ("SENTRY_DSN",),
        ("/run/secrets/sentry",),
        "/usr/lib/python3/dist-packages/sentry_sdk",
    )
    digest = Digest((ErrorKind(3, "ERROR at 0"),), 20000, cut=True, others=2)
    strange = LoggingContainer(ID, "loki", "5m", "3", ("SENTRY_DSN",), inside, digest)
    journal = JournalLimits("none", "100G", "0", 2**30)
    shipper = Shipper("promtail", (ID,), ("1:2",), journal=True)
    return {
        "clean": fleet_with(facts_of()),
        "odd": fleet_with(Facts("present", (strange,), (shipper,), journal)),
        "journal": fleet_with(Facts("present", (replace(strange, driver="journald"),), (shipper,), journal)),
        "size": fleet_with(
            Facts("present", (replace(strange, driver="journald"),), (), replace(journal, max_use="much", storage=""))
        ),
    }


def test_a_service_whose_log_is_kept_and_bounded_is_right() -> None:
    for rule in RULES:
        assert judge_errors(rule, facts_of()).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("driver", "options", "kept", "bounded"),
    [
        ("json-file", None, Outcome.HOLDS, Outcome.FINDING),
        ("json-file", {"max-file": "3"}, Outcome.HOLDS, Outcome.FINDING),
        ("json-file", {"max-size": "-1"}, Outcome.HOLDS, Outcome.FINDING),
        ("json-file", {"max-size": "1.5 MiB"}, Outcome.HOLDS, Outcome.HOLDS),
        *(
            (driver, options, Outcome.HOLDS, Outcome.UNKNOWN)
            for driver in ("json-file", "local")
            for options in (
                *({"max-size": size} for size in ("0", "10q", "", "m", "1e9", "٣m", "10\nm", "500g")),
                *({"max-size": "10m", "max-file": number} for number in ("0", "-1", "", "x", "٣", "99999")),
            )
        ),
        ("local", {"max-size": "-1"}, Outcome.HOLDS, Outcome.UNKNOWN),
        ("local", {}, Outcome.HOLDS, Outcome.HOLDS),
        ("journald", {}, Outcome.HOLDS, Outcome.HOLDS),
        ("none", {}, Outcome.FINDING, Outcome.HOLDS),
        ("fluentd", {"fluentd-address": "192.0.2.1:24224"}, Outcome.HOLDS, Outcome.HOLDS),
        ("syslog", {}, Outcome.HOLDS, Outcome.UNKNOWN),
        ("loki", {"loki-url": "https://u:p@192.0.2.1/"}, Outcome.UNKNOWN, Outcome.UNKNOWN),
        ("", None, Outcome.UNKNOWN, Outcome.UNKNOWN),
    ],
)
def test_case_98_each_log_driver_is_judged_by_what_it_keeps_and_by_its_limit(
    driver: str, options: Any, kept: Outcome, bounded: Outcome
) -> None:
    facts = facts_of(driver=driver, options=options)
    assert judge_errors("are_kept", facts).outcome is kept
    assert judge_errors("are_bounded", facts).outcome is bounded


@pytest.mark.parametrize(
    ("rows", "kept", "saw"),
    [
        (IN_LAYER, Outcome.FINDING, "shop_web.1.x writes /code/celery GPU.log in the container itself"),
        (IN_MEMORY, Outcome.FINDING, "shop_web.1.x writes /tmp/x.log in the container itself"),
        (IN_VOLUME, Outcome.HOLDS, ""),
        (" file ? ? ? /code/x.log\n", Outcome.UNKNOWN, ""),
        (" hidden\n", Outcome.UNKNOWN, ""),
    ],
)
def test_a_log_file_in_the_container_itself_is_lost_with_it(rows: str, kept: Outcome, saw: str) -> None:
    verdict = judge_errors("are_kept", facts_of(printed_with(rows)))
    assert verdict.outcome is kept
    assert [finding.saw for finding in verdict.findings] == ([saw] if saw else [])


@pytest.mark.parametrize("rows", [IN_LAYER, IN_VOLUME, IN_MEMORY])
def test_whether_a_service_keeps_its_own_files_small_is_unknown_until_somebody_says_how(rows: str) -> None:
    facts = facts_of(printed_with(rows))
    assert judge_errors("are_bounded", facts).outcome is Outcome.UNKNOWN
    said_so = ASKED.replace("digest: true", "rotated: {web: logrotate on the node}")
    assert judge_errors("are_bounded", facts, said_so).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("settings", "kept", "bounded"),
    [
        ("SystemMaxUse 100G\n SystemKeepFree 0\n", Outcome.HOLDS, Outcome.FINDING),
        ("SystemMaxUse 100G\n SystemKeepFree 1G\n", Outcome.HOLDS, Outcome.HOLDS),
        ("SystemMaxUse 10M\n SystemKeepFree 0\n", Outcome.HOLDS, Outcome.HOLDS),
        ("SystemMaxUse 7x\n SystemKeepFree 0\n", Outcome.HOLDS, Outcome.UNKNOWN),
        ("Storage none\n", Outcome.FINDING, Outcome.HOLDS),
    ],
)
def test_the_journal_is_judged_by_its_own_settings(settings: str, kept: Outcome, bounded: Outcome) -> None:
    facts = facts_of(PRINTED.replace("SystemMaxUse 2G\n", settings), driver="journald", options={})
    assert judge_errors("are_kept", facts).outcome is kept
    assert judge_errors("are_bounded", facts).outcome is bounded


def test_a_journal_whose_settings_were_not_seen_is_unknown() -> None:
    facts = facts_of(PRINTED.replace("=journal\n SystemMaxUse 2G\n disk 41152736\n", ""), driver="journald", options={})
    assert {judge_errors(rule, facts).outcome for rule in ("are_kept", "are_bounded")} == {Outcome.UNKNOWN}


@pytest.mark.parametrize("printed", ["", "=container 4711\n", PRINTED.removesuffix("=end\n"), "=end\n"])
def test_a_look_at_logs_that_was_cut_short_is_unknown(printed: str) -> None:
    facts = facts_of(printed, printed)
    assert {judge_errors(rule, facts).outcome for rule in RULES} == {Outcome.UNKNOWN}


def test_a_container_that_started_meanwhile_or_does_not_run_is_unknown() -> None:
    assert judge_errors("are_kept", Facts("present")).outcome is Outcome.UNKNOWN
    assert judge_errors("are_kept", facts_of(None, pid=0), pid=0).outcome is Outcome.UNKNOWN
    assert judge_errors("are_kept", Unobservable("no route to host")).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (
            OLDER,
            "not asked for: `errors` is not in the inventory; `fleetkeeper init --update mine.yml` proposes it, "
            "or `none: why`",
        ),
        (OLDER + "errors: {none: nobody reads them}\n", "nobody reads them"),
        (OLDER + "errors: {digest: true, without: {web: it is a toy}}\n", "it is a toy"),
    ],
)
def test_nothing_is_judged_where_the_inventory_does_not_ask(written: str, reason: str) -> None:
    for rule in RULES:
        verdict = judge_errors(rule, facts_of(), written)
        assert (verdict.outcome, verdict.not_applicable) == (Outcome.NOT_APPLICABLE, reason)


@pytest.mark.parametrize("written", [OLDER, OLDER + "errors: {none: nobody}\n"])
def test_a_node_is_not_asked_where_the_inventory_does_not_ask(written: str) -> None:
    inventory = load_inventory(Path("mine.yml"), written)
    [observer] = TOPIC.observers
    link = Answers([])
    look = drive_in_lockstep({"errors": observer.observe(inventory.nodes["here"], inventory)}, link)
    assert (look, link.commands) == ({"errors": None}, [])


def test_a_service_that_the_inventory_lacks_is_an_error_with_its_line() -> None:
    with pytest.raises(InventoryError, match=r'mine.yml:6: errors.without.wbe: no service "wbe"'):
        load_inventory(Path("mine.yml"), OLDER + "errors: {without: {wbe: a typo}}\n")


def test_further_questions_are_asked_in_the_second_round_trip_about_what_others_ask_for_too() -> None:
    inventory = load_inventory(Path("mine.yml"), ASKED)
    [observer] = TOPIC.observers
    two = [container_document(driver="journald"), container_document() | {"Id": "5e" * 32}]
    words = [f"{ID}:4711", f"{'5e' * 32}:4711"]
    link = Answers([Output(0, f"1\n{json.dumps(two)}".encode()), *[Output(0, PRINTED.encode())] * 2])
    drive_in_lockstep({"errors": observer.observe(inventory.nodes["here"], inventory)}, link)
    assert link.commands == [inspect_containers(), look_at_logs(["search:4711", "4711", "journal"]), read_errors(words)]


def test_no_value_and_no_option_that_may_be_secret_is_in_the_facts() -> None:
    document = container_document("splunk", {"splunk-token": "canary-1", "max-size": "1m"})
    facts = facts_of(driver="splunk", options=document["HostConfig"]["LogConfig"]["Config"])
    assert "canary" not in repr(facts)
    assert facts.containers[0].max_size == "1m"


def test_more_containers_than_are_looked_into_are_unknown() -> None:
    [container] = parse_containers(json.dumps([container_document(pid=4712)]))
    facts = join_answer([LoggingContainer(ID, "local")], [container], Output(0, PRINTED.encode()))
    assert judge_errors("are_kept", facts).outcome is Outcome.UNKNOWN


SHIPPED = f"=shipper promtail\n reads {ID}\n file 65024:7\n journal\n"
DSN = " filled SENTRY_DSN\n secret /run/secrets/sentry_dsn\n"
SDK = " package /usr/local/lib/python3.9/site-packages/sentry_sdk\n"
BARE = PRINTED.replace(SHIPPED, "").replace(DSN, "").replace(SDK, " searched\n")
"""A program in Python without an SDK, a DSN or anybody who reads its log."""
NOTHING = "nothing sends the errors of shop_web.1.x on"
UNUSED = "shop_web.1.x has a DSN of Sentry, and no SDK that uses it"
UNREAD = "shop_web.1.x writes /code/celery GPU.log, which no program that ships logs has open"


def with_program(name: str) -> str:
    return BARE.replace("bin/python3.9", f"bin/{name}")


def with_shipper(rows: str) -> str:
    return BARE.replace("=journal", f"{rows}=journal")


@pytest.mark.parametrize(
    ("printed", "outcome", "saw"),
    [
        (PRINTED, Outcome.HOLDS, ""),
        (PRINTED.replace(SHIPPED, ""), Outcome.HOLDS, ""),
        (BARE, Outcome.FINDING, NOTHING),
        (BARE.replace(" searched", f"{DSN} searched"), Outcome.FINDING, UNUSED),
        (BARE.replace(" searched", " filled SENTRY_RELEASE\n searched"), Outcome.FINDING, NOTHING),
        (BARE.replace(" searched\n", SDK), Outcome.UNKNOWN, ""),
        (BARE.replace(" searched\n", ""), Outcome.UNKNOWN, ""),
        (with_program("postgres"), Outcome.FINDING, NOTHING),
        (with_program("php-fpm8.2"), Outcome.FINDING, NOTHING),
        (with_program("server"), Outcome.UNKNOWN, ""),
        (with_program("dash"), Outcome.UNKNOWN, ""),
        (BARE.replace(" program", " hidden\n program"), Outcome.UNKNOWN, ""),
        (with_shipper(SHIPPED), Outcome.HOLDS, ""),
        (with_shipper("=shipper vector\n"), Outcome.UNKNOWN, ""),
        (with_shipper(SHIPPED.replace("promtail", "clamd")), Outcome.UNKNOWN, ""),
        (with_shipper(SHIPPED.replace("promtail", "clamd").replace(ID, "5e" * 32)), Outcome.FINDING, NOTHING),
        (PRINTED.replace(SHIPPED, "").replace(DSN, " secret /var/lib/sentry\n"), Outcome.UNKNOWN, ""),
        (PRINTED.replace(SHIPPED, "").replace(DSN, " secret /run/secrets/pg_dsn\n"), Outcome.UNKNOWN, ""),
        (BARE.replace(" searched", " secret /srv/sentry-data\n searched"), Outcome.FINDING, NOTHING),
        (with_shipper(SHIPPED.replace("promtail", "restic")), Outcome.FINDING, NOTHING),
        (with_shipper(SHIPPED.replace(ID, "5e" * 32)), Outcome.FINDING, NOTHING),
        (with_shipper(SHIPPED).replace(" searched", f"{IN_VOLUME} searched"), Outcome.HOLDS, ""),
        (with_shipper(SHIPPED).replace(" searched", f"{IN_LAYER} searched"), Outcome.FINDING, UNREAD),
    ],
)
def test_case_99_errors_leave_a_service_by_an_sdk_that_is_on_or_by_a_program_that_has_its_log_open(
    printed: str, outcome: Outcome, saw: str
) -> None:
    verdict = judge_errors("reach_somebody", facts_of(printed))
    assert verdict.outcome is outcome
    assert [finding.saw for finding in verdict.findings] == ([saw] if saw else [])


@pytest.mark.parametrize(
    ("driver", "printed", "outcome"),
    [
        ("journald", with_shipper(SHIPPED), Outcome.HOLDS),
        ("journald", BARE, Outcome.FINDING),
        ("gelf", BARE, Outcome.HOLDS),
        ("local", with_shipper(SHIPPED.replace(ID, "5e" * 32)), Outcome.FINDING),
    ],
)
def test_a_log_driver_decides_who_can_ship_a_log(driver: str, printed: str, outcome: Outcome) -> None:
    assert judge_errors("reach_somebody", facts_of(printed, driver=driver, options={})).outcome is outcome


def test_what_an_image_was_searched_for_counts_for_each_of_its_containers() -> None:
    documents = [container_document(), container_document(pid=4712) | {"Id": "5e" * 32}]
    second = BARE.replace("=journal", "=container 4712\n program /usr/bin/python3\n=journal")
    containers = parse_containers(json.dumps(documents))
    facts = join_answer(
        [LoggingContainer(each.id, "local") for each in containers], containers, Output(0, second.encode())
    )
    assert [each.inside.package for each in facts.containers if isinstance(each.inside, Inside)] == ["", ""]


KINDS = DIGEST.replace(" read", ' 7 ERROR:  relation "..." does not exist\n 2 [error] 0#0: open() failed\n read')


def test_case_100_each_kind_of_error_is_a_warning_of_its_own_with_its_count() -> None:
    verdict = judge_errors("report_none", facts_of(digest=KINDS))
    assert verdict.outcome is Outcome.HOLDS
    assert [finding.saw for finding in verdict.warnings] == [
        'shop_web logged 7 times: ERROR: relation "..." does not exist',
        "shop_web logged 2 times: [error] 0#0: open() failed",
    ]


def test_without_a_digest_no_log_is_read_and_the_rule_does_not_apply() -> None:
    written = ASKED.replace("digest: true", "without: {}")
    inventory = load_inventory(Path("mine.yml"), written)
    [observer] = TOPIC.observers
    link = Answers([Output(0, f"1\n{json.dumps([container_document()])}".encode()), Output(0, PRINTED.encode())])
    drive_in_lockstep({"errors": observer.observe(inventory.nodes["here"], inventory)}, link)
    assert link.commands == [inspect_containers(), look_at_logs(["search:4711"])]
    assert judge_errors("report_none", facts_of(), written).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("digest", "outcome", "warnings"),
    [
        (DIGEST, Outcome.HOLDS, 0),
        (DIGEST.replace("status 0", "status 1"), Outcome.UNKNOWN, 0),
        (DIGEST.replace("status 0", "status "), Outcome.UNKNOWN, 0),
        (DIGEST.replace("status 0", "status 137"), Outcome.HOLDS, 1),
        (DIGEST.replace("read 3", "read 0").replace("status 0", "status 137"), Outcome.UNKNOWN, 0),
        (DIGEST.replace("read 3", "read 20000"), Outcome.HOLDS, 1),
        (DIGEST.replace(" read", " more 3\n read"), Outcome.HOLDS, 1),
        (DIGEST.replace(ID, "5e" * 32), Outcome.UNKNOWN, 0),
        ("", Outcome.UNKNOWN, 0),
    ],
)
def test_a_log_that_was_not_read_is_unknown_and_one_that_was_cut_says_so(
    digest: str, outcome: Outcome, warnings: int
) -> None:
    verdict = judge_errors("report_none", facts_of(digest=digest))
    assert (verdict.outcome, len(verdict.warnings)) == (outcome, warnings)


@pytest.mark.parametrize(
    ("printed", "kept"),
    [
        (
            "ERROR:  Mrs Smith has no address",
            "ERROR: an error of the server, whose words are not repeated: they may hold values of a row",
        ),
        (
            'ERROR:  duplicate key value violates unique constraint "x"',
            'ERROR: duplicate key value violates unique constraint "..."',
        ),
        ("ERROR 4111 1111 of mrs@smith.example", "ERROR 0 0 of MAIL"),
        ('ERROR "Mrs Smith', 'ERROR "..."'),
        ("ERROR\x1b[2J\u202e\u0007 x", "ERROR[0J x"),
        ("ERROR " + "x" * 10_000_000, ("ERROR " + "x" * 10_000_000)[:300]),
    ],
)
def test_what_a_node_prints_is_masked_once_more(printed: str, kept: str) -> None:
    """Another program than ours may answer on a node."""
    assert mask_text(printed) == kept
