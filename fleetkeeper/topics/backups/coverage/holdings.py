"""What holds data in a fleet, under every name that a person may give it, and which of it `backups` covers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.catalog import catalog_of
from fleetkeeper.topics.backups.coverage.facts import Facts, PostgresServer
from fleetkeeper.topics.backups.coverage.observe import belongs_to_any, is_below, kept_mounts
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.database.parse import GRANT
from fleetkeeper.topics.backups.job_runners import copies_mount, is_archive, makes_backups, shows_backups
from fleetkeeper.topics.backups.policy import Elsewhere, Policy
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import container_names, declared_service
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Holding:
    """A database or a volume on one node.

    `name` is what messages call it, `names` are all by which `not_backed_up` may name it. `uses` are the services that
    write a volume. `standby`: it is a database that receives its data from another server. `kept` says what else may
    keep it, and why that does not count, as a sentence; empty where nothing was seen. `inside`: it is one database of a
    server.
    """

    node: str
    name: str
    names: tuple[str, ...]
    directory: str = ""
    uses: tuple[str, ...] = ()
    standby: bool = False
    kept: str = ""
    inside: bool = False


def policy_of(inventory: Inventory) -> Policy | None:
    """The policy of the backups; None where the inventory says that there are none."""
    try:
        return inventory.section(Policy)
    except NotApplicable:
        return None


def uncovered_databases(fleet: Fleet, node: str) -> Iterator[Holding | Unobservable]:
    """The Postgres servers on a node that the policy's dumps are not made of: all of them where there is no policy.

    An Unobservable for one of several in the dumped container, where which of them is dumped is not known. Raises
    Unobservable when servers or containers could not be seen. Throwaway servers of drills are left out. Excuses are not
    looked at.
    """
    facts, containers = fleet.of(node, Facts), fleet.of(node, Containers).containers
    servers = raise_if_unobservable(facts.postgres, node)
    for server in servers:
        container = container_of_server(server, containers)
        if container is None:
            yield server_on_node(server, node)
        elif container.drill:
            continue
        elif not is_dumped(fleet, container):
            made = server_in_container(server, container, node, declared_service(fleet, container))
            yield replace(made, kept=kept_otherwise(server, container, containers, policy_of(fleet.inventory)))
        elif several(server, container, servers, containers):
            yield from beside_the_dumped(fleet, server, container, node)
    yield from undumped_databases(fleet, node)


def undumped_databases(fleet: Fleet, node: str) -> Iterator[Holding | Unobservable]:
    """The databases with rows in the dumped server that the policy's dumps are not made of.

    Those that the newest complete dump holds, and what a restore has left beside its database, are no such ones. An
    Unobservable where it was not seen whether one has rows, and where the server did not answer. Nothing where the
    look left the servers out, or did not ask for their databases.
    """
    facts = fleet.facts.get((node, Databases.topic))
    policy = policy_of(fleet.inventory)
    if policy is None or facts is None:
        return
    for cluster in raise_if_unobservable(fleet.of(node, Databases).clusters, node):
        container = next((item for item in fleet.of(node, Containers).containers if item.id == cluster.container), None)
        names = container_names(container, policy.service) if container else (policy.service,)
        held = databases_in_dumps(fleet, policy)
        for other in cluster.others or ():
            if other.filled is False or other.name in held or is_left_by_restore(other.name, cluster.database):
                continue
            whole = tuple(f"{name}/{other.name}" for name in names)
            if other.filled is None:
                yield Unobservable(f"whether the database {whole[0]} holds rows was not seen", hint=GRANT, node=node)
            else:
                yield Holding(node, whole[0], (*whole, other.name), kept=SECOND, inside=True)


SECOND = "a second database has an inventory of its own, with `backups.database` (docs/inventory.md)"


def databases_in_dumps(fleet: Fleet, policy: Policy) -> frozenset[str]:
    """The databases by name that the newest complete dump has rows or tables of; empty where that is not known."""
    with suppress(Unobservable):
        whole = catalog_of(fleet, policy).proven
        if whole and (contents := whole[0].contents):
            return frozenset(part.database for part in contents.parts if part.dumped)
    return frozenset()


LEFT_BY_RESTORE = re.compile(r"(?P<short>\w+)_(?:restored|before|filling)_\w+", re.ASCII)


def is_left_by_restore(name: str, database: str) -> bool:
    """Whether a name is one that a restore of this database gives to a database beside it."""
    left = LEFT_BY_RESTORE.fullmatch(name)
    short = re.sub(r"[^A-Za-z0-9_]", "_", database, flags=re.ASCII)
    return left is not None and bool(left["short"]) and short.startswith(left["short"])


def beside_the_dumped(
    fleet: Fleet, server: PostgresServer, container: Container, node: str
) -> Iterator[Holding | Unobservable]:
    """One of several servers in the container that is dumped; nothing if it is the one that answers for the service.

    An Unobservable where that is not known. Raises Unobservable when the servers of the service were not seen.
    """
    clusters = raise_if_unobservable(fleet.of(node, Databases).clusters, node)
    dumped = {cluster.directory for cluster in clusters if cluster.container == container.id}
    if not dumped or not server.directory:
        yield Unobservable(
            f"{container.name} runs several Postgres servers, and which of them is dumped is not known", node=node
        )
    elif server.directory not in dumped:
        yield server_in_container(server, container, node, "")


def container_of_server(server: PostgresServer, containers: Iterable[Container]) -> Container | None:
    """The container of this node's engine in which a server runs; None when it runs in none of them."""
    for container in containers:
        pids = () if isinstance(container.processes, Unobservable) else container.processes
        if container.id in server.containers or any(process.pid == server.pid for process in pids):
            return container
    return None


