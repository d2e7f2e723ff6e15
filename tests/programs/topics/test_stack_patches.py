"""Patches of stack files, with Docker's own client, `patch` and `git apply`. What runs is what another declares."""

import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper.exit_codes import Exit
from fleetkeeper.looking.fleet import HERE, Fleet
from fleetkeeper.looking.recording import dump_recording, load_recording
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.errors.facts import Facts as Errors
from fleetkeeper.topics.errors.facts import Inside, LoggingContainer, OpenLog
from fleetkeeper.topics.registry import TOPICS, load_inventory, observers_in
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.topics.services.rules.deployed import compare_services
from fleetkeeper.topics.services.stacks.declared import from_here, read_stack
from fleetkeeper.topics.services.stacks.facts import Facts, StackService
from fleetkeeper.topics.services.stacks.field_names import USER
from fleetkeeper.topics.services.stacks.file_patch import FilePatch, patch_file, unified_lines, with_its_user
from fleetkeeper.transport.commands import Unobservable
from remediate.commands.stack_patch import print_patches

pytestmark = pytest.mark.skipif(shutil.which("docker") is None, reason="no Docker client here")
BLOCK = """\
version: "3.8"
# the web
services:
  web:
    image: nginx:1.27   # see ticket 7
    user: "33"
    environment:
      # ünïcödé €
      A: "1"
      B: two   # second
    command: ["run", "--password=hidden-word"]
    cap_add: [NET_ADMIN, SYS_TIME]
    healthcheck:
      test: ["CMD", "true"]
      interval: 30s
    deploy:
      replicas: 2
      resources:
        limits:
          cpus: "0.5"
          memory: 100M
      placement:
        constraints:
          - node.role == manager
          - node.labels.a == b
      update_config: {parallelism: 2, order: start-first}

  bare:
    image: busybox:1
"""
CHANGES = {
    "image": ("nginx:1.27", "nginx:1.28"),
    "no user": ('    user: "33"\n', ""),
    "another user": ('user: "33"', 'user: "1000:1000"'),
    "replicas": ("replicas: 2", "replicas: 5"),
    "none": ("replicas: 2", "replicas: 0"),
    "memory": ("memory: 100M", "memory: 1500M"),
    "cpus": ('cpus: "0.5"', 'cpus: "0.25"'),
    "order": (", order: start-first", ""),
    "parallelism": ("parallelism: 2, ", ""),
    "failure": ("parallelism: 2,", "parallelism: 2, failure_action: rollback,"),
    "interval": ("interval: 30s", "interval: 1m30s"),
    "variable": ("      B: two   # second\n", ""),
    "constraint": ("          - node.labels.a == b\n", ""),
    "another constraint": ("node.labels.a == b", "node.labels.a == c"),
    "first constraint": ("          - node.role == manager\n", ""),
    "one more constraint": ("node.labels.a == b", "node.labels.a == b\n          - node.labels.z != $$x"),
    "capability": ("[NET_ADMIN, SYS_TIME]", "[NET_ADMIN]"),
    "more capabilities": ("SYS_TIME]", "SYS_TIME, CHOWN]"),
    "replicas of a bare one": ("busybox:1\n", "busybox:1\n    deploy: {replicas: 3}\n"),
    "directory of a bare one": ("busybox:1\n", "busybox:1\n    working_dir: /srv/a b\n"),
    "restart of a bare one": ("busybox:1\n", "busybox:1\n    deploy: {restart_policy: {condition: none, delay: 1s}}\n"),
}


def services_of(folder: Path, text: str) -> dict[str, StackService]:
    """The services that Docker's client would write of a file."""
    folder.mkdir(exist_ok=True)
    (folder / "stack.yml").write_bytes(text.encode())
    reading = read_stack("rodan", Stack(file=str(folder / "stack.yml")), {})
    return {service.name: service for service in reading.services()}


def patched(folder: Path, text: str, running: dict[str, StackService]) -> FilePatch:
    declared = services_of(folder, text)
    reading = read_stack("rodan", Stack(file=str(folder / "stack.yml")), {})
    lasting = {name: with_its_user(running[name]) for name in declared}
    differences = [
        (name, path)
        for name, service in lasting.items()
        for path in compare_services(declared[name], service).different
    ]
    return patch_file(reading, declared, lasting, differences)


def apply_patch(folder: Path, patch: str, *program: str) -> str:
    subprocess.run(program, cwd=folder, input=patch.encode(), check=True, capture_output=True)
    return (folder / "stack.yml").read_bytes().decode()


SAMPLE = ("image", "no user", "none", "variable", "another constraint", "restart of a bare one")


