"""Docker Compose on the auditing machine: its model of a project, and its hashes of the services.

`config` asks no engine. Compose reads the project's files and the env files that they name, and nothing is fetched: a
part from a registry or from git is refused. It gets an empty configuration and the named variables only.

`config --hash` of version 2.26 and later is not the hash that `up` writes into the label of a container: it leaves out
what env files say (docker/compose, cmd/compose/config.go). The hash of its own model, `config --format json`, is: so
Compose runs twice, and the second time in the name of the directory that the project has on its node.

Source: docs/cases.md 90, https://docs.docker.com/reference/cli/docker/compose/config/.
"""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetkeeper.readers.compose.document import ComposeDocument
from fleetkeeper.readers.json_documents import Json, json_document, mapping, part
from fleetkeeper.topics.services.stacks.docker_client import client_environment, without_values
from fleetkeeper.topics.services.stacks.refusals import refused_line, without_literals
from fleetkeeper.transport.bounded_run import run_within_bounds
from fleetkeeper.transport.commands import Unobservable

PLUGIN_FOLDERS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
)
"""Where Docker's client has its plugins, in its own order."""
PROGRAM = "docker-compose"
VERSION = re.compile(r"v?([0-9]+)(\.[0-9][0-9A-Za-z.+~-]{0,40})")
OLDEST = 2
NOT_INSTALLED = "Docker Compose 2 is needed where the audit runs, and is not installed"
INSTALL = "install `docker-compose` of Debian 13 (2.26), or `docker-compose-plugin` of Docker's own packages"
OTHER_PROGRAM = "`docker-compose` here is another program: it tells no version"
HASH = re.compile(r"(\S+) ([0-9a-f]{64})")
ENV_FILE = re.compile(r"env[ _]?file|failed to read|variable name|unterminated quoted|line [0-9]+: unexpected")
"""In messages of Compose about an environment file, of which they quote a line."""
NOTHING_FETCHED = {
    "COMPOSE_EXPERIMENTAL_GIT_REMOTE": "false",
    "COMPOSE_EXPERIMENTAL_OCI_REMOTE": "false",
    "COMPOSE_DISABLE_ENV_FILE": "false",
    "COMPOSE_FILE": "",
    "COMPOSE_PROFILES": "",
}


@dataclass(frozen=True)
class ComposeClient:
    """Compose on this machine, and its version without a `v`."""

    path: str
    version: str


@dataclass(frozen=True)
class ProjectFiles:
    """What Compose is given: the project's name, its files in order, and where they lie.

    `environment_files` replace `.env` of the directory. `variables` are those that are exported, with their values.
    `started_in` is the directory on the node, and `scrubbed` are all values that no message may show, by name. `name`
    is what the first file is called, and `documents` are the files as they were read here.
    """

    project: str
    files: tuple[str, ...]
    directory: str
    environment_files: tuple[str, ...]
    variables: Mapping[str, str]
    started_in: str
    scrubbed: Mapping[str, str]
    name: str
    documents: tuple[ComposeDocument, ...]


def find_client() -> ComposeClient:
    """Compose 2 or later as `docker compose` would run it, else `docker-compose`. Raises Unobservable without one."""
    plugins = [Path.home() / ".docker" / "cli-plugins", *map(Path, PLUGIN_FOLDERS)]
    path = next((plugin for folder in plugins if (plugin := shutil.which(PROGRAM, path=str(folder)))), None)
    path = path or shutil.which(PROGRAM)
    if path is None:
        raise Unobservable(NOT_INSTALLED, hint=INSTALL)
    with tempfile.TemporaryDirectory(prefix="fleetkeeper-") as own:
        _, output, _ = run_within_bounds((path, "version", "--short"), own, client_environment({}, own, no_engine(own)))
    version = VERSION.fullmatch(output[:100].decode("utf-8", "replace").strip())
    if version is None:
        raise Unobservable(OTHER_PROGRAM, hint=INSTALL)
    if int(version[1][:4]) < OLDEST:
        raise Unobservable(f"Compose {version[1]}{version[2]} here cannot say what Compose 2 would start", hint=INSTALL)
    return ComposeClient(path, version[1] + version[2])


def no_engine(own: str) -> str:
    """The address of an engine that does not exist, so that none is ever asked."""
    return f"unix://{own}/no-engine.sock"


