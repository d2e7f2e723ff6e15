"""The dumps of a database: their place, their names, and the command that makes them."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import PurePosixPath
from statistics import median

from fleetkeeper.commands.init.backup_jobs import LIKE_A_BACKUP
from fleetkeeper.commands.init.filename_patterns import EVERY_NIGHT, pattern_of, policy, schedule_of, zone_of
from fleetkeeper.inventory.fields import NAME
from fleetkeeper.inventory.survey_results import Backups, FoundService, Machine, Scheduled
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.dump_times import stamp_in_name
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.job_runners import makes_backups
from fleetkeeper.topics.backups.parse import list_directory, parse_listing
from fleetkeeper.topics.backups.policy import Policy, names_a_day
from fleetkeeper.topics.containers.facts import Container, Mount, Placement
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Volume
from fleetkeeper.topics.volumes.observe import usage_of
from fleetkeeper.topics.volumes.parse import parse as parse_usage
from fleetkeeper.transport.commands import Command, Output, Unobservable

Ask = Callable[[str, Sequence[Command]], list[Output]]
"""Ask a node, by its name. Raises Unobservable."""
DATA = ("/var/lib/postgresql", "/var/lib/pgsql", "/bitnami/postgresql")
NEWEST = ("last", "latest", "daily", "current")
SUBDIRECTORIES = 6
WEIGHED = 30
"""So many of the newest dumps are weighed, those that are no file of nothing."""
LEAST = 256
STORES = re.compile(r"data|storage|backup|nas|nfs|file", re.IGNORECASE)


@dataclass(frozen=True)
class SurveyContext:
    """What was seen of the fleet so far, and how to ask more. `machines` are by node name.

    `ask` runs commands on a node and raises Unobservable.
    """

    fleet: Fleet
    machines: Mapping[str, Machine]
    scheduled: Sequence[Scheduled]
    ask: Ask


@dataclass(frozen=True)
class DumpListing:
    """One place of dumps as one node sees it.

    `path` is for a directory that is no volume, else empty; `directory` is its path in the container, and `below` the
    directory below that root, or empty. `on_this_disk` is False for a volume that is on the network. `service` is that
    of the container.
    """

    node: str
    volume: str
    path: str
    directory: str
    files: tuple[File, ...]
    on_this_disk: bool = True
    below: str = ""
    service: str = ""

    @cached_property
    def pattern(self) -> str:
        """The strftime pattern that most names have; empty without one."""
        return pattern_of(file.name for file in self.files)

    @cached_property
    def dumps(self) -> list[File]:
        """The files whose names match the pattern."""
        pattern = self.pattern
        return [file for file in self.files if pattern and stamp_in_name(file.name, pattern)]

    @property
    def others(self) -> tuple[str, ...]:
        """The names of files and directories that do not match the pattern, the newest first, without hidden ones."""
        matching = {file.name for file in self.dumps}
        rest = [file for file in self.files if file.kind in ("file", "directory") and file.name not in matching]
        newest_first = sorted(rest, key=lambda file: file.mtime, reverse=True)
        return tuple(file.name for file in newest_first if not file.name.startswith("."))

    @property
    def policy(self) -> Policy:
        """A provisional policy for looking at this place."""
        return policy(self.volume, self.node, self.pattern, self.path or None, self.below)


def backups_of(
    context: SurveyContext, database: FoundService, places: Sequence[Placement], beside: Sequence[Placement] = ()
) -> tuple[Backups | None, list[str]]:
    """The dumps of a database (place, names, schedule, sizes), and what could not be seen.

    `places` are its containers, `beside` those of others that may make its dumps. None without dumps, and without a
    place that is called like one for them.
    """
    unseen: list[str] = []
    listed = list(dump_listings(context, places, unseen))
    if not any(listing.dumps for listing in listed):
        listed += dump_listings(context, [each for each in beside if is_for_backups(each.container)], unseen)
    best = max(listed, key=usefulness, default=None)
    if best is None or usefulness(best) == (0, False):
        return None, unseen
    alike = [listing for listing in listed if listing.files and names(listing) == names(best)]
    home = max(alike or [best], key=preference)
    backups = describe_backups(home, database, sorted({listing.node for listing in alike}))
    if not any(each.container.service == home.service for each in places):
        backups = replace(backups, maker=home.service, directory="/backups")
    backups = replace(backups, sidecars=tuple(dict.fromkeys(sidecars_at(home, beside))))
    backups = with_schedule(backups, home, context.scheduled, {each.node for each in places})
    backups = with_timezone(backups, home.dumps, context.machines)
    return with_usage(backups, home, context.ask, unseen), unseen


def sidecars_at(home: DumpListing, beside: Sequence[Placement]) -> Iterator[str]:
    """The names of containers that make backups by a clock of their own and may write where the dumps are."""
    for container in (each.container for each in beside):
        written = [mount.source if home.path else mount.name for mount in container.mounts if mount.rw]
        if makes_backups(container) and (home.path or home.volume) in written and container.service != home.service:
            yield container.service or container.name


def dump_listings(context: SurveyContext, places: Sequence[Placement], unseen: list[str]) -> Iterator[DumpListing]:
    """The listing (now, by `context.ask`) of each mount of the database that may hold dumps, on each node that has it.

    Where the root of one has no dumps, its likely subdirectories follow. Adds to `unseen` what could not be listed; a
    volume whose name no inventory could have is left out.
    """
    for placement, mount in ((each, mount) for each in places for mount in candidate_mounts(each.container)):
        path = "" if mount.name else mount.source
        volume = mount.name or PurePosixPath(mount.source).name
        if not re.fullmatch(NAME, volume):
            continue
        for node in nodes_with_volume(context.fleet, mount) if mount.name else [placement.node]:
            here = not is_on_network(context.fleet, node, mount.name)
            root = DumpListing(node, volume, path, mount.destination, (), here, service=placement.container.service)
            listing = with_files(root, context.ask, unseen)
            if listing is None:
                continue
            yield listing
            for below in subdirectories(listing):
                inner = with_files(replace(root, below=below), context.ask, unseen)
                if inner is not None:
                    yield inner


def with_files(listing: DumpListing, ask: Ask, unseen: list[str]) -> DumpListing | None:
    """The listing with the files that are there now; None, and a line in `unseen`, when they could not be listed."""
    try:
        [answer] = ask(listing.node, [list_directory(listing.policy)])
        return replace(listing, files=parse_listing(answer)[1])
    except Unobservable as why:
        unseen.append(f"{listing.node}: the files of {listing.volume} could not be listed: {why.why}" + hint_of(why))
        return None


def subdirectories(listing: DumpListing) -> list[str]:
    """The directories in which dumps may be when none are at the root: a few, the one with the newest first.

    Empty when there are dumps here.
    """
    if listing.dumps:
        return []
    kept = [file for file in listing.files if file.kind == "directory" and re.fullmatch(NAME, file.name)]
    recent = sorted(kept, key=lambda file: (file.name in NEWEST, file.mtime), reverse=True)
    return [file.name for file in recent[:SUBDIRECTORIES]]


def hint_of(why: Unobservable) -> str:
    """The hint of an Unobservable as ` (HINT)`; empty without one."""
    return f" ({why.hint})" if why.hint else ""


def candidate_mounts(container: Container) -> list[Mount]:
    """The volumes and bind mounts that a container writes, without the data directory of Postgres."""
    return [
        mount
        for mount in container.mounts
        if mount.type in ("volume", "bind") and mount.rw and not mount.destination.startswith(DATA)
    ]


def is_for_backups(container: Container) -> bool:
    """Whether a container, by its name or a mount's, looks like one that makes backups."""
    words = [container.name, container.service, *(f"{mount.name} {mount.destination}" for mount in container.mounts)]
    return any(LIKE_A_BACKUP.search(word) for word in words)


