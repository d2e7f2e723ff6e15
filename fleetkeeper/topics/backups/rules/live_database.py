"""The rules about the database server behind the backups, its disk, and what it sees of the backups. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.database.facts import BackupsView, Cluster
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_times import stamp_in_name
from fleetkeeper.topics.backups.facts import Facts, File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.facts import Mount
from fleetkeeper.topics.services.idle_reasons import idle_reason
from fleetkeeper.transport.commands import Unobservable

MEMORY = frozenset({"tmpfs", "ramfs"})
ANONYMOUS = re.compile("[0-9a-f]{64}")
LAYERS = re.compile("/(overlay2|overlay|aufs|devicemapper|rootfs)/")
SETTLED = timedelta(minutes=15)
"""A file that was written later may not have arrived at both ends of a share, or in only one of two looks."""
LISTED = 40
"""So many names the container shows at the most."""
LEAST_FREE = 2**30
LEAST_SHARE = 20
"""A disk is about full with less than 1 GiB free, and less than a twentieth of it."""
FEW_INODES = 1000


def servers(fleet: Fleet) -> list[tuple[str, Cluster]]:
    """Each server of the backups' service with its node.

    Raises Unobservable when a node was not seen, NotApplicable when the database runs nowhere.
    """
    matches = [
        (node, cluster)
        for node in fleet.inventory.nodes
        for cluster in raise_if_unobservable(fleet.of(node, Databases).clusters, node)
    ]
    if not matches:
        service = fleet.inventory.section(Policy).service
        raise NotApplicable(f"the database runs nowhere{idle_reason(fleet, service)}; see services.are_running")
    return matches


def database_answers(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The database takes connections.

    A server that hangs, or has no connection left, still runs: nothing else tells. The next backup fails with it.
    Judged by a connection of the backups' own user, inside the container, which must be there within five seconds. A
    password or a role that is wrong makes it unknown: that is no fault of the server. A node that was not seen is
    unknown. Does not apply where the database runs nowhere.
    """
    silent = False
    for node in fleet.inventory.nodes:
        facts = fleet.of(node, Databases)
        silent = silent or bool(facts.silent)
        for server in facts.silent:
            yield Finding(
                saw=f"the database runs and takes no connection: {server.why}",
                want="a connection within 5 s",
                why="programs that need it stand still, and the next backup fails",
                node=node,
                about=server.container[:12],
                hint="see the log of its container (`docker logs`): a process that is stopped, a full disk, too many "
                "sessions (`max_connections`)",
            )
        if not facts.silent:
            raise_if_unobservable(facts.clusters, node)
    if not silent:
        servers(fleet)


