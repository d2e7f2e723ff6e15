"""`docker stack deploy` of a file against the recorder: what Docker's own client would write.

The client gets an empty configuration (no credentials, no context, no plugin) and an environment of the named
variables only, so that the outcome does not depend on who audits. It gets the stack file on its standard input, as it
was read and judged here, and reads the env files that it names, and nothing else. It is given the recorder as its
engine on its command line, and nothing in its environment can name another one.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fleetkeeper.readers.compose.variables import variables_of
from fleetkeeper.topics.services.stacks.recorder import RecordedRequest, recorder_at
from fleetkeeper.transport.bounded_run import run_within_bounds
from fleetkeeper.transport.commands import Unobservable

LONGEST_MESSAGE = 64 * 1024
NOT_INSTALLED = "Docker's client is needed where the audit runs, and is not installed"
INSTALL_CLIENT = "install it: `docker-cli` (Debian 13) or `docker.io` (Debian 12); no engine is needed"
CHOOSE_ENGINE = frozenset(
    {
        "DOCKER_API_VERSION",
        "DOCKER_CERT_PATH",
        "DOCKER_CLI_PLUGIN_EXTRA_DIRS",
        "DOCKER_CONTEXT",
        "DOCKER_STACK_ORCHESTRATOR",
        "DOCKER_TLS",
        "DOCKER_TLS_VERIFY",
    }
)
"""Variables of Docker's client that decide which engine it asks, or how."""
ENV_FILE = re.compile("env file|poorly formatted environment")
"""In messages about an environment file, of clients 28 and 20.10."""
NO_REASON = re.compile("--detach=false|^Ignoring (unsupported|deprecated) options")
"""In lines of messages that say nothing of why a file is refused."""
NO_STACK_FILE = "`docker` here is another program: it asked nothing of the engine it was given"


@dataclass(frozen=True)
class DesiredStack:
    """What Docker's client would write for a stack.

    `services` are ServiceSpecs of the Engine API by their full name (`rodan_postgres`), with values of environment
    variables: they must not be stored. `networks`, `secrets` and `configs` are the names of those it would create.
    `warnings` are the lines of its standard error.
    """

    services: Mapping[str, dict[str, Any]]
    networks: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    configs: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


@dataclass
class StackRefused(Exception):
    """Docker's client refuses the file. `message` is its own, without values of variables."""

    message: str

    def __str__(self) -> str:
        return self.message


def desired_stack(stack: str, text: str, directory: Path, variables: Mapping[str, str]) -> DesiredStack:
    """What Docker's client would write for a stack file of this text in a directory, with variables for `${NAME}`.

    Raises Unobservable without a client, and for one that does not end or is another program; StackRefused with the
    client's message for a file that it refuses.
    """
    client = shutil.which("docker")
    if client is None:
        raise Unobservable(NOT_INSTALLED, hint=INSTALL_CLIENT)
    with tempfile.TemporaryDirectory(prefix="fleetkeeper-") as own:
        engine = f"unix://{own}/engine.sock"
        words = (client, "--host", engine, "stack", "deploy", "--resolve-image", "never", "--compose-file", "-", stack)
        environment = client_environment(variables, own, engine)
        environment |= {name: variables[name] for name in ("HOME", "PATH") if name in variables}
        with recorder_at(Path(own, "engine.sock")) as recorder:
            code, errors = run_client(words, directory, environment, text)
            writes, asked = list(recorder.writes), recorder.asked
    if not asked and (code == 0 or not is_docker_s_client(client, directory, environment)):
        raise Unobservable(NO_STACK_FILE, hint=INSTALL_CLIENT)
    if code != 0:
        reason = "\n".join(line for line in errors.split("\n") if not NO_REASON.search(line)).strip()
        raise StackRefused(without_values(reason or f"exit status {code}", text, variables))
    return recorded_stack(writes, tuple(warning_lines(errors)))


def is_docker_s_client(client: str, directory: Path, environment: Mapping[str, str]) -> bool:
    """Whether a program says that it is Docker's client; podman's says something else.

    Raises Unobservable for one that does not start or end, or prints too much.
    """
    _, printed, _ = run_within_bounds((client, "--version"), str(directory), environment)
    return re.search(rb"^Docker version ", printed, re.MULTILINE) is not None


def client_environment(variables: Mapping[str, str], home: str, engine: str) -> dict[str, str]:
    """The environment of the client: variables, but for those that choose an engine or how to reach it.

    >>> client_environment({"TAG": "1", "DOCKER_TLS_VERIFY": "1", "PATH": "/x"}, "/h", "unix:///s")["PATH"]
    '/usr/bin:/bin'
    """
    own = {"PATH": "/usr/bin:/bin", "HOME": home, "DOCKER_CONFIG": home, "DOCKER_HOST": engine, "LC_ALL": "C"}
    return {**{name: value for name, value in variables.items() if name not in CHOOSE_ENGINE}, **own}


def run_client(words: Sequence[str], directory: Path, environment: Mapping[str, str], text: str) -> tuple[int, str]:
    """The exit status and standard error of the client in a directory, with a text as its input.

    Raises Unobservable when it cannot start or end, or prints too much.
    """
    code, _, errors = run_within_bounds(words, str(directory), environment, text.encode())
    return code, errors[:LONGEST_MESSAGE].decode("utf-8", "replace")


def warning_lines(errors: str) -> Iterator[str]:
    """The lines of the client's standard error, without those that are about how it waits."""
    return (line for line in errors.split("\n") if line.strip() and "detach" not in line)


def recorded_stack(writes: Sequence[RecordedRequest], warnings: tuple[str, ...]) -> DesiredStack:
    """The stack that these requests would write."""

    def names(path: str) -> tuple[str, ...]:
        return tuple(str(write.body.get("Name", "")) for write in writes if write.path == path)

    services = {str(write.body.get("Name", "")): write.body for write in writes if write.path == "/services/create"}
    return DesiredStack(
        services, names("/networks/create"), names("/secrets/create"), names("/configs/create"), warnings
    )


def without_values(message: str, text: str, variables: Mapping[str, str]) -> str:
    """A message of the client about a file of this text, without the values of the variables that the text names.

    Each is replaced by its name. Nothing stays of a message about an environment file: it quotes a line of it.

    >>> without_values('invalid reference: "x:s3cret"', "image: x:${TAG}", {"TAG": "s3cret", "LEVEL": "e"})
    'invalid reference: "x:${TAG}"'
    >>> without_values("invalid env file (/srv/web.env): variable 'KEY s3cret' contains whitespaces", "", {})
    'a line of an environment file is no NAME=VALUE'
    """
    if ENV_FILE.search(message):
        return "a line of an environment file is no NAME=VALUE"
    values = {name: variables[name] for name, _ in variables_of(text) if variables.get(name)}
    for name, value in sorted(values.items(), key=lambda item: -len(item[1])):
        for spelling in (value, json.dumps(value, ensure_ascii=False)[1:-1]):
            message = message.replace(spelling, f"${{{name}}}")
    return message
