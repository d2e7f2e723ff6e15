"""Looking at the ports on which TLS is expected: who listens there, and what a TLS client meets."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.topics.certificates.listening.facts import Facts, TlsPort
from fleetkeeper.topics.certificates.listening.parse import parse_listeners, parse_owners, parse_speech
from fleetkeeper.topics.certificates.node_commands import handshake
from fleetkeeper.topics.certificates.tls_probes import EVERYWHERE
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

FIND_SOCKET_OWNERS = "fleetkeeper/topics/certificates/listening/scripts/find_socket_owners.sh"
TLS_PORTS = frozenset({443, 465, 636, 853, 990, 993, 995, 5061, 5671, 6443, 8443, 8883, 9443})
"""HTTPS, SMTPS, LDAPS, DNS over TLS, FTPS, IMAPS, POP3S, SIPS, AMQPS, Kubernetes, HTTPS, MQTTS, HTTPS again (IANA)."""
HERE = "127.0.0.1"
TESTED = 16
"""Ports of one node that are asked at the most."""
LISTENERS = Command(("grep", "-hsE", "^ *[0-9]+: [0-9A-F]+:[0-9A-F]{4} 0+:0000 0A ", "/proc/net/tcp", "/proc/net/tcp6"))


def find_socket_owners(inodes: Iterable[int]) -> Command:
    """The command that prints which programs hold these sockets. Its output is for `parse_owners`."""
    return Command(("sh", "-c", load_script(FIND_SOCKET_OWNERS), "owners of sockets", *map(str, inodes)), sudo=True)


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip, and a second one where a port for TLS is published or listened on.

    Of the ports of a node only the 16 lowest are asked, and are in the facts. Raises Unobservable when `docker inspect`
    gave no answer, or one that makes no sense.
    """
    inspected, listening = yield [inspect_containers(), LISTENERS]
    containers: tuple[Container, ...] = ()
    if inspected.rc != ABSENT:
        containers = parse_containers(inspection_json(inspected).partition("\n")[2])
    published = published_for_tls(containers)
    sockets = [socket for socket in parse_listeners(listening) if socket.port in TLS_PORTS]
    inodes = {socket.inode: socket.port for socket in sockets if socket.port not in published}
    ports = sorted({*published, *(socket.port for socket in sockets)})[:TESTED]
    if not ports:
        return Facts(())
    asked = [find_socket_owners(inodes)] if inodes else []
    where = addresses_of(containers) | {socket.port: socket.address for socket in sockets if socket.address}
    answers = yield [*asked, *(handshake(f"{where.get(port, HERE)}:{port}", ("-noservername",)) for port in ports)]
    owners = owners_of(answers[0], inodes) if inodes else {}
    return Facts(
        tuple(
            TlsPort(port, published.get(port, ()), *owners.get(port, ((), ())), speaks=parse_speech(answer))
            for port, answer in zip(ports, answers[len(asked) :], strict=True)
        )
    )


def published_for_tls(containers: Iterable[Container]) -> dict[int, tuple[str, ...]]:
    """The ports of the node that running containers publish for TLS, with the ids of these containers.

    A port is one for TLS by its number on the node or in the container. Those on a loopback address are left out.
    """
    ports: dict[int, tuple[str, ...]] = {}
    for container in containers:
        for port in container.ports if container.running else ():
            expected = port.protocol == "tcp" and TLS_PORTS & {port.container, port.host or 0}
            if expected and port.host and not is_loopback(port.host_ip):
                ports[port.host] = tuple(dict.fromkeys((*ports.get(port.host, ()), container.id)))
    return ports


def addresses_of(containers: Iterable[Container]) -> dict[int, str]:
    """The address to ask for each port that a container publishes on one address of the node only.

    In the notation of s_client: IPv6 in brackets.
    """
    published = [port for container in containers for port in container.ports if port.host and port.host_ip]
    addresses = {port.host: port.host_ip for port in published if port.host_ip not in EVERYWHERE and port.host}
    return {port: f"[{address}]" if ":" in address else address for port, address in addresses.items()}


def is_loopback(address: str) -> bool:
    """Whether an address that a port is published on can be reached from its own machine only; False for none (all)."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def owners_of(answer: Output, inodes: Mapping[int, int]) -> dict[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """The programs and their containers by port; `inodes` are the ports by the inode of a socket.

    Empty where they could not be seen. Each value is (programs, ids of containers).
    """
    owners = or_why(lambda: parse_owners(answer))
    if isinstance(owners, Unobservable):
        return {}
    by_port: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
    for inode, (programs, containers) in owners.items():
        if inode in inodes:
            before = by_port.get(inodes[inode], ((), ()))
            by_port[inodes[inode]] = (
                tuple(dict.fromkeys((*before[0], *programs))),
                tuple(dict.fromkeys((*before[1], *containers))),
            )
    return by_port


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about ports."""
    yield (*find_socket_owners(()).words, Argument("number", many=True))