def nodes_with_volume(fleet: Fleet, mount: Mount) -> list[str]:
    """The nodes that have a volume of that name; nodes whose volumes were not seen are left out."""
    return [node for node in fleet.inventory.nodes if any(volume.name == mount.name for volume in volumes(fleet, node))]


def volumes(fleet: Fleet, node: str) -> tuple[Volume, ...]:
    """The volumes of a node; empty where they were not seen."""
    try:
        return fleet.of(node, Services).volumes
    except Unobservable:
        return ()


def is_on_network(fleet: Fleet, node: str, name: str) -> bool:
    """Whether a node's volume of that name is on the network; False where its volumes were not seen.

    Of a volume of that name there: False without one.
    """
    return any(volume.name == name and volume.remote for volume in volumes(fleet, node))


def usefulness(listing: DumpListing) -> tuple[int, bool]:
    """A sort key: more dumps are better, then a name that looks like one for backups."""
    return len(listing.dumps), bool(LIKE_A_BACKUP.search(f"{listing.volume} {listing.directory}"))


def names(listing: DumpListing) -> frozenset[str]:
    """The names of the files in a listing."""
    return frozenset(file.name for file in listing.files)


def preference(listing: DumpListing) -> tuple[bool, bool]:
    """A sort key for nodes that share a place: its own disk is better, then a name that looks like one for storage."""
    return listing.on_this_disk, bool(STORES.search(listing.node))


