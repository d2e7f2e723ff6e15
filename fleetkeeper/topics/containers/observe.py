"""How the containers of a node are seen: the engine's own JSON, and one scan of /proc.

Two constant scripts in one round trip. `docker inspect` of everything at once survives a container that vanishes in
between, and costs one start of the client. Users come from /proc, because an image may drop its privileges itself: the
user in `docker inspect` is only that of `docker exec`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.readers.numbers import epoch_seconds
from fleetkeeper.topics.containers import parse, process_scan
from fleetkeeper.topics.containers.account_files import parse_accounts, parse_group_names
from fleetkeeper.topics.containers.control_groups import groups_of_engine, limits_of
from fleetkeeper.topics.containers.facts import Container, Facts
from fleetkeeper.topics.containers.followed_mounts import follow_mounts, paths_to_follow, with_targets
from fleetkeeper.topics.containers.preflight import preflight_commands, run_preflights
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

SCAN_PROCESSES = "fleetkeeper/topics/containers/scripts/scan_processes.sh"
READ_ACCOUNTS = "fleetkeeper/topics/containers/scripts/read_accounts.sh"


def scan_processes() -> Command:
    """The command that prints the control group, the state and the users of each process in a container."""
    return Command(("sh", "-c", load_script(SCAN_PROCESSES), "scan of /proc"), sudo=True)


def read_accounts(pids: Sequence[str]) -> Command:
    """The command that prints the /etc/passwd names and uids of the containers with these first processes."""
    return Command(("sh", "-c", load_script(READ_ACCOUNTS), "reading /etc/passwd of containers", *pids), sudo=True)


def observe(node: Node, inventory: Inventory) -> Look:
    """Inspect and scan in one round trip; a second one reads account names in containers, and asks where mounts lead.

    A third one only where a declared service runs as somebody else: what would stand in the way of mending it; with
    --quick none. Raises Unobservable when `docker inspect` gave no answer, or one that makes no sense. On a node
    without Docker the facts are "absent" and nothing else.
    """
    inspected, scan = yield [inspect_containers(), scan_processes()]
    if inspected.rc == ABSENT:
        return Facts("absent")
    clock, _, listed = inspection_json(inspected).partition("\n")
    containers = parse.parse_containers(listed)
    pids = tuple(str(container.pid) for container in containers if container.pid)
    accounts, containers = yield from accounts_and_mounts(containers, pids)
    processes = process_scan.by_container(scan, containers)
    names = parse_accounts(accounts[0]) if accounts else {}
    joined = process_scan.join_processes(containers, processes, names)
    joined = with_groups_and_limits(joined, scan, accounts)
    if isinstance(inventory.services, dict) and not inventory.quick:
        joined = yield from run_preflights(listed, joined, inventory.services)
    groups = groups_of_engine(printed_of(scan))
    return Facts("present", joined, epoch_seconds(clock), engine_groups=groups)


def accounts_and_mounts(
    containers: tuple[Container, ...], pids: Sequence[str]
) -> Generator[list[Command], list[Output], tuple[list[Output], tuple[Container, ...]]]:
    """The accounts in those that run, and all containers with what their mounts really show; in one round trip.

    Nothing is asked where no container runs, or none has a mount of the node or a volume.
    """
    paths = paths_to_follow(containers)
    first = [read_accounts(pids)] if pids else []
    if paths is None:
        return ((yield first) if first else []), containers
    *accounts, targets = yield [*first, follow_mounts(paths)]
    return accounts, with_targets(containers, targets)


def printed_of(scan: Output) -> str:
    """What the scan printed; "" where it could not be read: then each container's processes say so."""
    try:
        return scan.text()
    except Unobservable:
        return ""


def with_groups_and_limits(
    containers: Iterable[Container], scan: Output, accounts: Sequence[Output]
) -> tuple[Container, ...]:
    """The containers with their groups by name, and with what the kernel lets each take."""
    limits = limits_of(printed_of(scan))
    names = parse_group_names(accounts[0]) if accounts else {}
    return tuple(
        replace(
            container,
            group_names=names.get(container.pid) if container.pid else None,
            limits=limits.get(container.id, container.limits),
        )
        for container in containers
    )


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about containers."""
    yield inspect_containers().words
    yield scan_processes().words
    yield (*read_accounts(()).words[:3], Argument("text"), Argument("processes", many=True))
    yield (*follow_mounts(()).words[:3], Argument("text"), Argument("access", many=True))
    start, access, changed = (command.words[:3] for command in preflight_commands(Container("", ""), "", ()))
    process = (Argument("text"), Argument("process"))
    yield (*start, *process, Argument("word", many=True))
    yield (*access, *process, Argument("word"), Argument("access", many=True))
    yield (*changed, *process, Argument("id"))