@pytest.mark.parametrize("change", [c if c in SAMPLE else pytest.param(c, marks=pytest.mark.long) for c in CHANGES])
def test_case_88_a_patch_makes_the_file_say_what_runs_and_touches_no_other_line(change: str, tmp_path: Path) -> None:
    old, new = CHANGES[change]
    assert old in BLOCK
    runs = BLOCK.replace(old, new, 1)
    running = services_of(tmp_path / "runs", runs)
    file = patched(tmp_path / "file", BLOCK, running)
    assert file.words == ()
    lines = list(unified_lines("stack.yml", BLOCK, file.text))
    assert len([line for line in lines if line[:1] in "+-" and line[:3] not in ("---", "+++")]) <= 2
    programs = [("patch", "-p0"), ("git", "apply", "-p0", "-")]
    for program in [words for words in programs if shutil.which(words[0])]:
        (tmp_path / "file" / "stack.yml").write_text(BLOCK)
        assert apply_patch(tmp_path / "file", "# a word\n" + "".join(lines), *program) == file.text
    again = patched(tmp_path / "file", file.text, running)
    assert (again.text, again.words) == (file.text, ())


def test_all_changes_together_are_one_patch(tmp_path: Path) -> None:
    runs = BLOCK
    for change in ("image", "another user", "replicas", "memory", "variable", "constraint", "interval"):
        runs = runs.replace(*CHANGES[change])
    file = patched(tmp_path / "file", BLOCK, services_of(tmp_path / "runs", runs))
    assert (file.text, file.words) == (runs.replace("1m30s", "90s"), ())


@pytest.mark.parametrize("end", ["\r\n", "\n"])
def test_ends_of_lines_and_a_last_line_without_end_stay(end: str, tmp_path: Path) -> None:
    text = BLOCK.rstrip("\n").replace("\n", end)
    runs = text.replace("busybox:1", "busybox:2").replace("replicas: 2", "replicas: 3")
    file = patched(tmp_path / "file", text, services_of(tmp_path / "runs", runs))
    assert file.text == runs
    if end == "\n":
        patch = "".join(unified_lines("stack.yml", text, file.text))
        assert apply_patch(tmp_path / "file", patch, "patch", "-p0") == runs


SHARED = """\
version: "3.8"
x-deploy: &deploy {replicas: 2}
services:
  web: &web
    image: nginx:${TAG:-1.27}
    command: run
    environment: {PASSWORD: hidden-word, OTHER: x}
    volumes: ["data:/data"]
    deploy: *deploy
  two:
    <<: *web
    image: busybox:1
volumes: {data: }
"""


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("replicas: 2", "replicas: 3", "stack.yml:2: rodan_web runs with replicas 3"),
        ("1.27", "1.28", "stack.yml:5: rodan_web runs with image nginx:1.28"),
        ("command: run", "command: walk", "stack.yml:6: rodan_web runs with another command: `docker service inspect"),
        ("hidden-word", "other-word", "stack.yml:7: rodan_web runs with another variable PASSWORD: `docker service"),
        ("OTHER: x", "OTHER: x, NEW: other-word", "stack.yml:7: rodan_web runs with another variable NEW: `docker"),
        ("PASSWORD: hidden-word, ", "", "stack.yml:7: rodan_web runs without variable PASSWORD"),
        ('["data:/data"]', '["data:/data:ro"]', "stack.yml:8: rodan_web runs with mount /data read_only true"),
    ],
)
def test_what_is_not_written_in_one_place_or_may_be_secret_is_said_in_words(
    old: str, new: str, words: str, tmp_path: Path
) -> None:
    running = services_of(tmp_path / "runs", SHARED.replace(old, new))
    file = patched(
        tmp_path / "file", SHARED, {**services_of(tmp_path / "x", SHARED), "rodan_web": running["rodan_web"]}
    )
    assert file.text == SHARED
    assert file.words[0].startswith(words)
    assert not any("other-word" in line or "hidden-word" in line for line in file.words)


def test_a_user_that_fleetkeeper_set_belongs_into_the_file_and_its_update_settings_do_not(tmp_path: Path) -> None:
    running = services_of(tmp_path / "runs", BLOCK.replace('"33"', '"1000"').replace("start-first", "stop-first"))
    marked = {name: replace(service, lent=(USER, "UpdateConfig.")) for name, service in running.items()}
    assert patched(tmp_path / "file", BLOCK, marked).text == BLOCK.replace('"33"', '"1000"')


def test_text_of_a_node_cannot_add_a_line_or_a_variable(tmp_path: Path) -> None:
    declared = services_of(tmp_path / "file", BLOCK)
    hostile = replace(
        declared["rodan_web"], fields={**declared["rodan_web"].fields, USER: '"x\\n    privileged: ${TAG}"'}
    )
    file = patched(tmp_path / "file", BLOCK, {**declared, "rodan_web": hostile})
    assert file.text == BLOCK.replace('"33"', '"x\\n    privileged: $${TAG}"')


