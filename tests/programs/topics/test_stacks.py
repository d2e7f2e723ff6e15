"""Stacks with real programs: Docker's own client against the recorder, and the node's script in three shells."""

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.topics.services.stacks.declared import declared_stack
from fleetkeeper.topics.services.stacks.facts import DeclaredStack, StackService
from fleetkeeper.topics.services.stacks.field_names import ENV, IMAGE, REPLICAS
from fleetkeeper.topics.services.stacks.observe import describe_stacks
from fleetkeeper.topics.services.stacks.parse import parse_description
from fleetkeeper.topics.services.stacks.values import json_texts, variable_digests
from fleetkeeper.transport import bounded_run
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script

needs_client = pytest.mark.skipif(shutil.which("docker") is None, reason="no Docker client here")
KEY = "12345678901234567890123456789012345678"
SHELLS = [["dash"], ["busybox", "sh"], ["bash", "--posix"]]
FIXED = ["A=", "B==", 'C="q" \'q\' `x` $(y) $HOME \\n \\', "D=a\nb\tc\rd", "E=ünï €\U0001f600", "F=</b>&\u2028",
         "G=\b\f\x01\x7f", "NAKED", "H= leading and trailing ", "I=EOF\n3\n9", "J=" + "x" * 5000]  # fmt: skip
ALPHABET = "ab =\"'\\$`<>&\n\t\b\x01é€\u2028\U0001f600%!*#;|"


def random_variables(count: int) -> list[str]:
    chosen = random.Random(15)
    return [f"V{n}={''.join(chosen.choices(ALPHABET, k=chosen.randrange(40)))}" for n in range(count)]


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
@pytest.mark.parametrize("style", range(4))
def test_the_digests_of_a_node_are_those_of_the_same_values_here(shell: list[str], style: int, tmp_path: Path) -> None:
    """Case 71: no value leaves the node. Each way in which a client may write it, in each shell that nodes have."""
    if shutil.which(shell[0]) is None:
        pytest.skip(f"no {shell[0]} here")
    variables = [*FIXED, *random_variables(40)]
    written = [list(json_texts(variable))[style] for variable in variables]
    (tmp_path / "answer").write_text("".join(f"s{n % 3} {text}\n\n" for n, text in enumerate(written)))
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\ncase "$1 $2" in "service ls") echo s0 ;; "network ls") echo network n1 a ;; '
        f'*) cat "{tmp_path}/answer" ;; esac\n'
    )
    docker.chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "DOCKER_HOST": "unix:///nowhere"}
    words = (*shell, "-c", *describe_stacks(KEY).words[2:])
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=True, timeout=60)
    networks, digests = parse_description(done.stdout)
    assert networks == {"n1": "a"}
    for number, variable in enumerate(variables):
        name = variable.partition("=")[0]
        assert digests[f"s{number % 3}"][name] in variable_digests(variable, KEY), variable
        value = variable.partition("=")[2]
        assert len(value) < 4 or value not in done.stdout


def test_no_value_is_an_argument_of_a_process() -> None:
    script = load_script("fleetkeeper/topics/services/stacks/scripts/describe_stacks.sh")
    programs = [line for line in script.split("\n") if line.strip().startswith(("docker", "LC_ALL=C sha256sum"))]
    assert programs
    assert not any(f"${name}" in line for line in programs for name in "abcdefg")


# The client

STACK = """\
services:
  web:
    image: nginx:${TAG}
    env_file: web.env
    environment: {PLAIN: "x<y", EMPTY: ""}
    command: ["run", "--password=hidden-word"]
    secrets: [key]
    deploy: {replicas: 2}
secrets: {key: {file: key.txt}}
"""


def write_stack(folder: Path, text: str = STACK, **files: str) -> Stack:
    """A stack file with other files beside it (`web_env` is web.env)."""
    (folder / "stack.yml").write_text(f'version: "3.8"\n{text}')
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return Stack(file=str(folder / "stack.yml"), environment=("TAG",))


def services_of(declared: DeclaredStack) -> dict[str, StackService]:
    assert not isinstance(declared.services, Unobservable), declared.services
    return {service.name: service for service in declared.services}


@needs_client
def test_what_docker_s_client_would_write_is_declared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TAG", "1.27")
    for name, value in (("DOCKER_HOST", "tcp://192.0.2.1:1"), ("DOCKER_TLS_VERIFY", "1"), ("DOCKER_CONTEXT", "x")):
        monkeypatch.setenv(name, value)
    stack = write_stack(tmp_path, web_env="FROM_FILE=hidden-word\n", key_txt="hidden-word")
    declared = declared_stack(("rodan", stack))
    web = services_of(declared)["rodan_web"]
    assert (web.fields[IMAGE], web.fields[REPLICAS]) == ('"nginx:1.27"', "2")
    assert {path.removeprefix(ENV) for path in web.fields if path.startswith(ENV)} == {"PLAIN", "EMPTY", "FROM_FILE"}
    assert (web.lines[IMAGE], web.lines[REPLICAS], web.unsettled) == (4, 9, ())
    assert "hidden-word" not in repr(declared)


