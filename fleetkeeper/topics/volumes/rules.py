"""The rules about the bytes and inodes that a volume takes, and about the room on its disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import show_duration, show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.catalog import catalog_of, true_clock
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_times import stamp_in_name
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.forecast import Forecast, Room, make_forecast
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import Hold
from fleetkeeper.topics.backups.rules.dumps import why_held
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.volumes.facts import Facts
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


FEW_INODES = 1000
TOLD = 3


def each_volume(inventory: Inventory) -> Iterable[Subject]:
    """The volume of the backups, as the one subject.

    Raises NotApplicable with the reason where there are no backups.
    """
    volume = inventory.section(Policy).volume
    return (Subject("volume", volume.name, volume.node),)


def are_within_budget(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The volume takes no more than its budget, and its disk has room left.

    A full disk ends the next backup halfway, and the database with it where both share a disk. Bytes are counted as
    they lie on the disk, once, from the node that the inventory names; so are files and directories (`inodes`). Its
    file system must keep `free`, and enough inodes for a thousand files. Unknown where a part of the volume could not
    be counted. Source: docs/runbook.md, "Cleaning up old backups".
    """
    policy = fleet.inventory.section(Policy)
    usage = fleet.of(policy.volume.node, Facts)
    for saw, want in excesses(usage, policy):
        yield Finding(
            saw=saw,
            want=want,
            why="when it is full, the next backup is cut short, and nobody notices",
            node=policy.volume.node,
            about=policy.volume.name,
            hint=strangers(usage, policy),
        )


def excesses(usage: Facts, policy: Policy) -> Iterator[tuple[str, str]]:
    """Pairs (what is too much or too little, what is wanted), in words, for each limit that is broken.

    Nothing when all are kept.
    """
    volume = policy.volume
    if volume.budget is not None and usage.used > volume.budget:
        yield f"{volume.name} takes {show_size(usage.used)}", f"at most {show_size(volume.budget)}"
    if volume.inodes is not None and usage.entries > volume.inodes:
        yield f"{volume.name} holds {usage.entries} files and directories", f"at most {volume.inodes}"
    if usage.free < volume.free:
        yield f"{show_size(usage.free)} are free on the disk of {volume.name}", f"at least {show_size(volume.free)}"
    if usage.inodes and usage.free_inodes < FEW_INODES:
        yield f"{usage.free_inodes} inodes are free on the disk of {volume.name}", f"at least {FEW_INODES}"


def strangers(usage: Facts, policy: Policy) -> str:
    """The biggest entries of the volume that are no backups, as the end of a sentence; empty without any.

    At most three, each at least 1 % of what it takes. The directory of the backups itself is left out.
    """
    heavy = [entry for entry in usage.biggest if entry.used * 100 >= usage.used]
    biggest = [entry for entry in heavy if stamp_in_name(entry.path.rpartition("/")[2], policy.pattern) is None]
    others = [f"{entry.path} ({show_size(entry.used)})" for entry in biggest if entry.path != policy.path][:TOLD]
    return f"besides backups there is {', '.join(others)}" if others else ""


def will_last(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Budget and disk last for the policy's horizon, although backups grow.

    Judged as if `keep` were applied every day, with sizes that go on growing as those of the proven backups did: what
    thinning cannot help is told weeks before it happens. While something holds thinning up (a newest dump that is
    implausibly small, a drill that failed, many that look broken), it is judged as if nothing were ever removed; a day
    beyond the horizon is told as a warning where it is within a year. Unknown without a complete backup.
    """
    policy = fleet.inventory.section(Policy)
    node = policy.volume.node
    now = true_clock(fleet, node)
    usage = fleet.of(node, Facts)
    catalog = catalog_of(fleet, policy)
    if not catalog.counted:
        raise Unobservable("there is no complete backup to reckon with", node=node)
    held = why_held(fleet, policy)
    room = Room(usage.used, usage.free - policy.volume.free)
    forecast = make_forecast(catalog, policy, room, now, thinned=held is None)
    late = held is not None and forecast.runs_out is None
    if late:
        farther = policy.model_copy(update={"horizon": max(policy.horizon, YEAR)})
        forecast = make_forecast(catalog, farther, room, now, thinned=False)
    if forecast.runs_out is not None:
        yield Finding(
            saw=forecast_text(forecast, policy, now, held),
            want=f"room for {show_duration(policy.horizon)} at least",
            why="nothing makes room meanwhile, and backups will fail" if held else WITHOUT_ROOM,
            node=node,
            about=policy.volume.name,
            severity="warning" if late else "error",
            hint=held.what_to_do if held else "keep fewer, raise the budget, or give the volume a bigger disk",
        )


YEAR = timedelta(days=365)
WITHOUT_ROOM = "thinning by keep will not make room then, and backups will fail"


def forecast_text(forecast: Forecast, policy: Policy, now: datetime, held: Hold | None = None) -> str:
    """The forecast, which must be one that runs out, in words: when, and why.

    `held` is what holds thinning up, None when nothing does.
    """
    if held:
        when = "already" if forecast.runs_out == now else f"about {forecast.runs_out:%Y-%m-%d}"
        return f"{held.why}; without thinning {policy.volume.name} runs out of {forecast.of} {when}"
    if forecast.runs_out == now:
        return f"{policy.volume.name} is out of {forecast.of} already, and thinning by keep will not make room"
    when = f"{forecast.runs_out:%Y-%m-%d}"
    newest = f"the newest has {show_size(forecast.size)}"
    growth = f"backups grow by {show_size(round(forecast.daily))} a day, {newest}"
    if forecast.daily < 1:
        growth = f"backups do not grow, {newest}, and keep lets more of them gather"
    return f"{policy.volume.name} runs out of {forecast.of} about {when}: {growth}"


PERSON = "only a person can decide between fewer backups and more room"

RULES: tuple[Rule, ...] = (
    Rule("volumes", are_within_budget, each_volume, (Facts,)),
    Rule("volumes", will_last, each_volume, (Facts, Backups, Nodes, Databases), person=PERSON),
)