def shell_of(directory: str) -> dict[str, str]:
    """Home directory and account of who starts a project in a directory: of its owner, else of root, as variables.

    >>> shell_of("/home/ann/web")
    {'HOME': '/home/ann', 'USER': 'ann', 'LOGNAME': 'ann'}
    >>> shell_of("/srv/web")["HOME"]
    '/root'
    """
    below = directory.split("/")
    user = below[2] if below[1:2] == ["home"] and len(below) > 2 else "root"
    return {"HOME": f"/home/{user}" if user != "root" else "/root", "USER": user, "LOGNAME": user}


def compose_environment(variables: Mapping[str, str], own: str) -> dict[str, str]:
    """The environment of Compose with variables, which may be those that a shell has of its own."""
    environment = client_environment(variables, own, no_engine(own)) | NOTHING_FETCHED
    return environment | {name: variables[name] for name in ("HOME", "PATH") if name in variables}


def project_model(client: ComposeClient, files: ProjectFiles) -> Json:
    """The model of a project with all profiles, env files read and relative paths as they are written.

    It has values of variables and must not be stored. Raises Unobservable, with Compose's message without values.
    """
    words = (
        client.path,
        *(word for file in files.files for word in ("--file", file)),
        *(word for file in files.environment_files for word in ("--env-file", file)),
        *("--project-directory", files.directory, "--project-name", files.project, "--profile", "*"),
        *("config", "--no-path-resolution", "--format", "json"),
    )
    with tempfile.TemporaryDirectory(prefix="fleetkeeper-") as own:
        variables = {"PWD": files.started_in, **shell_of(files.started_in), **files.variables}
        environment = compose_environment(variables, own)
        status, output, errors = run_within_bounds(words, files.directory, environment)
    if status:
        raise Unobservable(refusal(errors, status, files))
    return mapping(json_document(output.decode("utf-8", "replace"), "`docker compose config`"), "project")


def refusal(errors: bytes, status: int, files: ProjectFiles) -> str:
    """What Compose says about files that it refuses, with the line in the first, and without values."""
    lines = errors.decode("utf-8", "replace").split("\n")
    message = (
        "\n".join(line for line in lines if not line.startswith("time="))[:2000].strip() or f"exit status {status}"
    )
    if ENV_FILE.search(message):
        return f"Compose refuses {files.name}: it cannot read an environment file"
    for path in files.files:
        message = message.replace(path, files.name)
    line = refused_line(message, files.documents[0])
    at = f"{files.name}:{line}" if line else files.name
    for document in files.documents:
        message = without_literals(message, document)
    text = "\n".join(f"${{{name}}}" for name in files.scrubbed)
    message = " ".join(without_values(message, text, files.scrubbed).split())
    return f"Compose refuses {at}: {message}"[:500]


def config_hashes(client: ComposeClient, model: Json, project: str, directory: str) -> dict[str, str]:
    """The hash of each service of a model that would be started in a directory, which need not exist here.

    Raises Unobservable when Compose gives none.
    """
    words = (
        *(client.path, "--file", "-", "--env-file", "/dev/null", "--project-directory", directory),
        *("--project-name", project, "--profile", "*", "config", "--hash", "*"),
    )
    with tempfile.TemporaryDirectory(prefix="fleetkeeper-") as own:
        environment = compose_environment(shell_of(directory), own)
        status, output, _ = run_within_bounds(words, own, environment, yaml_text(model).encode())
    if not part(model, "services"):
        return {}
    hashes = dict(printed_hashes(output.decode("utf-8", "replace").split("\n")))
    if status or not hashes:
        raise Unobservable("`docker compose config --hash` gave no hash for its own model of the project")
    return hashes


def yaml_text(model: Json) -> str:
    r"""A model as JSON that is YAML too, which has no surrogates in pairs and no control characters.

    >>> yaml_text({"a": "\x7f€\U0001f600"})
    '{"a": "\\u007f\\u20ac😀"}'
    """
    text = json.dumps(model, ensure_ascii=False)
    return re.sub("[\x7f-\uffff]", lambda match: f"\\u{ord(match[0]):04x}", text)


def printed_hashes(lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Service and hash of each line of `config --hash`.

    >>> list(printed_hashes(["web " + "0" * 64, "warning"])) == [("web", "0" * 64)]
    True
    """
    return ((match[1], match[2]) for line in lines if (match := HASH.fullmatch(line.strip())))
