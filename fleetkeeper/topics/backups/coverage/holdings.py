"""What holds data in a fleet, under every name that a person may give it, and which of it `backups` covers. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE
from fleetkeeper.topics.backups.coverage.facts import Facts, PostgresServer
from fleetkeeper.topics.backups.coverage.observe import belongs_to_any, is_below, kept_mounts
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.policy import Elsewhere, Policy
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import declared_service
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Holding:
    """A database or a volume on one node.

    `name` is what messages call it, `names` are all by which `not_backed_up` may name it. `uses` are the services that
    write a volume. `standby`: it is a database that receives its data from another server.
    """

    node: str
    name: str
    names: tuple[str, ...]
    directory: str = ""
    uses: tuple[str, ...] = ()
    standby: bool = False


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
            yield server_in_container(server, container, node, declared_service(fleet, container))
        elif several(server, container, servers, containers):
            yield from beside_the_dumped(fleet, server, container, node)


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


def container_names(container: Container, key: str) -> tuple[str, ...]:
    """The names by which people know a container: the inventory's key, PROJECT/SERVICE, its service, its own."""
    compose, project = container.label(COMPOSE_SERVICE), container.label(COMPOSE_PROJECT)
    whole = f"{project}/{compose}" if compose and project else ""
    return tuple(dict.fromkeys(name for name in (whole, key, container.service, container.name) if name))


def uncovered_volumes(fleet: Fleet, node: str) -> Iterator[Holding | Unobservable]:
    """The volumes and directories with data that containers of declared services write, and that nothing covers.

    An Unobservable for one of which it could not be seen whether it holds data; nothing for one without. One that a
    service gets as a whole is named once. Raises Unobservable when containers, servers or content could not be seen at
    all. A mount that holds a database is left to the rule about databases, one that holds the backups or their copies
    is covered. Excuses are not looked at.
    """
    facts, containers = fleet.of(node, Facts), fleet.of(node, Containers).containers
    content, servers = raise_if_unobservable(facts.content, node), raise_if_unobservable(facts.postgres, node)
    for mount, users in written_mounts(fleet, containers):
        state = content.get(mount.source)
        if is_of_the_backups(fleet.inventory, mount, node) or holds_a_database(mount, users, servers, containers):
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
