"""What is promised about backups: they are young, whole, of a likely size, honest about their time, and thinned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from statistics import median
from typing import TYPE_CHECKING

from fleet.commands import Unobservable
from fleet.facts import Fleet, seen
from fleet.rules import Finding, NotApplicable, Rule, Subject, the_fleet
from fleet.schema import Without, required
from fleet.topics import copies, databases, nodes
from fleet.topics.backups.catalog import UNFINISHED, Backup, Catalog, catalog_of, true_clock, unfinished
from fleet.topics.backups.elsewhere import exist_elsewhere
from fleet.topics.backups.files import Facts, File
from fleet.topics.backups.policy import Policy
from fleet.topics.backups.retention import Retention, overdue, retention
from fleet.topics.backups.times import max_age
from fleet.units import show_duration, show_size

if TYPE_CHECKING:
    from fleet.inventory import Inventory

NAMED = 5
VERIFY = "`remediate backups verify` streams them on the node, and remembers"


def each_database(inventory: Inventory) -> Iterable[Subject]:
    """The service whose database is dumped; where the inventory leaves backups out, the fleet, to say so."""
    if isinstance(inventory.backups, Without):
        return the_fleet(inventory)
    return (Subject("service", inventory.backups.service),)


def policy_of(fleet: Fleet) -> Policy:
    """The policy. Raises NotApplicable with the inventory's own reason where there is none."""
    policy: Policy = required(fleet.inventory.backups)
    return policy


