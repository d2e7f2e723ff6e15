"""The command that lists the containers of a node's Docker engine, and the errors of that command."""

from __future__ import annotations

import re

from fleetkeeper.readers.json_documents import Json, listed, part
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.commands import (
    INSTALL_CLIENT,
    LIST_TWICE,
    OWN_ENGINE,
    Command,
    Output,
    Unobservable,
    shared_cause,
)
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import one_line

INSPECT_CONTAINERS = "fleetkeeper/readers/docker/scripts/inspect_containers.sh"
FOREIGN = 66
STOPPED = 67
SEVERAL = 68
ABSENT = 69
NO_CLIENT = 70
ROOT_HELPERS = ("runuser", "su", "gosu", "su-exec", "setpriv", "sudo", "chown", "chmod", "setuidgid")
"""Programs of entry points that need root: a container that calls one cannot simply be given another user."""


def inspect_containers() -> Command:
    """The command that prints `docker inspect` of each container as JSON, environments without values."""
    return Command(("sh", "-c", load_script(INSPECT_CONTAINERS), "docker inspect"), sudo=True)


def inspection_json(inspected: Output) -> str:
    """The JSON that `docker inspect` printed. Raises Unobservable, unless it only missed containers that are gone.

    The text may be empty: it is not parsed here. Those are then missing in it.
    """
    if inspected.rc == NO_CLIENT:
        raise Unobservable(
            "a Docker engine runs here, but there is no `docker` client to ask it with",
            hint=INSTALL_CLIENT,
            cause=shared_cause(INSTALL_CLIENT),
        )
    if inspected.rc == FOREIGN:
        why = one_line(inspected.err.decode("utf-8", "replace").strip())[:200]
        raise Unobservable(f"{why}; what runs here was not looked at", OWN_ENGINE, cause=shared_cause(OWN_ENGINE))
    if inspected.rc == SEVERAL:
        raise Unobservable(
            "several rootless Docker engines run here, and only one can be asked",
            hint=LIST_TWICE,
            cause=shared_cause(LIST_TWICE),
        )
    if inspected.rc == 1 and only_missing_containers(inspected.err.decode("utf-8", "replace")):
        return inspected.text({0, 1})
    return inspected.text()


def is_podman(information: Json) -> bool:
    """Whether `docker info` was answered by Podman: as its own client, or as an engine that Docker's client asks.

    >>> is_podman({"host": {}, "store": {}}), is_podman({"ServerVersion": "5.6.2", "ProductLicense": "Apache-2.0"})
    (True, True)

    Source: https://github.com/containers/podman/ (pkg/api/handlers/compat/info.go); Docker's own engine says "Community
    Engine", or nothing.
    """
    own = "ServerVersion" not in information and "host" in information and "store" in information
    return own or information.get("ProductLicense") == "Apache-2.0"


SILENT = ("cannot connect to the docker daemon", "failed to connect to the docker api", "error during connect")
"""What Docker's client says when nobody answers it: up to version 28, from 29 on, and over ssh or TCP."""


def why_engine_is_silent(inspected: Output) -> str:
    """Why the engine of a node does not answer, in words: the end of what its client printed. "" when it does answer.

    Empty too where there is none, and where only the right to ask it is missing. Raises Unobservable where no answer
    came, such as within the time limit.

    >>> why_engine_is_silent(Output(71, err=b"Cannot connect to the Docker daemon at unix:///x.sock. Is it up?\\n"))
    'Cannot connect to the Docker daemon at unix:///x.sock. Is it up?'
    >>> why_engine_is_silent(Output(71, err=b"permission denied while trying to connect to the docker API at unix:/x"))
    ''
    """
    lines = split_lines(inspected.err.decode("utf-8", "replace"))
    if inspected.rc == STOPPED:
        return "it does not run"
    if inspected.lost:
        inspected.text()
    return next((one_line(line)[:200] for line in lines if any(sign in line.lower() for sign in SILENT)), "")


def only_missing_containers(text: str) -> bool:
    """Whether all error lines are about containers that ended between the list and their inspection.

    False without error lines.

    >>> [only_missing_containers(text) for text in ("Error: No such container: 5f2\\n", "Cannot connect to the daemon")]
    [True, False]
    """
    lines = [line for line in split_lines(text) if line.strip()]
    return bool(lines) and all(
        re.match(r"(Error( response from daemon)?: )?No such (container|object)", x) for x in lines
    )


def has_healthcheck(config: Json) -> bool:
    """Whether a container's configuration (`Config` of `docker inspect`) has a health check that is not NONE.

    Raises Unobservable when it is not of the shape that Docker prints.

    >>> [has_healthcheck({"Healthcheck": {"Test": test}}) for test in (["CMD", "x"], ["NONE"], ["NONE", "x"], [])]
    [True, False, False, False]
    """
    test = listed(part(config, "Healthcheck"), "Test")
    return bool(test) and test[0] != "NONE"