def describe_backups(home: DumpListing, database: FoundService, nodes: Sequence[str]) -> Backups:
    """The backups in a place, without schedule and usage. `nodes` are all that see these files.

    `number` and `newest` size are of the files that `home` sees; the pattern is guessed without any.
    """
    dumps = sorted(home.dumps, key=lambda file: file.mtime)
    return Backups(
        service=database.key,
        volume=home.volume,
        node=home.node,
        directory=home.directory,
        path=home.path,
        pattern=home.pattern,
        nodes=tuple(nodes) or (home.node,),
        number=len(dumps),
        newest=typical_size(dumps),
        guessed=() if dumps else ("pattern",),
        below=home.below,
        others=home.others,
    )


def typical_size(oldest_first: Sequence[File]) -> int:
    """The median size (bytes) of the newest dumps, without those that are files of nothing; 0 without any dump."""
    sizes = [file.size for file in oldest_first]
    weighed = [size for size in sizes if size >= LEAST] or sizes
    return round(median(weighed[-WEIGHED:])) if weighed else 0


def with_schedule(
    backups: Backups, home: DumpListing, scheduled: Sequence[Scheduled], nodes: Collection[str]
) -> Backups:
    """The backups with schedule and command: from a scheduled entry, else from the names of dumps, else as a proposal.

    What is only proposed is in `guessed`. An entry on one of `nodes`, where the database runs, comes before those of
    other nodes: it enters a container there, which may be another database's.
    """
    stamps = [local for file in home.dumps for local in [stamp_in_name(file.name, home.pattern)] if local]
    stamps = [] if names_a_day(home.pattern) else stamps
    job = next(
        iter(sorted(scheduled, key=lambda each: (each.node not in nodes, not each.times))), Scheduled("", "", "", "")
    )
    times = job.times or (schedule_of(stamps) if stamps else "")
    nowhere = {"schedule": not times, "command": not job.command}
    return replace(
        backups,
        schedule=times or EVERY_NIGHT,
        command=job.command or "backup",
        where=job.where and f"{job.node}: {job.where}",
        guessed=(*backups.guessed, *(key for key, guess in nowhere.items() if guess)),
    )


def with_usage(backups: Backups, home: DumpListing, ask: Ask, unseen: list[str]) -> Backups:
    """The backups with the bytes that their volume takes and that its disk has free.

    Where that cannot be measured, the sum of the files, and a line in `unseen`.
    """
    try:
        [answer] = ask(home.node, [usage_of(home.policy)])
        usage = parse_usage(answer)
    except (Unobservable, ValueError) as why:
        unseen.append(f"{home.node}: what {home.volume} takes could not be measured: {why}")
        return replace(backups, used=sum(file.blocks for file in home.files))
    return replace(backups, used=usage.used, free=usage.free)


def with_timezone(backups: Backups, files: Sequence[File], machines: Mapping[str, Machine]) -> Backups:
    """The backups with the time zone of the names: that of a node or UTC, whichever agrees with the mtimes.

    Where none does, it is that of their node, and `timezone` is in `guessed`.
    """
    zones = dict.fromkeys([*(machine.timezone for machine in machines.values() if machine.timezone), "UTC"])
    zone = zone_of(files, backups.pattern, list(zones)) if backups.pattern else ""
    home = machines[backups.node].timezone or "UTC"
    return replace(backups, timezone=zone or home, guessed=backups.guessed if zone else (*backups.guessed, "timezone"))