@needs_client
def test_what_depends_on_variables_that_are_not_set_here_is_unsettled(tmp_path: Path) -> None:
    stack = write_stack(tmp_path, STACK.replace("replicas: 2", "resources: {limits: {memory: '${MEMORY}M'}}"))
    declared = declared_stack(("rodan", stack.model_copy(update={"environment": ("TAG", "MEMORY")})))
    web = services_of(declared)["rodan_web"]
    assert web.unsettled == (IMAGE, "TaskTemplate.Resources.Limits.MemoryBytes")
    assert (declared.unset, declared.missing, web.more_variables) == (("TAG", "MEMORY"), ("web.env",), True)


@needs_client
def test_a_duration_a_switch_a_port_and_a_number_may_come_from_elsewhere(tmp_path: Path) -> None:
    text = """\
services:
  web:
    image: x:1
    read_only: ${A}
    stop_grace_period: ${B}
    ports: ["${C}:80"]
    healthcheck: {test: "true", interval: "${B}", retries: "${D:-2}"}
    deploy: {replicas: "${D}", resources: {limits: {cpus: "${D}"}}, restart_policy: {delay: "${B}"}}
"""
    stack = write_stack(tmp_path, text).model_copy(update={"environment": tuple("ABCD")})
    unsettled = services_of(declared_stack(("rodan", stack)))["rodan_web"].unsettled
    assert {path.rpartition(".")[2] for path in unsettled} == {
        "ReadOnly", "StopGracePeriod", "tcp 80", "Interval", "Retries", "Replicas", "NanoCPUs", "Delay"
    }  # fmt: skip


@needs_client
def test_while_a_file_of_variables_is_missing_what_it_may_set_is_unsettled(tmp_path: Path) -> None:
    stack = write_stack(tmp_path).model_copy(update={"environment": (), "environment_files": (f"{tmp_path}/none",)})
    declared = declared_stack(("rodan", stack))
    assert services_of(declared)["rodan_web"].unsettled == (IMAGE,)
    assert declared.problems == declared_stack(("rodan", stack), {"TAG": "1"}).problems


@needs_client
@pytest.mark.parametrize(
    "text",
    [
        "services: {web: {image: x, gpus: all}}\n",
        "include: [a.yml]\nservices: {web: {image: x}}\n",
        "services: {web: {image: 'x:${EMPTY}'}}\n",
        "services: {web: {image: x, mem_limit: 1g}}\n",
        "services: []\n",
    ],
)
def test_a_file_that_the_client_refuses_is_unknown(text: str, tmp_path: Path) -> None:
    declared = declared_stack(("rodan", write_stack(tmp_path, text)))
    assert isinstance(declared.services, Unobservable)
    assert declared.services.why.startswith("Docker's client refuses stack.yml:")
    assert "detach" not in declared.services.why
    assert "\n" not in declared.services.why


@needs_client
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("services:\n  a.b:\n    image: x\n    imgae: y\n", 5),
        ("services:\n  web:\n    image: x\n    stop_grace_period: 1 hour\n", 5),
        ("services:\n  web:\n    image: x\n    ports: [a]\n    healthcheck:\n      retries: x\n", 7),
        ("services:\n  web: {image: x}\n\ninclude: [a.yml]\n", 5),
        ("services:\n  web:\n    image: x\n    environment:\n      A: '${B:?needed}'\n", 6),
        ("services:\n  db: {image: x}\n  web:\n    image: x\n    mem_limit: 1g\n", 6),
    ],
)
def test_what_the_client_refuses_has_its_line(text: str, line: int, tmp_path: Path) -> None:
    declared = declared_stack(("rodan", write_stack(tmp_path, text)))
    assert isinstance(declared.services, Unobservable)
    assert declared.services.why.startswith(f"Docker's client refuses stack.yml:{line}: ")


@needs_client
@pytest.mark.parametrize(
    "text",
    [
        "command: 'run --password=hidden-word ${'",
        "environment: ['P=hidden-word ${']",
        "labels: {a: 'hidden-word $'}",
        "healthcheck: {test: ['CMD', 'x', 'hidden-word ${']}",
        "environment: {A: {hidden-word: 1}}",
    ],
)
def test_no_literal_value_is_shown_of_what_the_client_says(text: str, tmp_path: Path) -> None:
    declared = declared_stack(("rodan", write_stack(tmp_path, f"services: {{web: {{image: x, {text}}}}}\n")))
    assert isinstance(declared.services, Unobservable)
    assert "hidden-word" not in declared.services.why


