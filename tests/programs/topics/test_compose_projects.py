"""Projects of Compose with programs: captured answers of Compose, real ones of each that is here, and hostile ones."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from fleetkeeper.commands.stack import stack as stack_command
from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import Outcome, judge_subject
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.topics.services.compose import compose_client
from fleetkeeper.topics.services.compose.compose_client import find_client
from fleetkeeper.topics.services.compose.declared import declared_project
from fleetkeeper.topics.services.compose.facts import DeclaredProject, ProjectService
from fleetkeeper.topics.services.compose.observe import container_variables, describe_projects
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.topics.services.stacks.observe import observe
from fleetkeeper.topics.services.stacks.values import json_texts, variable_digests
from fleetkeeper.transport import bounded_run
from fleetkeeper.transport.commands import Output, Unobservable
from tests.helpers.compose_project import FIXTURES, INVENTORY, VERSIONS, captured_containers, project_fleet

DEPLOYED = RULES["services.are_deployed_as_declared"]
SOUND = RULES["services.have_sound_stack_files"]


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


def test_each_file_of_a_project_is_looked_at_and_a_problem_says_in_which_it_is(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: x:1\n"
    override = 'services:\n  db:\n    image: y:1\n    healthcheck: {test: ["CMD-SHELL", "a", "b"]}\n'
    stack = write_captured_project(tmp_path, text, prod_yaml=override)
    entry = stack.model_copy(update={"overrides": (str(tmp_path / "prod.yaml"),), "order": ("db", "web", "gone")})
    verdict = judge_subject(SOUND, project_fleet(declared_project(("shop", entry))), Subject("stack", "shop"))
    assert [(finding.about, finding.saw) for finding in verdict.findings] == [
        ("services", "compose.yaml:1: `order` of the inventory names gone, which is no service of the file"),
        (
            "prod.yaml services.db.healthcheck.test",
            "prod.yaml:4: CMD-SHELL takes one text: only `a` is run",
        ),
    ]


@pytest.mark.parametrize("more", ["include: [other.yaml]\n", ""])
def test_a_service_that_the_inventory_orders_may_be_in_a_file_that_is_included(more: str, tmp_path: Path) -> None:
    text = f"{more}services:\n  web:\n    image: x:1\n"
    entry = write_captured_project(tmp_path, text).model_copy(update={"order": ("web", "db")})
    problems = declared_project(("shop", entry)).problems
    assert not isinstance(problems, Unobservable)
    assert [problem.key for problem in problems] == ([] if more else ["services"])


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("include: [other.yaml]\n", "compose.yaml:1"),
        ("  db:\n    extends: {file: other.yaml, service: db}\n", "compose.yaml:5"),
    ],
)
def test_what_a_file_takes_from_another_one_is_unknown(
    more: str, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    web = "services:\n  web:\n    image: x:1\n"
    stack = write_captured_project(tmp_path, more + web if more[0] == "i" else web + more)
    verdict = judge_subject(SOUND, project_fleet(declared_project(("shop", stack))), Subject("stack", "shop"))
    assert [why.why for why in verdict.unknown] == [f"{line}: the other file is not looked at"]
    make_program(tmp_path, captured_program("2.26.1"), monkeypatch)
    done = CliRunner().invoke(stack_command, ["--compose", stack.file])
    assert f"unknown: {line}: the other file is not looked at" in done.output
    assert done.exit_code == Exit.NOT_ALL_SEEN


def test_a_service_that_extends_one_of_the_same_files_is_looked_at(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: x:1\n  db:\n    extends: {file: ./compose.yaml, service: web}\n"
    stack = write_captured_project(tmp_path, text)
    verdict = judge_subject(SOUND, project_fleet(declared_project(("shop", stack))), Subject("stack", "shop"))
    assert verdict.outcome is Outcome.HOLDS


def test_a_file_of_the_same_name_in_another_folder_is_another_file(tmp_path: Path) -> None:
    text = "services:\n  web:\n    image: x:1\n    extends: {file: base.yaml, service: web}\n"
    stack = write_captured_project(tmp_path, text)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "base.yaml").write_text("services:\n  web:\n    image: x:1\n")
    entry = stack.model_copy(update={"overrides": (str(tmp_path / "more" / "base.yaml"),)})
    assert declared_project(("shop", entry)).unread == ("compose.yaml:4",)


# Variables of containers

KEY = "12345678901234567890123456789012345678"
ENVIRONMENT = ["PATH=/bin", "A=", "B==", 'C="q" \'q\' `x` $(y) $HOME \\n \\', "D=a\nb\tc", "E=ünï €\U0001f600",
               "F=</b>&", "NAKED", "G= blanks  ", "I=EOF\n3\n9", "J=" + "x" * 5000, "K=k", "own 1 2=x"]  # fmt: skip


@pytest.mark.parametrize("shell", [["dash"], ["busybox", "sh"], ["bash", "--posix"]], ids=" ".join)
def test_case_90_no_value_of_a_container_s_variables_leaves_the_node(shell: list[str], tmp_path: Path) -> None:
    """Two containers of an image that is there, one of an image that is gone, and one that has ended meanwhile."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    texts = [next(json_texts(each)) for each in ENVIRONMENT]
    rows = [f"container {number} sha256:{image}\n" + "".join(f"own {number} {text}\n" for text in own) + "\n"
            for number, image, own in (("c1", "1a", texts), ("c2", "1a", []), ("c3", "2b", texts[:2]))]  # fmt: skip
    (tmp_path / "containers").write_text("".join(rows))
    (tmp_path / "images").write_text(f"image sha256:1a\nof sha256:1a {texts[0]}\nof sha256:1a {texts[7]}\n")
    docker = tmp_path / "docker"
    docker.write_text(
        f'#!/bin/sh\necho "$*" >>"{tmp_path}/words"\ncase "$1 $2" in "ps -aq") echo c1; echo c2; echo c3; echo c4 ;; '
        f'"image inspect") cat "{tmp_path}/images"; exit 1 ;; *) cat "{tmp_path}/containers"; exit 1 ;; esac\n'
    )
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DOCKER_HOST": "unix:///nowhere"}
    words = (*shell, "-c", *describe_projects(KEY, ["shop", "blog"]).words[2:])
    done = subprocess.run(words, env=environment, capture_output=True, check=False, timeout=60)
    first, second, third = container_variables(Output(done.returncode, done.stdout, done.stderr))
    assert (first.container, second.container, third.container) == ("c1", "c2", "c3")
    assert first.names == tuple(each.partition("=")[0] for each in ENVIRONMENT if "=" in each)
    assert (first.of_image, first.perhaps_of_image) == (("PATH",), ())
    assert (second.names, third.of_image, third.perhaps_of_image) == ((), (), ("PATH", "A"))
    assert first.digests is not None
    for each in ENVIRONMENT:
        name, _, value = each.partition("=")
        assert name == "NAKED" or first.digests[name] in variable_digests(each, KEY), each
        assert len(value) < 4 or value.encode() not in done.stdout
        assert len(value) < 4 or value not in (tmp_path / "words").read_text()
    calls = (tmp_path / "words").read_text().split("\n")
    assert [line.rpartition("=")[2] for line in calls[:2]] == ["shop", "blog"]


