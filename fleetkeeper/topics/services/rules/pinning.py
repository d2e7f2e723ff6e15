"""The rule that a service cannot be moved away from its data."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.services.constraints import fits, hosts
from fleetkeeper.topics.services.facts import Facts, ServiceMount, SwarmService
from fleetkeeper.topics.services.idle_reasons import managers, service_in_swarm, swarm_facts, unseen
from fleetkeeper.topics.services.parse import below
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_word


def with_local_data_are_pinned(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """A service that keeps data on a node's own disk can only run on that node.

    The swarm moves a task whenever its node is busy, drained or gone; on another node a local volume is new and empty,
    so a database starts from nothing and the backups stay behind. Pinned is a service whose placement constraints leave
    one member of the swarm. A mount counts as local data when it is written and neither its driver, its options nor a
    mounted file system puts it on the network. A volume of one name that is another directory on several nodes is told
    as that, once: for the inventory's first service that writes to it. Nothing is to be pinned before it is mended. A
    service with a task on every member counts as pinned. A node whose swarm was not seen is unknown. Does not apply to
    a service outside a swarm, which stays where it is, nor where each split volume is told for another service.
    Source: https://docs.docker.com/reference/cli/docker/service/create/ (`--constraint`, `--mount`).
    """
    service = placement.service_of(fleet, subject.name)
    unknown = list(unseen(fleet))
    text = service_in_swarm(fleet, service.name)
    elsewhere = told_elsewhere(fleet, text, subject.name) if text else {}
    if text:
        yield from (finding for finding in pinning_findings(fleet, text) if finding.about not in elsewhere)
    elif not unknown:
        raise NotApplicable(why_not(fleet, service.name))
    yield from unknown
    if elsewhere and text and len(elsewhere) == len(split_volumes(fleet, text)):
        raise NotApplicable("; ".join(f"{volume} is told for {teller}" for volume, teller in elsewhere.items()))


def database_stops_first(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The database's old task ends before its next one starts.

    With the update order `start-first` two servers work on one directory for a moment at each update. Each is in a
    container of its own, where the lock file of the other tells it nothing, and what both write is ruined. Judged where
    the service writes to a volume or a directory. A node whose swarm was not seen is unknown. Does not apply to a
    service outside a swarm. Source: https://docs.docker.com/reference/compose-file/deploy/ (`update_config.order`).
    """
    service = placement.service_of(fleet, subject.name)
    unknown = list(unseen(fleet))
    swarm_service = service_in_swarm(fleet, service.name)
    if swarm_service and swarm_service.order == "start-first" and writes_to_disk(swarm_service):
        yield Finding(
            saw=f"{service.name} is updated start-first: two servers work on one directory for a moment",
            want="`order: stop-first`",
            why="what two servers write into one directory is ruined",
            about=service.name,
            hint="stack file, deploy.update_config.order",
        )
    elif not swarm_service and not unknown:
        raise NotApplicable(why_not(fleet, service.name))
    yield from unknown


def writes_to_disk(service: SwarmService) -> bool:
    """Whether a service writes to a volume or a directory of the node, on whatever disk."""
    return any(mount.type in ("volume", "bind") and not mount.read_only for mount in service.mounts)


def why_not(fleet: Fleet, name: str) -> str:
    """Why a service is none of a swarm, in words. The caller has seen that no manager knows it.

    Raises Unobservable when no manager of the swarm is in the inventory, and without a manager for an unseen node.
    """
    if any(managers(fleet)):
        return f"{name} is no service of the swarm: it stays on its node"
    workers = [node for node in fleet.inventory.nodes if fleet.of(node, Facts).swarm == "worker"]
    if workers:
        raise Unobservable(
            f"{', '.join(workers)} belong to a swarm, but none of its managers is in the inventory",
            hint="add a manager under `nodes`",
        )
    return "no swarm here: containers stay on their node"