@needs_client
@pytest.mark.parametrize(
    ("keys", "unsettled"),
    [
        ("volumes: ['${X}:/d']", {"TaskTemplate.ContainerSpec.Mounts./d.Source"}),
        ("volumes: ['${X}/a:/d']", {"TaskTemplate.ContainerSpec.Mounts./d.Source"}),
        ("volumes: ['${HOME}/a:/d']", {"TaskTemplate.ContainerSpec.Mounts./d.Source"}),
        ("volumes: ['${PWD}:/d']", {"TaskTemplate.ContainerSpec.Mounts./d.Source"}),
        ("volumes: ['~/a:/d']", {"TaskTemplate.ContainerSpec.Mounts./d.Source"}),
        ("volumes: [{type: bind, source: '${X}', target: /d}]", {"TaskTemplate.ContainerSpec.Mounts./d.Source"}),
        ("environment: {A: '${USER}', B: b}", {ENV + "A"}),
        ("deploy: {update_config: {order: '${X}'}}", {"UpdateConfig.Order"}),
        ("deploy: {mode: '${X}'}", {REPLICAS, "Mode."}),
        ("ports: ['${X}']", {"EndpointSpec.Ports."}),
        ("networks: ['${X}']", {"TaskTemplate.Networks."}),
    ],
)
def test_what_is_set_elsewhere_may_stand_anywhere_in_the_file(keys: str, unsettled: set[str], tmp_path: Path) -> None:
    text = f"services: {{web: {{image: x, {keys}}}}}\nnetworks: {{a: {{}}, b: {{}}}}\n"
    stack = write_stack(tmp_path, text).model_copy(update={"environment": ("X",)})
    [service] = services_of(declared_stack(("rodan", stack))).values()
    numbered = {path for path in service.unsettled if re.search(r"[24]\d{4}$|Networks\.rodan_", path)}
    assert {*service.unsettled} - numbered == unsettled


