"""Projects of Compose with programs: captured answers of Compose, real ones of each that is here, and hostile ones."""

import json
import shutil
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.stack import stack as stack_command
from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, judge_subject
from fleetkeeper.topics.registry import RULES
from fleetkeeper.topics.services.compose import compose_client
from fleetkeeper.topics.services.compose.compose_client import find_client
from fleetkeeper.topics.services.compose.declared import declared_project
from fleetkeeper.topics.services.compose.facts import DeclaredProject, ProjectService
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.transport import bounded_run
from fleetkeeper.transport.commands import Unobservable
from tests.helpers.compose_project import FIXTURES, VERSIONS, captured_containers, project_fleet

DEPLOYED = RULES["services.are_deployed_as_declared"]


def compose_here() -> str:
    """Why no Compose 2 is here; "" where it is."""
    try:
        find_client()
    except Unobservable as why:
        return why.why
    return ""


needs_compose = pytest.mark.skipif(bool(compose_here()), reason=compose_here() or "Compose is here")


def make_program(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A `docker-compose` that is a shell script, and no other one."""
    path = folder / "bin" / "docker-compose"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    monkeypatch.setattr(compose_client, "PLUGIN_FOLDERS", ())
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")


def captured_program(version: str) -> str:
    """A script that answers as a version of Compose did, and keeps its words and its environment."""
    return (
        'echo "$*" >>"${0%/*}/words"; env >>"${0%/*}/environment"\n'
        f'case "$*" in "version --short") echo {version} ;;\n'
        f'*--hash*) cat >/dev/null; cat "{FIXTURES}/hashes-{version}.txt" ;;\n'
        f'*) cat "{FIXTURES}/model-{version}.json" ;; esac'
    )


def write_captured_project(folder: Path, text: str = "", **files: str) -> Stack:
    """The captured project, or another text, with other files beside it (`web_env` is web.env)."""
    for name in ("web.env", "key.txt"):
        shutil.copy(FIXTURES / name, folder)
    shutil.copy(FIXTURES / "dot.env", folder / ".env")
    (folder / "compose.yaml").write_text(text or (FIXTURES / "compose.yaml").read_text())
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return Stack(kind="compose", node="web", file=str(folder / "compose.yaml"), directory="/srv/shop")


def services_by_name_of(declared: DeclaredProject) -> dict[str, ProjectService]:
    assert not isinstance(declared.services, Unobservable), declared.services
    return {service.name: service for service in declared.services}


def reason_of(declared: DeclaredProject) -> str:
    assert isinstance(declared.services, Unobservable), declared.services
    return f"{declared.services.why} ({declared.services.hint})"


@pytest.mark.parametrize("version", VERSIONS)
def test_case_90_what_compose_would_start_is_what_runs(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path, captured_program(version), monkeypatch)
    for name, value in (("DOCKER_HOST", "tcp://192.0.2.1:1"), ("DOCKER_CONTEXT", "x"), ("SECRET", "hidden-word")):
        monkeypatch.setenv(name, value)
    declared = declared_project(("shop", write_captured_project(tmp_path)))
    fleet = project_fleet(declared, captured_containers(version))
    assert judge_subject(DEPLOYED, fleet, Subject("stack", "shop")).outcome is Outcome.HOLDS
    assert "lab-only-password" not in repr(declared)
    environment = (tmp_path / "bin" / "environment").read_text()
    assert not [text for text in ("192.0.2.1", "DOCKER_CONTEXT=x", "hidden-word") if text in environment]
    words = (tmp_path / "bin" / "words").read_text().split("\n")
    assert [line.split(" config ")[1] for line in words[1:3]] == ["--no-path-resolution --format json", "--hash *"]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo Hello", "is another program"),
        ("yes 2.0", "printed more than 8 MiB"),
        ("yes >&2", "printed more than 8 MiB"),
        ("exit 3", "is another program"),
        ("echo 1.29.2", "Compose 1.29.2 here cannot say what Compose 2 would start"),
        ("echo 5.0.1; exec sleep 1000", "did not end within 2 s"),
        ('case "$*" in version*) echo 2.26.1 ;; *) echo "{" ;; esac', "not JSON"),
        ('case "$*" in version*) echo 2.26.1 ;; *) echo "[1]" ;; esac', "project is no object"),
        ('case "$*" in version*) echo 2.26.1 ;; *) echo "{\\"services\\": {\\"web\\": 3}}" ;; esac', "gave no hash"),
        (
            'case "$*" in version*) echo 2.26.1 ;; *) echo boom >&2; exit 9 ;; esac',
            "Compose refuses compose.yaml: boom",
        ),
    ],
)
def test_a_compose_that_is_none_or_breaks_is_unknown(
    script: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_run, "LIMIT", 2.0)
    make_program(tmp_path, script, monkeypatch)
    begun = time.monotonic()
    assert why in reason_of(declared_project(("shop", write_captured_project(tmp_path))))
    assert time.monotonic() - begun < 30


def test_what_a_hanging_compose_started_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_run, "LIMIT", 0.5)
    make_program(tmp_path, 'sleep 1000 & echo $! >"${0%/*}/pid"; wait', monkeypatch)
    assert "did not end" in reason_of(declared_project(("shop", write_captured_project(tmp_path))))
    child = Path("/proc") / (tmp_path / "bin" / "pid").read_text().strip() / "stat"
    end = time.monotonic() + 10
    while child.exists() and child.read_text().rpartition(")")[2].split()[0] != "Z" and time.monotonic() < end:
        time.sleep(0.05)
    assert not child.exists() or child.read_text().rpartition(")")[2].split()[0] == "Z"


def test_without_compose_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path, "", monkeypatch)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "`docker-compose` of Debian 13" in reason_of(declared_project(("shop", write_captured_project(tmp_path))))


@pytest.mark.parametrize(
    "message",
    [
        'failed to read /srv/web.env: line 1: unexpected character " " in variable name "KEY hidden-word"',
        "env file /srv/hidden-word not found",
        'invalid reference format: "x:hidden-word"',
    ],
)
def test_no_value_is_shown_of_what_compose_says(message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = f"case \"$*\" in version*) echo 2.26.1 ;; *) echo '{message}' >&2; exit 15 ;; esac"
    make_program(tmp_path, script, monkeypatch)
    stack = write_captured_project(tmp_path)
    (tmp_path / ".env").write_text("TAG=hidden-word\n")
    assert "hidden-word" not in reason_of(declared_project(("shop", stack)))


def test_a_missing_file_for_env_file_is_said_and_an_unreadable_file_is_unknown(tmp_path: Path) -> None:
    stack = write_captured_project(tmp_path)
    entry = stack.model_copy(update={"environment_files": (f"{tmp_path}/none",)})
    assert "none" in reason_of(declared_project(("shop", entry))) or compose_here()
    (tmp_path / "compose.yaml").write_text("a: [")
    assert "not YAML" in reason_of(declared_project(("shop", stack)))


def test_the_command_judges_a_file_for_compose_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(tmp_path, captured_program("2.26.1"), monkeypatch)
    stack = write_captured_project(tmp_path, "services:\n  web:\n    privileged: true\n    image: x:${TAG}-${LOST}\n")
    done = CliRunner().invoke(stack_command, ["--compose", stack.file])
    assert done.output.startswith(f"{stack.file}:4: ${{LOST}} is not set and becomes empty")
    assert done.exit_code == Exit.FINDINGS_REMAIN
    assert "privileged" in CliRunner().invoke(stack_command, [stack.file]).output


# Real ones


@needs_compose
def test_case_90_a_real_compose_declares_what_a_captured_one_started(tmp_path: Path) -> None:
    declared = declared_project(("shop", write_captured_project(tmp_path)))
    fleet = project_fleet(declared, captured_containers("2.26.1"))
    verdict = judge_subject(DEPLOYED, fleet, Subject("stack", "shop"))
    assert (verdict.findings, verdict.outcome) == ((), Outcome.HOLDS)


@needs_compose
@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("TAG=1.2", "TAG=1.3", "web"),
        ("lab-only-password", "other", "web"),
        ("sleep", "sleeep", "pair"),
        ('["true"]', '["false"]', "job"),
    ],
)
def test_a_change_of_a_file_is_one_of_the_hash(old: str, new: str, name: str, tmp_path: Path) -> None:
    before = services_by_name_of(declared_project(("shop", write_captured_project(tmp_path))))
    for file in (".env", "web.env", "compose.yaml"):
        path = tmp_path / file
        path.write_text(path.read_text().replace(old, new))
    stack = Stack(kind="compose", node="web", file=str(tmp_path / "compose.yaml"), directory="/srv/shop")
    after = services_by_name_of(declared_project(("shop", stack)))
    assert not set(before[name].digests) & set(after[name].digests)


@needs_compose
def test_what_is_not_here_makes_the_hash_doubtful_and_nothing_else(tmp_path: Path) -> None:
    stack = write_captured_project(tmp_path)
    (tmp_path / "web.env").unlink()
    (tmp_path / ".env").unlink()
    declared = declared_project(("shop", stack.model_copy(update={"environment": ("TAG",)})))
    services = services_by_name_of(declared)
    assert (services["web"].doubts, services["job"].doubts) == (("variables", "env file"), ())
    assert (declared.unset, declared.missing) == (("TAG",), ("web.env",))


@needs_compose
@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: x, unknown_key: 1}}\n",
        "services: {web: {image: 'x:${TAG2:?needed}'}}\n",
        "services: {web: {extends: {file: none.yml, service: a}}}\n",
        "include: ['https://example.invalid/a.git']\nservices: {web: {image: x}}\n",
        "include: ['oci://example.invalid/a']\nservices: {web: {image: x}}\n",
        "services: {web: {image: x, secrets: [none]}}\n",
    ],
)
def test_a_file_that_compose_refuses_is_unknown(text: str, tmp_path: Path) -> None:
    assert reason_of(declared_project(("shop", write_captured_project(tmp_path, text)))).startswith(
        "Compose refuses compose.yaml"
    )


@needs_compose
def test_several_files_profiles_templates_and_replicas_are_those_of_compose(tmp_path: Path) -> None:
    text = (
        "x-base: &base {restart: always}\nservices:\n"
        "  web:\n    <<: *base\n    image: x:1\n    ports: ['80-81:80-81']\n"
        "  more: {extends: {service: web}, scale: 3}\n  gone: {image: y, profiles: [off]}\n"
    )
    stack = write_captured_project(tmp_path, text, prod_yaml="services: {web: {image: 'x:2', volumes: ['./d:/d']}}\n")
    entry = stack.model_copy(update={"overrides": (str(tmp_path / "prod.yaml"),)})
    services = services_by_name_of(declared_project(("shop", entry)))
    web = services["web"].fields
    assert (web["image"], web["restart"], web["port 81/tcp"]) == ("x:2", "always", "81")
    assert web["mount /d"] == "bind /srv/shop/d"
    assert (services["more"].replicas, services["gone"].optional, services["web"].relative) == (3, True, True)


@needs_compose
def test_the_hash_made_here_is_that_of_compose(tmp_path: Path) -> None:
    """Of files with all kinds of values: otherwise a container of another version would not be recognised."""
    text = json.dumps({"services": {"web": {
        "image": "x", "command": ["a$$b", "<&>", "ü\u2028"], "environment": {"A": "$$1 \"q\"", "B": ""},
        "deploy": {"resources": {"limits": {"cpus": "0.5", "memory": "100M"}}}, "ulimits": {"nofile": 5},
        "healthcheck": {"test": ["CMD", "x"], "interval": "1m30s"}, "ports": ["80:80"], "labels": {"l": "a=b"},
        "depends_on": ["db"]}, "db": {"image": "y"},
        "near": {"image": "y", "pid": "service:web", "profiles": ["p"]}}})  # fmt: skip
    declared = declared_project(("shop", write_captured_project(tmp_path, text)))
    services = services_by_name_of(declared)
    assert len(services["web"].digests) == 2
    assert services["near"].hashed is not None


@needs_compose
def test_a_variable_without_a_value_is_that_of_whoever_started_it(tmp_path: Path) -> None:
    text = (FIXTURES / "compose.yaml").read_text().replace('["true"]', '["true"]\n    environment: [TZ]')
    declared = declared_project(("shop", write_captured_project(tmp_path, text)))
    assert (services_by_name_of(declared)["job"].doubts, declared.unset) == (("variables",), ("TZ",))
    verdict = judge_subject(DEPLOYED, project_fleet(declared, captured_containers("2.26.1")), Subject("stack", "shop"))
    assert (verdict.findings, verdict.outcome) == ((), Outcome.HOLDS)