@pytest.mark.parametrize("answer", [Output(0, b"container c1\n"), Output(71, b"", b"no engine"), Output(0, b"")])
def test_an_incomplete_answer_about_variables_is_unknown(answer: Output) -> None:
    with pytest.raises(Unobservable):
        container_variables(answer)


def test_only_the_node_of_a_project_is_asked_about_its_containers() -> None:
    other = INVENTORY.replace("nodes: {", "nodes: {db: {address: 192.0.2.1, sudo: true}, ")
    more = other.replace("stacks: {", "stacks: {blog: {kind: compose, node: db, file: /x, project: b-l}, ")
    inventory = load_inventory(Path("mine.yml"), more)
    questions = {name: next(observe(inventory.nodes[name], inventory)) for name in ("web", "db")}
    assert [command.words[-1] for command in questions["web"][2:]] == ["shop"]
    assert [command.words[-1] for command in questions["db"][2:]] == ["b-l"]
    swarm = load_inventory(Path("mine.yml"), other.replace("kind: compose, node: web, ", ""))
    assert len(next(observe(swarm.nodes["web"], swarm))) == 2


# Real ones

VARIABLES = """
x-common: &common {LOG: info}
services:
  web:
    image: x
    env_file: [web.env, {path: none.env, required: false}, lost.env]
    environment: {<<: *common, NUM: 5, EMPTY: "", PASSED: , SMILE: "\U0001f600 €", WHO: "${USER}", IN: "${HOME}/x",
                  TAG: "${TAG}", LATER: "${LATER}", MONEY: "a$$b"}
  list:
    image: x
    environment: ["A=1", B==, PASSED, TAG]
    secrets: [key]
secrets: {key: {file: key.txt}}
"""