@needs_client
def test_what_an_env_file_that_is_not_here_may_set_otherwise_is_unsettled(tmp_path: Path) -> None:
    text = "services: {web: {image: x, env_file: [a.env, lost.env], environment: {FIXED: a}}}\n"
    declared = declared_stack(("rodan", write_stack(tmp_path, text, a_env="MAYBE=1\n")))
    [service] = services_of(declared).values()
    assert (service.unsettled, service.more_variables) == ((ENV + "MAYBE",), True)
    assert {path for path in service.fields if path.startswith(ENV)} == {ENV + "FIXED", ENV + "MAYBE"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"a: [", "not YAML"),
        (b"services: {{ x }}", "a key that is no word"),
        (b"a: &a [*a]", "contains itself"),
        (b"x" * (1024 * 1024 + 1), "bytes"),
        (b"", "holds no keys"),
        (None, "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_read_is_unknown(content: bytes | None, why: str, tmp_path: Path) -> None:
    file = tmp_path / "stack.yml"
    if content is not None:
        file.write_bytes(content)
    declared = declared_stack(("rodan", Stack(file=str(file))))
    for part in (declared.services, declared.problems):
        assert isinstance(part, Unobservable)
        assert why in part.why


def test_a_directory_or_a_pipe_in_place_of_a_file_is_unknown_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        assert isinstance(declared_stack(("rodan", Stack(file=str(path)))).services, Unobservable)


@pytest.mark.parametrize(
    ("program", "why"),
    [
        ("exec sleep 30", "did not end within"),
        ("sleep 30; exit 1", "did not end within"),
        ("sleep 30 & exit 0", "is another program"),
        ("trap '' TERM; while :; do echo x >&2; done", "did not end within"),
        ("yes & exec yes >&2", "printed more than 8 MiB"),
        ("exit 0", "is another program"),
        ("echo no such command >&2; exit 1", "is another program"),
        (
            "case $* in --version) echo podman version 4.3.1 ;; *) echo unknown flag: --host >&2; exit 125 ;; esac",
            "is another",
        ),
    ],
)
def test_a_client_that_is_none_is_unknown(
    program: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "docker").write_text(f"#!/bin/sh\n{program}\n")
    (tmp_path / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(bounded_run, "LIMIT", 2.0)
    declared = declared_stack(("rodan", write_stack(tmp_path, web_env="", key_txt="x")))
    assert isinstance(declared.services, Unobservable)
    assert why in declared.services.why
    assert ("docker-cli" in declared.services.hint) == ("another" in why)


ENV_FILES = """\
services:
  listed: {image: "x:1", env_file: [a.env, "./${WHICH}.env", "${NOT_HERE}.env"]}
  passed: {image: "x:1", environment: [LONE, B=1]}
  empty: {image: "x:1", environment: {LONE: , B: 1}}
"""


@needs_client
def test_variables_that_get_their_value_from_whoever_deploys_are_not_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WHICH", "b")
    stack = write_stack(tmp_path, ENV_FILES, a_env="A=1\nLONE\n", b_env="B=2\n")
    stack = stack.model_copy(update={"environment": ("WHICH", "NOT_HERE")})
    declared = declared_stack(("rodan", stack))
    services = services_of(declared)
    names = {
        name: {path.removeprefix(ENV) for path in service.fields if path.startswith(ENV)}
        for name, service in services.items()
    }
    assert names == {"rodan_listed": {"A", "B", "LONE"}, "rodan_passed": {"B", "LONE"}, "rodan_empty": {"B", "LONE"}}
    assert {*services["rodan_listed"].unsettled} == {ENV + "A", ENV + "B", ENV + "LONE"}
    assert services["rodan_passed"].unsettled == services["rodan_empty"].unsettled == (ENV + "LONE",)
    assert services["rodan_listed"].more_variables
    assert declared.missing == ("${NOT_HERE}.env",)
    assert [p.line for p in declared.problems if "LONE has no value" in p.what] == [4, 5]  # type: ignore[union-attr]
    given = declared_stack(("rodan", stack), {"LONE": "x"})
    passed = [service for name, service in services_of(given).items() if name != "rodan_listed"]
    assert not any(service.unsettled for service in passed)


CLIENTS = sorted({path for path in ("/usr/bin/docker", "/usr/local/bin/docker") if Path(path).exists()})


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("line", [b"PASSWORD hunter2 x", b"=hunter2", b'"hunter2\xff"', b"PASS\tWORD=hunter2"])
def test_a_line_of_an_environment_file_that_the_client_quotes_is_not_shown(
    line: bytes, client: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker").symlink_to(client)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")
    (tmp_path / "web.env").write_bytes(line + b"\n")
    (tmp_path / "stack.yml").write_text("version: '3.8'\nservices: {web: {image: 'x:1', env_file: web.env}}\n")
    declared = declared_stack(("rodan", Stack(file=str(tmp_path / "stack.yml"))))
    assert isinstance(declared.services, Unobservable)
    assert "a line of an environment file is no NAME=VALUE" in declared.services.why
    assert not any(text in declared.services.why for text in ("hunter2", "104 117"))


def test_without_a_client_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    declared = declared_stack(("rodan", write_stack(tmp_path)))
    assert isinstance(declared.services, Unobservable)
    assert "docker-cli" in declared.services.hint
    assert not isinstance(declared.problems, Unobservable)


# The command


def run_command(folder: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run `fleetkeeper stack`, with variables in its environment."""
    environment = {**{name: value for name, value in os.environ.items() if name != "TAG"}, **variables}
    code = "from fleetkeeper.commands.main import main; main()"
    program = (shutil.which("python3", path=str(Path(os.sys.executable).parent)) or os.sys.executable, "-c", code)
    return subprocess.run(
        (*program, "stack", *words), cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


@needs_client
def test_case_87_a_file_is_judged_without_a_server(tmp_path: Path) -> None:
    write_stack(tmp_path, web_env="", key_txt="x")
    unset = run_command(tmp_path, "stack.yml")
    assert "stack.yml:4: ${TAG} is not set and becomes empty" in unset.stdout
    assert unset.returncode == 1
    given = run_command(tmp_path, "stack.yml", TAG="1.27")
    assert (given.returncode, given.stderr) == (0, "")
    assert "stack.yml:9: warning: web has no update_config" in given.stdout
    assert run_command(tmp_path, "stack.yml", "--strict", TAG="1.27").returncode == 1
    assert run_command(tmp_path, "none.yml").returncode == 2


@pytest.mark.parametrize(
    ("key", "code"), [("privileged: true", 1), ("container_name: y", 4), ("deploy: {update_config: {order: x}}", 4)]
)
def test_what_is_wrong_with_a_file_counts_before_a_client_that_is_missing(
    key: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "stack.yml").write_text(f"services:\n  web:\n    image: x:1\n    {key}\n")
    done = run_command(tmp_path, "stack.yml")
    assert "unknown: Docker's client is needed" in done.stdout
    assert done.returncode == code


def test_the_captured_answers_hold_only_example_values() -> None:
    folder = Path(__file__).parents[2] / "fixtures" / "stacks"
    [web] = [
        spec for spec in json.loads((folder / "client-28.2.2.json").read_text()).values() if spec["Name"] == "t1_web"
    ]
    assert "PASSWORD=lab-only-password" in web["TaskTemplate"]["ContainerSpec"]["Env"]
    assert "lab-only-password" not in (folder / "engine-20.10.24.txt").read_text()
