"""The rule about who reaches the engine: over TCP, and through its socket and containerd's."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.engine.facts import EngineFile, Facts
from fleetkeeper.topics.engine.rules.parts import (
    Checks,
    api_addresses,
    engine_sockets,
    judge_parts,
    security_option,
    value_of,
    values_of,
)
from fleetkeeper.transport.commands import Unobservable

ROOT = 0
HEXADECIMAL, PORT = re.compile("[0-9A-F]{4}"), re.compile("[0-9]{1,5}")
SWARM_PORTS = (2377, 7946)
"""Where a node of a swarm takes orders as a manager, and hears of the others (docs: swarm tutorial)."""
WHY_SOCKET = "whoever may write to it is root on the node"


def is_reached_by_few(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Only root and those who are named reach the engine, over TCP only with a certificate.

    Whoever reaches the engine is root on the node. Judged on the sockets on which dockerd listens, whatever the paths
    that are written somewhere: owner, group, mode and access lists, the members of the group and the accounts whose
    first group it is; a TCP address of the engine must ask for certificates, and a
    port on which dockerd listens for no reason that its settings tell is unknown. Accounts are compared with
    `engine_users` of the inventory's `benchmark`; without that line they are a warning. Unknown where the sockets of
    dockerd cannot be seen.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 1.1.2, 2.8 (2.7 in 1.6), 3.15, 3.16, 3.23,
    3.24.
    """
    return judge_parts(fleet, subject, CHECKS)


def named_accounts(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where accounts may use the engine's socket that nobody names."""
    engine_sockets(facts)
    accounts = {
        *raise_if_unobservable(facts.members),
        *(each.partition(" ")[2] for each in raise_if_unobservable(facts.by_acl)),
    } - {"root"}
    others = sorted(accounts - set(policy.engine_users or ()))
    if others and policy.engine_users is None:
        text = "accounts that the inventory names (`benchmark: {engine_users: […]}`)"
        yield Wrong(f"{', '.join(others)} may use the engine's socket", text, WHY_SOCKET)
    elif others:
        saw = f"{', '.join(others)} may use the engine's socket, and the inventory does not say so"
        yield Wrong(saw, "only accounts that are named", WHY_SOCKET, "`gpasswd -d USER docker`", "error")


def certificates_over_tcp(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for each TCP address of the engine, where it does not ask for certificates."""
    addresses = [address for address in api_addresses(facts) if address.startswith("tcp:")]
    if not addresses and (ports := unexplained_ports(facts)):
        listening = ", ".join(map(str, ports))
        raise Unobservable(f"dockerd listens on TCP port {listening}, and no setting that was seen says what for")
    if not addresses:
        raise NotApplicable("the engine takes no requests over TCP")
    if value_of(facts, "tlsverify") != "true":
        yield Wrong(
            f"the engine takes requests on {', '.join(addresses)} from whoever connects",
            "no TCP address, or certificates of those who connect (`tlsverify`)",
            WHY_SOCKET,
            "most often nobody needs the port: take the address away",
            "error",
        )


def unexplained_ports(facts: Facts) -> list[int]:
    """The TCP ports on which dockerd listens neither for its metrics nor, in a swarm, for other nodes.

    Raises Unobservable where its sockets were not seen.
    """
    metrics = value_of(facts, "metrics-addr").rpartition(":")[2]
    explained = {*(SWARM_PORTS if facts.info.in_swarm else ()), *([int(metrics)] if PORT.fullmatch(metrics) else ())}
    numbers = [address.rpartition(":")[2] for address in raise_if_unobservable(facts.tcp)]
    return sorted({int(number, 16) for number in numbers if HEXADECIMAL.fullmatch(number)} - explained)


def owners_of_engine_socket(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for each socket of the engine that belongs to another than root, or to a group that is not its own."""
    if security_option(facts, "rootless") is not None:
        raise NotApplicable("the engine runs without root, and its socket belongs to its own user")
    for socket in engine_sockets(facts):
        group = group_of_socket(facts, socket)
        if socket.owner is None:
            raise Unobservable(f"whose {socket.path} is could not be seen")
        if socket.owner != ROOT or (socket.group != ROOT and not is_group(socket, group)):
            saw = f"{socket.path} belongs to user {socket.owner} and group {socket.group_name or socket.group}"
            yield Wrong(saw, f"root and the group {group}", WHY_SOCKET, severity="error")


def group_of_socket(facts: Facts, socket: EngineFile) -> str:
    """The group that a socket should have: that of docker.socket where systemd makes it, else that of the settings.

    dockerd sets no group on a socket that systemd hands it (systemd.socket(5), SocketGroup=). Raises Unobservable where
    the settings were not seen.
    """
    handed = any(address.startswith("fd:") for address in values_of(facts, "host"))
    if handed and socket.path in facts.units and facts.unit_group is not None:
        return facts.unit_group or "root"
    return value_of(facts, "group", "docker")


def is_group(socket: EngineFile, group: str) -> bool:
    """Whether a socket belongs to a group, by its name or its number, as dockerd looks for it.

    >>> socket = EngineFile("socket", "/run/docker.sock", "/run/docker.sock", 0, 998, 0o660, "UNKNOWN")
    >>> is_group(socket, "998"), is_group(socket, "docker")
    (True, False)
    """
    return socket.group_name == group or str(socket.group) == group


def modes_of_engine_socket(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for each socket of the engine that others than root and its group may use."""
    for socket in engine_sockets(facts):
        yield from open_socket(socket)


def open_socket(socket: EngineFile) -> Iterator[Wrong]:
    """A Wrong where others than the owner and the group may use a socket. Raises Unobservable without its mode."""
    if socket.mode is None:
        raise Unobservable(f"who may use {socket.path} could not be seen")
    if socket.mode & ~0o660:
        yield Wrong(f"{socket.path} has mode {socket.mode:o}", "660 at most", WHY_SOCKET, severity="error")


def containerd_sockets(facts: Facts) -> tuple[EngineFile, ...]:
    """The sockets of the containerd that the engine uses, or may use. Raises Unobservable where none was seen."""
    sockets = facts.files_of("containerd.sock")
    if not sockets:
        raise Unobservable("no socket of containerd was seen, and every engine has one")
    return sockets


def owners_of_containerd_socket(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where containerd's socket does not belong to root."""
    for socket in containerd_sockets(facts):
        if socket.owner is None:
            raise Unobservable(f"whose {socket.path} is could not be seen")
        if (socket.owner, socket.group) != (ROOT, ROOT):
            saw = f"{socket.path} belongs to user {socket.owner} and group {socket.group_name or socket.group}"
            yield Wrong(saw, "root, and root's group", WHY_SOCKET, severity="error")


def modes_of_containerd_socket(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where others than root may use containerd's socket."""
    for socket in containerd_sockets(facts):
        yield from open_socket(socket)


CHECKS: Checks = {
    "1.1.2": named_accounts,
    "2.8": certificates_over_tcp,
    "3.15": owners_of_engine_socket,
    "3.16": modes_of_engine_socket,
    "3.23": owners_of_containerd_socket,
    "3.24": modes_of_containerd_socket,
}
