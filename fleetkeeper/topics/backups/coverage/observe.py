"""Looking for data that nobody wrote down: Postgres servers by their processes, and what containers have written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node, Service
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.topics.backups.coverage.facts import Facts
from fleetkeeper.topics.backups.coverage.parse import parse_content, parse_servers
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

FIND_POSTGRES = "fleetkeeper/topics/backups/coverage/scripts/find_postgres.sh"
LOOK_INTO_MOUNTS = "fleetkeeper/topics/backups/coverage/scripts/look_into_mounts.sh"
SYSTEM = ("/dev", "/etc", "/lib", "/proc", "/run", "/sys", "/usr", "/var/run", "/var/lib/docker/containers")
"""Directories of a node that hold nothing a container made."""
UNKEPT = ("/dev", "/etc", "/proc", "/run", "/sys", "/tmp", "/var/cache", "/var/log", "/var/run", "/var/tmp")  # noqa: S108 - names, nothing is written
"""Where a container has configuration, sockets, caches and logs: nothing that a backup must hold."""
MOST = 200
"""Directories that one command looks into."""


def find_postgres() -> Command:
    """The command that prints the Postgres servers of a node. Its output is for `parse_servers`."""
    return Command(("sh", "-c", load_script(FIND_POSTGRES), "search for Postgres"), sudo=True)


def look_into_mounts(directories: Iterable[str]) -> Command:
    """The command that prints for each directory whether it holds data. Its output is for `parse_content`."""
    return Command(("sh", "-c", load_script(LOOK_INTO_MOUNTS), "look into mounts", *directories), sudo=True, limit=60.0)


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip, and a second one where containers of declared services write to mounts.

    Without Docker no mount is looked into; of many mounts the first 200 are, and `content` leaves out the others. What
    could not be seen is an Unobservable in the facts; nothing is raised.
    """
    inspected, servers = yield [inspect_containers(), find_postgres()]
    postgres = or_why(lambda: parse_servers(servers))
    if inspected.rc == ABSENT:
        return Facts(postgres, {})
    containers = or_why(lambda: parse_containers(inspection_json(inspected).partition("\n")[2]))
    if isinstance(containers, Unobservable):
        return Facts(postgres, containers)
    directories = directories_of(containers, inventory)[:MOST]
    if not directories:
        return Facts(postgres, {})
    [answer] = yield [look_into_mounts(directories)]
    return Facts(postgres, or_why(lambda: parse_content(answer, directories)))


def directories_of(containers: Iterable[Container], inventory: Inventory) -> list[str]:
    """The directories of the node that running containers of declared services may write, each once.

    Only those of `kept_mounts`.
    """
    services = inventory.services if isinstance(inventory.services, dict) else {}
    return list(
        dict.fromkeys(
            mount.source
            for container in containers
            if container.running and belongs_to_any(container, services.values())
            for mount in kept_mounts(container)
        )
    )


def belongs_to_any(container: Container, services: Iterable[Service]) -> bool:
    """Whether a container belongs to one of the services."""
    return any(container.belongs_to(service.name) for service in services)


def kept_mounts(container: Container) -> Iterator[Mount]:
    """The mounts in which a container may keep data of its own: volumes and directories that it may write.

    Directories of the node's system, places for configuration, sockets, caches and logs, the root of the node, and
    paths that cannot be printed are left out.
    """
    for mount in container.mounts:
        kept = not is_below(mount.destination, UNKEPT) and mount.source not in ("", "/")
        system = not mount.name and is_below(mount.source, SYSTEM)
        if mount.type in ("volume", "bind") and mount.rw and kept and not system and mount.source.isprintable():
            yield mount


def is_below(path: str, directories: Iterable[str]) -> bool:
    """Whether a path is one of the directories, or lies below one.

    >>> is_below("/etc/nginx", ["/etc"]), is_below("/etcetera", ["/etc"])
    (True, False)
    """
    return any(path == directory or path.startswith(f"{directory.rstrip('/')}/") for directory in directories)


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about what holds data."""
    yield find_postgres().words
    yield (*look_into_mounts(()).words, Argument("access", many=True))