def pinning_findings(fleet: Fleet, service: SwarmService) -> Iterator[Finding]:
    """A finding where a service with local data may run on several members of the swarm.

    Instead of it, one for each local volume that is split between nodes, whether or not it is told for another service
    too. Nothing for a global service. Raises Untrusted for a name that no shell can take.
    """
    data = local_data(fleet, service)
    members = next((facts.members for facts in managers(fleet)), ())
    fitting = [member for member in members if fits(member, service.constraints)]
    split = split_volumes(fleet, service)
    yield from (split_finding(fleet, volume) for volume in split)
    if service.replicas is None or not data or len(fitting) <= 1 or split:
        return
    yield Finding(
        saw=f"{service.name} keeps {', '.join(data)} on one node's disk, but may run on {hosts(fitting)}",
        want="a placement constraint that leaves one node",
        why="on another node it starts with nothing, and its data and backups stay behind",
        hint="stack file, deploy.placement.constraints: "
        f"`node.hostname == {shown_word(home(fleet, service) or 'NODE')}`",
    )


def split_volumes(fleet: Fleet, service: SwarmService) -> list[str]:
    """The local volumes of a service that are another directory on each node where tasks use that name.

    None of a service that runs once on every node.
    """
    if service.replicas is None:
        return []
    written = [mount.source for mount in service.mounts if mount.type == "volume" and local(fleet, mount)]
    return [volume for volume in dict.fromkeys(written) if volume and len(volume_users(fleet, volume)) > 1]


def split_finding(fleet: Fleet, volume: str) -> Finding:
    """The finding that a volume is split. To pin each service where it happens to run would make that permanent."""
    users = volume_users(fleet, volume)
    where = "; ".join(f"on {host} for {', '.join(names)}" for host, names in users.items())
    return Finding(
        saw=f"{volume} is {len(users)} directories of one name: {where}",
        want="one directory for all that share it",
        why="what one of them writes the others never see, and each backup of it holds a part",
        about=volume,
        hint="find out which node has the right content, bring the others' together there, and run all of them "
        "on that node, or put the volume on the network; do not pin each where it runs now",
    )


def first_writer(fleet: Fleet, volume: str) -> str:
    """The key of the inventory's first service that writes to a split volume: there it is told. "" without one."""
    entries = require_policy(fleet.inventory.services)
    writers = ((key, service_in_swarm(fleet, entry.name)) for key, entry in entries.items())
    return next((key for key, writer in writers if writer and volume in split_volumes(fleet, writer)), "")


def told_elsewhere(fleet: Fleet, service: SwarmService, key: str) -> dict[str, str]:
    """The split volumes of a service that are told for another one, with the key of that."""
    tellers = {volume: first_writer(fleet, volume) for volume in split_volumes(fleet, service)}
    return {volume: teller for volume, teller in tellers.items() if teller not in ("", key)}


def volume_users(fleet: Fleet, volume: str) -> dict[str, list[str]]:
    """The services with a running task that mounts a volume, by the host name of the swarm node, both sorted.

    Without those that run once on every node: they mean a directory of each node. Empty without a manager.
    """
    users: dict[str, set[str]] = {}
    for facts in managers(fleet):
        mounting = {
            item.name
            for item in facts.services
            if item.replicas is not None and any(mount.source == volume for mount in item.mounts)
        }
        for task in facts.tasks:
            if task.service in mounting and task.desired == task.state == "running":
                users.setdefault(task.member, set()).add(task.service)
    return {host: sorted(users[host]) for host in sorted(users)}


def home(fleet: Fleet, service: SwarmService) -> str:
    """The host name of the swarm node where a service runs now; empty when it runs on none or several."""
    tasks = {
        task.member
        for facts in managers(fleet)
        for task in facts.tasks
        if task.service == service.name and task.desired == task.state == "running"
    }
    return tasks.pop() if len(tasks) == 1 else ""


def local_data(fleet: Fleet, service: SwarmService) -> list[str]:
    """The sources (else targets) of the mounts that a service writes and that are on one node's disk."""
    return [mount.source or mount.target for mount in service.mounts if local(fleet, mount)]


def local(fleet: Fleet, mount: ServiceMount) -> bool:
    """Whether a mount is written and on one node's disk.

    A volume is when some node has it locally; for one that no node has yet, the stack file decides. Only of nodes that
    were seen.
    """
    if mount.read_only or mount.remote or mount.type not in ("volume", "bind"):
        return False
    seen = list(swarm_facts(fleet))
    if mount.type == "bind":
        return not any(below(mount.source, facts.remote_mounts) for facts in seen)
    volumes = [volume for facts in seen for volume in facts.volumes if volume.name == mount.source]
    return not volumes or not all(volume.remote for volume in volumes)