def is_dumped(fleet: Fleet, container: Container) -> bool:
    """Whether a container belongs to the service whose database the dumps are made of; False without a policy."""
    policy, services = policy_of(fleet.inventory), fleet.inventory.services
    if policy is None or not isinstance(services, dict):
        return False
    return container.belongs_to(services[policy.service].name)


def several(
    server: PostgresServer,
    container: Container,
    servers: Iterable[PostgresServer],
    containers: Iterable[Container],
) -> bool:
    """Whether other servers run in the same container, so that only one of them can be the one that is dumped."""
    others = [other for other in servers if other.pid != server.pid]
    return any(container_of_server(other, containers) is container for other in others)


def server_on_node(server: PostgresServer, node: str) -> Holding:
    """A server that runs in no container of the node's engine: on the node itself, or in another engine's."""
    named = server.directory or f"process {server.pid}"
    return Holding(node, named, (named, f"{node}:{named}"), server.directory, standby=server.standby)


def server_in_container(server: PostgresServer, container: Container, node: str, key: str) -> Holding:
    """A server in a container. `key` is the inventory's key of its service, or empty."""
    names = container_names(container, key)
    whole = (*names, server.directory, *(f"{name}:{server.directory}" for name in names if server.directory))
    named = tuple(dict.fromkeys(name for name in whole if name))
    return Holding(node, names[0], named, server.directory, standby=server.standby)


def kept_otherwise(
    server: PostgresServer, container: Container, containers: Iterable[Container], policy: Policy | None
) -> str:
    """What a container beside a database, which makes backups by itself, may do about it, as a sentence; "" for none.

    One that keeps the policy's own dumps makes none of this database. `policy` is None without backups.
    """
    data = [
        mount.source
        for mount in container.mounts
        if server.directory and is_below(server.directory, [mount.destination])
    ]
    for other in containers:
        if other is container or not makes_backups(other):
            continue
        if any(mount.source in data for mount in other.mounts):
            return f"{other.name} copies its files while it runs, which no Postgres can be started from for sure"
        if not (policy and any(shows_backups(mount, policy) for mount in other.mounts)):
            return f"{other.name} makes backups by itself, and whether of this one is not seen"
    return ""


def uncovered_volumes(fleet: Fleet, node: str) -> Iterator[Holding | Unobservable]:
    """The volumes and directories with data that containers of declared services write, and that nothing covers.

    An Unobservable for one of which it could not be seen whether it holds data; nothing for one without. One that a
    service gets as a whole is named once. Raises Unobservable when containers, servers or content could not be seen at
    all. A mount that holds a database is left to the rule about databases, one that holds the backups or their copies
    is covered, and so is one that a container mounts read-only which makes backups by the clock. Excuses are not looked
    at.
    """
    facts, containers = fleet.of(node, Facts), fleet.of(node, Containers).containers
    content, servers = raise_if_unobservable(facts.content, node), raise_if_unobservable(facts.postgres, node)
    for mount, users in written_mounts(fleet, containers):
        state = content.get(mount.source)
        if is_of_the_backups(fleet.inventory, mount, node) or holds_a_database(mount, users, servers, containers):
            continue
        if is_archive(users) or any(copies_mount(container, mount) for container in containers):
            continue
        keys = tuple(sorted({declared_service(fleet, container) for container in users}))
        named = mount.name or mount.source
        if state in (None, "denied"):
            yield Unobservable(f"whether {named} ({', '.join(keys)}) holds data could not be seen", node=node)
        elif state == "data":
            names = tuple(dict.fromkeys((named, mount.source, PurePosixPath(mount.source).name)))
            yield Holding(node, named, names if not mount.name else (named, mount.source), mount.source, keys)


def written_mounts(fleet: Fleet, containers: Iterable[Container]) -> list[tuple[Mount, list[Container]]]:
    """Each mount that running containers of declared services may write, once by its source, with these containers.

    Only those of `kept_mounts`; `destination` is that of the first container.
    """
    services = fleet.inventory.services
    declared = services.values() if isinstance(services, dict) else ()
    found: dict[str, tuple[Mount, list[Container]]] = {}
    for container in containers:
        if container.running and belongs_to_any(container, declared):
            for mount in kept_mounts(container):
                found.setdefault(mount.source, (mount, []))[1].append(container)
    return list(found.values())


def is_of_the_backups(inventory: Inventory, mount: Mount, node: str) -> bool:
    """Whether a mount is where the backups or their second copies are, or lies below or above that.

    False without a policy. A volume by its name, on any node.
    """
    policy = policy_of(inventory)
    if policy is None:
        return False
    paths = [policy.volume.path] if policy.volume.path else []
    if isinstance(policy.elsewhere, Elsewhere) and policy.elsewhere.node == node:
        paths.append(policy.elsewhere.path)
    near = any(is_below(mount.source, [path]) or is_below(path, [mount.source]) for path in paths)
    return near or (not policy.volume.path and mount.name == policy.volume.name)


DATABASES = ("/var/lib/postgresql", "/var/lib/pgsql", "/bitnami/postgresql")


def holds_a_database(
    mount: Mount, users: Iterable[Container], servers: Iterable[PostgresServer], containers: Iterable[Container]
) -> bool:
    """Whether a Postgres server in one of the containers `users` has its data directory in the mount.

    Where its directory is not known, the images' usual ones count. `containers` are all of the node.
    """
    ids = {user.id for user in users}
    for server in servers:
        container = container_of_server(server, containers)
        if container is None or container.id not in ids:
            continue
        at = {each.destination for each in container.mounts if each.source == mount.source}
        if is_below(server.directory, at) or (not server.directory and is_below(mount.destination, DATABASES)):
            return True
    return False