def database_has_room(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The disk under the database has room left, and inodes.

    Postgres stops when it cannot write its log, and a full disk cuts the next dump short. Judged by `df` on the data
    directory, in the container: less than 1 GiB and less than 5 % of the disk, or less than 1000 inodes. Unknown where
    that was not seen. Does not apply where the database runs nowhere.
    """
    for node, cluster in servers(fleet):
        disk = cluster.disk
        if disk is None:
            yield Unobservable("how full the disk of the database is was not seen", node=node)
            continue
        if disk.free < LEAST_FREE and disk.free * LEAST_SHARE < disk.size:
            least = min(LEAST_FREE, disk.size // LEAST_SHARE)
            yield no_room(node, f"{show_size(disk.free)} of {show_size(disk.size)} are", show_size(least))
        if disk.inodes and disk.free_inodes < FEW_INODES:
            yield no_room(node, f"{disk.free_inodes} inodes are", str(FEW_INODES))


def no_room(node: str, what: str, least: str) -> Finding:
    """The finding that so little is free under the database."""
    return Finding(
        saw=f"{what} free on the disk of the database",
        want=f"at least {least}",
        why="a database that cannot write its log stops, and so do its backups",
        node=node,
        hint="make room, or give it a bigger disk; never delete files of the data directory by hand",
    )


def lie_on_a_lasting_disk(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Backups and database lie on a disk that lasts: not in memory, in a container's own layer, or beside their mount.

    What lies in tmpfs is gone after a start of the node; what lies in a container's own layer, or in a volume without a
    name, is gone with the container. A mount point of /etc/fstab on which nothing is mounted is an empty directory of
    the disk around it: backups that go there miss their disk, and those on it are not seen. Judged by the types of the
    file systems, /etc/fstab and /proc/mounts, and the mounts of the database's container. Unknown where what either
    lies on was not seen.
    """
    policy = fleet.inventory.section(Policy)
    yield from where_backups_lie(fleet, policy)
    for node, cluster in servers(fleet):
        container = next((item for item in fleet.of(node, Containers).containers if item.id == cluster.container), None)
        if container is None:
            yield Unobservable("where the database's data lie was not seen: its container was replaced", node=node)
            continue
        for saw in where_data_lie(cluster, container.mounts):
            yield fleeting(node, f"the database's data ({cluster.directory}) {saw}", "database", DATA)


def where_backups_lie(fleet: Fleet, policy: Policy) -> Iterator[Finding | Unobservable]:
    """A finding for each reason why the directory of the backups does not last.

    An Unobservable where what it lies on was not seen; nothing where it lasts. Raises Unobservable when its files were
    not seen.
    """
    node = policy.volume.node
    facts = fleet.of(node, Facts)
    raise_if_unobservable(facts.files, node)
    if facts.storage is None:
        yield Unobservable(f"what {facts.directory} lies on was not seen", node=node)
        return
    what = f"the backups ({facts.directory})"
    if facts.storage.kind in MEMORY:
        yield fleeting(node, f"{what} lie in memory ({facts.storage.kind})", "backups", DUMPS)
    elif LAYERS.search(facts.directory) or ANONYMOUS.fullmatch(policy.volume.name):
        yield fleeting(node, f"{what} lie in what is removed together with a container", "backups", DUMPS)
    for point in facts.storage.unmounted:
        yield fleeting(node, f"{what} lie below {point}, a mount point of /etc/fstab: {NOTHING}", "backups", MOUNT)


NOTHING = "nothing is mounted there"
DUMPS = "keep them on a disk, in a directory or a volume that has a name"
DATA = (
    "give the data directory a volume that has a name (dump first, restore into the new one: nothing moves by itself)"
)
MOUNT = "see why it is not mounted (`systemctl status`, `mount -a`); then move what was written meanwhile"


def fleeting(node: str, saw: str, about: str, hint: str) -> Finding:
    """The finding that something does not last where it lies.

    `saw` says what and how, `about` is "database" or "backups".
    """
    return Finding(
        saw=saw,
        want="a disk, and a directory or a volume with a name on it",
        why="what lies there is gone after the next start of the node or of the container, or is on the wrong disk",
        node=node,
        about=about,
        hint=hint,
    )


def where_data_lie(cluster: Cluster, mounts: tuple[Mount, ...]) -> Iterator[str]:
    """Why the data directory does not last, in words; none where it does. `mounts` are those of its container."""
    covering = [mount for mount in mounts if below(cluster.directory, mount.destination)]
    mount = max(covering, key=lambda item: len(item.destination), default=None)
    kind = cluster.disk.kind if cluster.disk else ""
    if kind in MEMORY or (mount and mount.type == "tmpfs"):
        yield f"lie in memory ({kind or 'tmpfs'})"
    elif mount is None:
        yield "lie in the container's own layer, which is removed with it"
    elif mount.type == "volume" and ANONYMOUS.fullmatch(mount.name):
        yield f"lie in a volume without a name ({mount.name[:12]}…): the next container starts with an empty one"
    if mount:
        points = (point for path, point in cluster.unmounted if path == mount.destination)
        yield from (f"lie below {point}, a mount point of /etc/fstab: {NOTHING}" for point in points)


def below(path: str, directory: str) -> bool:
    """Whether a path is a directory, or below it."""
    return f"{path.rstrip('/')}/".startswith(f"{directory.rstrip('/')}/")


def database_sees_the_backups(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """What the database's container shows of the backups is the directory that is looked at.

    A share that is stale or not mounted, or a volume that is another one on that node, takes the dumps to a place where
    nobody looks. Judged by the file written last: its name, size and time must be the same from both sides. What was
    written within the last quarter of an hour is not compared. Unknown where the container cannot read the directory.
    Does not apply where it mounts no backups.
    """
    policy = fleet.inventory.section(Policy)
    files = raise_if_unobservable(fleet.of(policy.volume.node, Facts).files, policy.volume.node)
    seen = [(node, cluster.view) for node, cluster in servers(fleet) if cluster.view]
    if not seen:
        raise NotApplicable("the database's container mounts no backups")
    for node, view in seen:
        if view.files is None:
            yield Unobservable(f"{view.directory} cannot be read in the database's container", node=node)
            continue
        saw = difference(view, files, policy, fleet.looked_at.timestamp() - SETTLED.total_seconds())
        if saw:
            yield Finding(
                saw=f"{view.directory} in the database's container is not {policy.volume.name} on "
                f"{policy.volume.node}: {saw}",
                want="the same files from both sides",
                why="its backups go to a place where nobody looks, and what is looked at gets no new ones",
                node=node,
                hint="see what is mounted on both nodes (`findmnt`); a container started before its share was mounted "
                "sees the empty directory until it is started again",
            )


Shown = tuple[str, int, int]


def difference(view: BackupsView, files: tuple[File, ...], policy: Policy, until: float) -> str:
    """How both sides differ in the file written last before `until` (epoch seconds), in words; empty if they do not.

    Only files named like the pattern are compared. One that the container may only not name any more is no difference.
    """
    here = {
        (file.name, file.size, int(file.mtime))
        for file in files
        if file.kind == "file" and stamp_in_name(file.name, policy.pattern) is not None and file.mtime < until
    }
    there = {
        (file.name, file.size, file.mtime)
        for file in view.files or ()
        if stamp_in_name(file.name, policy.pattern) is not None and file.mtime < until
    }
    newest_here, newest_there = last_written(here), last_written(there)
    if newest_there and newest_there not in here:
        return (
            f"the last one there is {newest_there[0]} ({show_size(newest_there[1])}), which is not here as it is there"
        )
    if newest_here and newest_here not in there and not hidden_by_others(newest_here, view):
        return f"the last one here is {newest_here[0]} ({show_size(newest_here[1])}), which is not there as it is here"
    return ""


def last_written(files: set[Shown]) -> Shown | None:
    """The file written last, by its mtime, then its name; None without files."""
    return max(files, key=lambda item: (item[2], item[0]), default=None)


def hidden_by_others(file: Shown, view: BackupsView) -> bool:
    """Whether a file may be among those that the container does not name any more: it names 40, those written last."""
    shown = view.files or ()
    return len(shown) >= LISTED and all(item.mtime >= file[2] for item in shown)