@needs_compose
def test_case_90_the_variables_of_a_service_are_those_that_compose_sets(tmp_path: Path) -> None:
    stack = write_captured_project(tmp_path, VARIABLES, web_env="LONE\nINTERP=${TAG}\nWEB=1\nOWED=${LATER}\n")
    declared = declared_project(("shop", stack.model_copy(update={"environment": ("LATER",)})))
    services = services_by_name_of(declared)
    web, listed = services["web"].variables, services["list"].variables
    assert sorted(web.lines) == sorted(
        ["LOG", "NUM", "EMPTY", "SMILE", "WHO", "IN", "TAG", "LATER", "MONEY", "INTERP", "WEB", "OWED"]
    )
    assert set(web.unsettled) - {"A", "B"} == {"PASSED", "LONE", "WHO", "IN", "LATER", "OWED", "INTERP", "WEB"}
    assert (web.more, web.lines["NUM"], web.lines["WEB"], listed.lines["B"]) == (True, 7, 6, 11)
    assert (set(listed.lines), listed.unsettled, listed.more) == ({"A", "B", "TAG"}, ("PASSED",), False)
    digests = {**(web.digests or {}), **(listed.digests or {})}
    for name, value in {"SMILE": "\U0001f600 €", "NUM": "5", "MONEY": "a$b", "B": "=", "TAG": "1.2"}.items():
        assert digests[name] == variable_digests(f"{name}={value}", run_key())


@needs_compose
def test_what_an_env_file_that_is_not_here_may_set_otherwise_is_unsettled(tmp_path: Path) -> None:
    text = "services: {web: {image: x, env_file: [web.env, ./lost.env], environment: {FIXED: a}}}\n"
    declared = declared_project(("shop", write_captured_project(tmp_path, text, web_env="MAYBE=1\n")))
    variables = services_by_name_of(declared)["web"].variables
    assert (set(variables.lines), variables.unsettled) == ({"FIXED", "MAYBE"}, ("MAYBE",))


@needs_compose
def test_an_env_file_in_a_directory_of_somebody_else_is_not_here(tmp_path: Path) -> None:
    text = "services: {web: {image: x, env_file: ['${PWD}/web2.env', '${HOME}/x.env', '${LATER}/y.env']}}\n"
    stack = write_captured_project(tmp_path, text)
    declared = declared_project(("shop", stack.model_copy(update={"environment": ("LATER",)})))
    assert services_by_name_of(declared)["web"].doubts[-2:] == ("env file", "home")


@needs_compose
def test_what_files_besides_take_from_elsewhere_is_unsettled(tmp_path: Path) -> None:
    text = "include: [more.yaml]\nservices: {web: {extends: {file: more.yaml, service: base}}}\n"
    more = "services: {base: {image: x, environment: {A: '${LATER}', B: '${USER}', C: c}}}\n"
    stack = write_captured_project(tmp_path, text, more_yaml=more)
    services = services_by_name_of(declared_project(("s", stack.model_copy(update={"environment": ("LATER",)}))))
    assert [set(services[name].variables.unsettled) for name in ("web", "base")] == [{"A", "B"}] * 2


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
def test_what_compose_refuses_has_its_line_and_no_warning_and_no_value(tmp_path: Path) -> None:
    text = "version: '3'\nservices:\n  web:\n    image: '${LOST}'\n    env_file: gone.env\n    imgae: y\n"
    reason = reason_of(declared_project(("shop", write_captured_project(tmp_path, text))))
    assert reason.startswith("Compose refuses compose.yaml:6: ")
    assert "obsolete" not in reason
    assert "fleetkeeper-" not in reason
    text = "services: {web: {image: x, healthcheck: {test: [curl, hidden-word]}, labels: {a: 'hidden-word ${'}}}\n"
    assert "hidden-word" not in reason_of(declared_project(("shop", write_captured_project(tmp_path, text))))


@needs_compose
@pytest.mark.parametrize(
    ("keys", "unsettled"),
    [
        ("volumes: ['${X}:/d']", {"mount /d"}),
        ("volumes: ['${HOME}/a:/d']", {"mount /d"}),
        ("ports: ['${X}:80']", {"port 80/tcp"}),
        ("ports: ['${X}']", {"port "}),
        ("privileged: '${X}'", {"privileged"}),
        ("healthcheck: {test: x, interval: '${X}'}", set()),
        ("networks: ['${X}']", set()),
    ],
)
def test_what_is_set_elsewhere_may_stand_anywhere_in_the_file(keys: str, unsettled: set[str], tmp_path: Path) -> None:
    text = f"services: {{web: {{image: x, {keys}}}}}\nnetworks: {{a: , b: }}\n"
    stack = write_captured_project(tmp_path, text).model_copy(update={"environment": ("X",)})
    service = services_by_name_of(declared_project(("shop", stack)))["web"]
    numbered = {name for name in service.unsettled if re.search(r"[24]\d{4}/tcp$", name)}
    assert ({*service.unsettled} - numbered, service.doubts[0]) == (unsettled, "variables")


@needs_compose
def test_a_file_without_services_declares_none(tmp_path: Path) -> None:
    assert services_by_name_of(declared_project(("shop", write_captured_project(tmp_path, "services: {}\n")))) == {}


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