def fleet_of(folder: Path, running: dict[str, StackService], text: str = BLOCK) -> Fleet:
    """A look at a swarm in which these services run, and whose inventory has the file with the text."""
    (folder / "stack.yml").write_text(text)
    inventory = load_inventory(folder / "mine.yml", INVENTORY)
    declared = from_here(inventory)
    facts = {("manager", "stacks"): Facts("manager", tuple(running.values())), (HERE, "stacks"): declared}
    return Fleet(inventory, datetime(2026, 11, 30, tzinfo=UTC), facts)


INVENTORY = """
nodes: {manager: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
stacks: {rodan: {file: stack.yml}}
"""


def test_case_88_the_command_prints_a_patch_with_comments_and_nothing_once_it_is_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = BLOCK.replace("1.27", "1.28").replace("hidden-word", "other-word") + "  more:\n    image: x:1\n"
    running = services_of(tmp_path / "runs", runs)
    assert print_patches(fleet_of(tmp_path, running)) is Exit.FINDINGS_REMAIN
    printed = capsys.readouterr().out
    assert "# by hand: rodan_more runs in the stack and is not in stack.yml" in printed
    assert "# by hand: stack.yml:11: rodan_web runs with another command" in printed
    assert "-    image: nginx:1.27   # see ticket 7\n+    image: nginx:1.28   # see ticket 7\n" in printed
    assert "other-word" not in printed
    apply_patch(tmp_path, printed, "patch", "-p0")
    by_hand = (tmp_path / "stack.yml").read_text().replace("hidden-word", "other-word") + "  more:\n    image: x:1\n"
    assert print_patches(fleet_of(tmp_path, running, by_hand)) is Exit.NOTHING_LEFT
    assert capsys.readouterr().out == "# rodan: stack.yml says what runs\n"


def test_what_was_not_seen_or_not_compared_gets_no_patch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    running = services_of(tmp_path / "runs", BLOCK)
    fleet = fleet_of(tmp_path, running)
    recorded = load_recording(dump_recording(fleet), fleet.inventory, observers_in(TOPICS))
    dark = replace(fleet, facts={**fleet.facts, ("manager", "stacks"): Unobservable("no route to host")})
    for look, why in ((recorded, "values of rodan_web were not compared"), (dark, "no route to host")):
        assert print_patches(look) is Exit.NOT_ALL_SEEN
        printed = capsys.readouterr().out
        assert why in printed
        assert all(line.startswith("# unknown: ") for line in printed.splitlines())


def test_case_105_the_patch_also_writes_what_rules_about_errors_ask_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yml").write_text(BLOCK)
    running = services_of(tmp_path / "runs", BLOCK)
    inside = Inside(("/usr/bin/python3",), (OpenLog("/code/a.log", "/", "overlay", "1:2"),), (), (), "/sentry_sdk")
    labels = {"com.docker.stack.namespace": "rodan", "com.docker.swarm.service.name": "rodan_web"}
    container = Container("4f" * 32, "rodan_web.1.x", pid=4711, labels=labels)
    logging = LoggingContainer(container.id, "json-file", inside=inside)
    fleet = fleet_of(tmp_path, running)
    text = INVENTORY.replace("services: {none: a test}", "services: {web: {name: rodan_web}}") + "errors: {}\n"
    seen = {
        ("manager", "containers"): Containers("present", (container,)),
        ("manager", "errors"): Errors("present", (logging,)),
    }
    fleet = replace(fleet, inventory=load_inventory(tmp_path / "mine.yml", text), facts={**fleet.facts, **seen})
    assert print_patches(fleet) is Exit.FINDINGS_REMAIN
    printed = capsys.readouterr().out
    assert "# in the patch: the log of web gets a limit\n" in printed
    assert "# by hand: web writes to standard output instead" in printed
    apply_patch(tmp_path, printed, "patch", "-p0")
    patched = read_stack("rodan", Stack(file=str(tmp_path / "stack.yml")), {})
    service = next(each for each in patched.services() if each.name == "rodan_web")
    added = service.fields.keys() - running["rodan_web"].fields.keys()
    beginnings = ("TaskTemplate.LogDriver", "TaskTemplate.ContainerSpec.Secrets.sentry_dsn")
    assert {next(each for each in beginnings if path.startswith(each)) for path in added} == set(beginnings)
    print_patches(fleet)
    again = capsys.readouterr().out
    assert "the file says so, and what runs is older: deploy it" in again
    assert not [line for line in again.splitlines() if not line.startswith("#")]