def are_fresh(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The newest complete backup is young enough.

    Everything that was entered since is lost when the disk dies. Judged by the time in the file's name, in the
    policy's time zone (or its mtime, if that is older), against the clock of the volume's node. Only a dump that was
    streamed and is proven whole counts; one from the future never does. Allowed is `max_age`, or else the longest gap
    of the schedule and `grace`. Source: the runbook's schedule, twice a day.
    """
    policy = policy_of(fleet)
    node = policy.volume.node
    now = true_clock(fleet, node)
    backups = catalog_of(fleet, policy)
    allowed = max_age(policy, now)
    newest = next(iter(backups.complete), None)
    if newest and now - newest.time <= allowed:
        return
    young = [one for one in backups.backups if one.state == "unknown" and not one.future and now - one.time <= allowed]
    if young:
        yield not_proven(fleet, f"{young[0].name} is young enough, but {not_known(young[0])}")
        return
    yield Finding(
        saw=stale(newest, backups, now),
        want=f"at most {show_duration(allowed)} old",
        why="all that was entered since then would be lost with the database",
        node=node,
        hint="`remediate` makes one now; then see why the schedule did not",
    )


def not_proven(fleet: Fleet, why: str) -> Unobservable:
    """Why nothing can be said. Raises NotApplicable when the audit was asked to leave out what takes long."""
    if fleet.inventory.quick:
        raise NotApplicable(f"left out by --quick: {why}")
    return Unobservable(why, hint=VERIFY, node=policy_of(fleet).volume.node)


def not_known(backup: Backup) -> str:
    return "is still being written" if backup.growing else f"it is not known to be complete: {backup.why}"


def stale(newest: Backup | None, backups: Catalog, now: datetime) -> str:
    """How old the newest is, and which younger files do not count."""
    younger = [one for one in backups.backups if newest is None or one.time > newest.time]
    but = "; ".join(
        f"{one.name} does not count: {'dated in the future' if one.future else one.why}" for one in younger[:2]
    )
    if newest is None:
        told = "no complete backup at all" if backups.backups else "no backup at all"
    else:
        told = f"the newest complete backup is {show_duration(now - newest.time)} old: {newest.name}"
    return f"{told} ({but})" if but else told


def are_complete(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every backup is a whole dump, from its first line to its end mark.

    A dump that was cut short restores without a word, with part of the tables. `gzip -t` is content with a gzip of
    nothing, so each file is streamed on its node: checksums right, header of pg_dump first, no COPY block open at the
    end, and nothing of weight behind the end mark. The newest is streamed at every look, the others once.
    """
    policy = policy_of(fleet)
    node = policy.volume.node
    found = catalog_of(fleet, policy)
    backups = found.backups
    yield from left_over(unfinished(found, policy, true_clock(fleet, node)), node)
    broken = [backup for backup in backups if backup.state == "broken" and not backup.growing]
    for backup in broken:
        yield Finding(
            saw=f"{backup.name} ({show_size(backup.file.size)}) is {backup.why}",
            want="a whole dump",
            why="it would restore a part of the data, or nothing, without a word",
            node=node,
            about=backup.name,
            hint="see why it failed (disk full? database down?); it is removed by `keep` once a newer one is whole",
        )
    unknown = [backup for backup in backups if backup.state == "unknown" and not backup.growing]
    if unknown or fleet.inventory.quick:
        yield not_proven(fleet, f"{names(unknown)}: {unknown[0].why}" if unknown else "nothing was streamed this time")


def left_over(parts: Sequence[File], node: str) -> Iterator[Finding]:
    """Warnings about what dumps left that never ended: it takes room, and no rule removes it."""
    for part in parts:
        yield Finding(
            saw=f"{part.name} ({show_size(part.size)}) is {UNFINISHED}",
            want="a whole dump, or none",
            why="it takes room that nobody counts as a backup",
            node=node,
            about=part.name,
            severity="warning",
            hint="`remediate backups create` makes a dump and removes it, or remove it by hand",
        )


def names(backups: Sequence[Backup]) -> str:
    """A few names, and how many more there are.

    >>> names([])
    ''
    """
    told = ", ".join(backup.name for backup in backups[:NAMED])
    return told + (f" and {len(backups) - NAMED} more" if len(backups) > NAMED else "")


def have_plausible_size(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The newest complete backup weighs about what the others weigh.

    A dump can be whole and hold nothing: of an empty database, or of the wrong one. Judged against the median of the
    other complete ones (`shrink` percent below it is too much) once there are three, and against `smallest`.
    """
    policy = policy_of(fleet)
    complete = catalog_of(fleet, policy).complete
    if not complete:
        raise not_proven(fleet, "there is no complete backup to weigh")
    newest, others = complete[0], [backup.file.size for backup in complete[1:]]
    typical = median(others) if len(others) >= 3 else 0
    least = max(policy.smallest, typical * (100 - policy.shrink) / 100)
    if newest.file.size < least:
        yield Finding(
            saw=f"{newest.name} has {show_size(newest.file.size)}",
            want=f"at least {show_size(round(least))}"
            + (f", as others have {show_size(round(typical))}" if typical else ""),
            why="a whole dump of an empty or a wrong database is no backup, and would push out the good ones",
            node=policy.volume.node,
            about=newest.name,
            hint="look into the database before the next backup; if it was emptied on purpose, waive this for a while",
        )


def tell_their_time(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Each backup's name and its time of writing agree, and neither lies in the future.

    Freshness and thinning stand on these times. The older of the two counts; what is dated in the future never counts,
    and is never removed. A copy made without `cp -p` disagrees, and so does a node whose clock was wrong.
    """
    policy = policy_of(fleet)
    backups = catalog_of(fleet, policy).backups
    yield from told_time(
        [backup for backup in backups if backup.future], "dated in the future", policy, "see whether a clock was wrong"
    )
    yield from told_time(
        [backup for backup in backups if not backup.agrees and not backup.future],
        "not written when the name says",
        policy,
        "if they were copied, give them their time back with `touch -d`; else see whether a clock was wrong",
    )


def told_time(odd: Sequence[Backup], what: str, policy: Policy, hint: str) -> Iterator[Finding]:
    if odd:
        yield Finding(
            saw=f"{len(odd)} {what}: {names(odd)}",
            want="files that were written when their names say",
            why="a backup of unknown age may be older than it looks, and is left out of account until this is clear",
            node=policy.volume.node,
            about=odd[0].name,
            hint=hint,
        )


def are_thinned(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """There are no more backups than `keep` asks for.

    The runbook: keep less frequent backups for older files, cleaned by hand twice a year. Judged by restic's rules
    over proven dumps; what is not known to be complete stays, and fills no bucket. Each new backup lets another go:
    only what might have gone `slack` ago is too much.
    """
    policy = policy_of(fleet)
    node = policy.volume.node
    now = true_clock(fleet, node)
    backups = catalog_of(fleet, policy)
    excess = retention(backups, policy, now).excess
    if overdue(backups, policy, now):
        weight = sum(gone.backup.file.blocks for gone in excess)
        yield Finding(
            saw=f"{len(excess)} of {len(backups.backups)} backups are more than keep asks for ({show_size(weight)})",
            want="the newest of each period that keep names",
            why="they fill the volume until the next backup fails",
            node=node,
            hint="`remediate` shows which go, and why each of the others stays",
        )
    else:
        yield from hidden_excess(fleet, backups, now)


def hidden_excess(fleet: Fleet, backups: Catalog, now: datetime) -> Iterator[Unobservable]:
    """Files that were never verified may be more than `keep` asks for: then nothing can be said."""
    policy = policy_of(fleet)
    unknown = [one for one in backups.backups if one.state == "unknown" and not (one.growing or one.future or one.odd)]
    hopeful = replace(backups, backups=tuple(hoped(one) for one in backups.backups))
    if unknown and overdue(hopeful, policy, now):
        yield not_proven(fleet, f"{len(unknown)} backups are not known to be complete: {unknown[0].why}")


def hoped(backup: Backup) -> Backup:
    return replace(backup, state="complete") if backup.state == "unknown" and not backup.growing else backup


def retained(fleet: Fleet, policy: Policy) -> Retention:
    """What stays and what may go, as this look saw it. Raises Unobservable as `catalog_of` does."""
    return retention(catalog_of(fleet, policy), policy, true_clock(fleet, policy.volume.node))


def come_back(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """A backup was restored into a throwaway server lately, and everything came back.

    A backup that nobody has restored is a hope. Judged by what `remediate backups drill` wrote down on the volume's
    node: the last one that succeeded must be younger than `drills`, and none may have failed since. A drill restores
    into a server without network, stops at the first error, and compares tables and rows with the live database and
    with the drill before.
    """
    policy = policy_of(fleet)
    if policy.drills is None:
        raise NotApplicable("the inventory asks for no drills (`backups.drills: 90 d`)")
    node = policy.volume.node
    last = last_drill(fleet, node)
    age = fleet.looked_at - last.at if last else None
    if last is None or age is None:
        saw = "no backup was ever restored to see whether it comes back"
    elif last.error:
        saw = f"{last.backup} did not come back {show_duration(age)} ago: {last.error}"
    elif age > policy.drills:
        saw = f"the last drill that succeeded was {show_duration(age)} ago ({last.backup})"
    else:
        return
    yield Finding(
        saw=saw,
        want=f"a drill that succeeded within {show_duration(policy.drills)}",
        why="a backup that does not come back is found out on the day when it is needed",
        node=node,
        hint="`remediate backups drill` tries the newest; nothing of production is touched",
    )


def last_drill(fleet: Fleet, node: str) -> databases.Drill | None:
    """The last drill that was written down on a node. Raises Unobservable when that was not seen."""
    records = seen(fleet.of(node, databases.Facts).records, node) or databases.Records()
    return max(records.drills, key=lambda drill: drill.at, default=None)


def doubt(fleet: Fleet, policy: Policy) -> str:
    """What the last drill says against every dump there is: nothing, unless it failed.

    Raises Unobservable when drills are asked for and what they found was not seen.
    """
    try:
        last = last_drill(fleet, policy.volume.node)
    except Unobservable:
        if policy.drills is None:
            return ""
        raise
    return f"{last.backup} did not come back when it was last tried: {last.error}" if last and last.error else ""


READS = (Facts, nodes.Facts)
DRILL = "a drill takes minutes and a share of the server: `remediate backups drill` does it when you say so"
BROKEN = "only a person can find out why a dump broke; a new one is made by backups.are_fresh"
SIZE = "only a person knows whether the database was meant to shrink"
TIME = "only a person can tell which of two times is right"

RULES: tuple[Rule, ...] = (
    Rule("backups", are_fresh, each_database, READS),
    Rule("backups", are_complete, each_database, READS, person=BROKEN),
    Rule("backups", have_plausible_size, each_database, READS, person=SIZE),
    Rule("backups", tell_their_time, each_database, READS, person=TIME),
    Rule("backups", are_thinned, each_database, READS),
    Rule("backups", exist_elsewhere, each_database, (*READS, copies.Facts)),
    Rule("backups", come_back, each_database, (databases.Facts,), person=DRILL),
)
