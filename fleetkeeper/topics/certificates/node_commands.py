"""The commands about certificates for a node and for a container: constant scripts, values only as arguments.

Nothing is written. Private keys stay where they are: of a key only the digest of its public half is printed, and of a
file with certificates only the certificates, whatever else it contains.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

HANDSHAKE = "fleetkeeper/topics/certificates/scripts/handshake.sh"
OLD_HANDSHAKE = "fleetkeeper/topics/certificates/scripts/old_handshake.sh"
REQUEST_HEADERS = "fleetkeeper/topics/certificates/scripts/request_headers.sh"
REQUEST_CHALLENGE = "fleetkeeper/topics/certificates/scripts/request_challenge.sh"
FIND_DOCKER = "fleetkeeper/readers/docker/scripts/find_docker.sh"
LOOK_INSIDE = "fleetkeeper/topics/certificates/scripts/look_inside.sh"

MARK = "fleetkeeper-look"
"""The $0 of what we run: a look must not take itself for a certbot that runs."""


def handshake(where: str, options: Sequence[str]) -> Command:
    """The command that makes one TLS handshake. `where` is ADDRESS:PORT, `options` are further words for s_client.

    Not as root; nothing is run here. At most 20 s.
    """
    return Command(("sh", "-c", load_script(HANDSHAKE), f"TLS handshake with {where}", where, *options), limit=20.0)


def old_handshake(where: str, options: Sequence[str]) -> Command:
    """The command that makes one handshake which offers nothing newer than TLS 1.1.

    `where` is ADDRESS:PORT, `options` are further words for s_client.
    """
    return Command(
        ("sh", "-c", load_script(OLD_HANDSHAKE), f"old TLS handshake with {where}", where, *options), limit=25.0
    )


def headers(where: str, name: str, options: Sequence[str]) -> Command:
    """The command that prints the headers of an HTTPS answer for `name`.

    `where` is ADDRESS:PORT, `options` are further words for s_client.
    """
    return Command(
        ("sh", "-c", load_script(REQUEST_HEADERS), f"HTTPS request to {where}", where, name, *options), limit=20.0
    )


def challenge(name: str, address: str, port: int) -> Command:
    """The command that requests a path for ACME challenges of `name` over HTTP from an address and port."""
    words = ("sh", "-c", load_script(REQUEST_CHALLENGE), f"HTTP request to {address}:{port}", name, address, str(port))
    return Command(words, limit=15.0)


def in_container(container: str, command: Command) -> Command:
    """The same command, run by root in a container. `command` is a `sh -c` with a name and arguments."""
    _, _, script, label, *arguments = command.words
    outer = load_script(FIND_DOCKER) + 'exec docker exec -u 0 "$@"'
    words = ("sh", "-c", outer, label, container, "sh", "-c", script, MARK, *arguments)
    return Command(words, sudo=True, limit=command.limit)


def look_inside(container: str, names: Sequence[str] = ()) -> Command:
    """The command that prints everything about certificates in one container, for `parse`.

    `names` are names that nginx may pick files by, paths of files with certificates, and hooks as `hook:/path`.
    """
    return in_container(
        container, Command(("sh", "-c", load_script(LOOK_INSIDE), "look into the container", *names), limit=60.0)
    )


def root_questions() -> Iterator[RootQuestion]:
    """The commands that root runs in containers; on the node itself handshakes need no root.

    With Argument in place of what differs from look to look.
    """
    here, tls = Argument("here"), Argument("tls", many=True)
    questions: tuple[tuple[Command, tuple[Argument, ...]], ...] = (
        (look_inside(""), (Argument("served", many=True),)),
        (in_container("", handshake("", ())), (here, tls)),
        (in_container("", old_handshake("", ())), (here, tls)),
        (in_container("", headers("", "", ())), (here, Argument("where"), tls)),
    )
    for command, arguments in questions:
        yield (*command.words[:3], Argument("text"), Argument("id"), *command.words[5:9], *arguments)
