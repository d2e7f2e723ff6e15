"""The backups as one list, newest first: when each was made, and what is proven about it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache

from fleet.commands import Unobservable
from fleet.facts import Fleet, seen
from fleet.topics import nodes
from fleet.topics.backups.files import Facts, File, State, Verified
from fleet.topics.backups.policy import Policy
from fleet.topics.backups.times import EARLY, agree, moment, stamp

GROWING = timedelta(minutes=1)
PART = ".part"
"""The end of a name that a dump has until it is whole."""
ABANDONED = 3600.0
"""Seconds for which nobody has written to a part: it is a dump's that ended, or that waits for a lock."""
UNFINISHED = "a dump that never came to its end; the next one removes it, unless somebody still has it open"
CLOCK = 300.0
"""Seconds that a node's clock may be off before ages that it tells are worth nothing here."""


@dataclass(frozen=True)
class Backup:
    """One file with a backup's name. `time` (UTC) is when it was made: the older of what name and mtime say.

    `named` is the instant in its name. `state` says what is proven; `growing`: written to within the last minute and
    not proven complete; `future`: dated after the node's clock. `odd` says why it must be left alone, if so.
    """

    file: File
    time: datetime
    named: datetime
    state: State = "unknown"
    why: str = ""
    growing: bool = False
    future: bool = False
    odd: str = ""

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def agrees(self) -> bool:
        return agree(self.named, self.file.mtime)

    @property
    def counts(self) -> bool:
        """Whether it is proven complete, and its time can be believed."""
        return self.state == "complete" and not (self.future or self.growing or self.odd)


@dataclass(frozen=True)
class Catalog:
    """All backups, newest first, and the files that are none."""

    backups: tuple[Backup, ...]
    foreign: tuple[File, ...]

    @cached_property
    def complete(self) -> tuple[Backup, ...]:
        """Those that count, newest first."""
        return tuple(backup for backup in self.backups if backup.counts)


def catalog_of(fleet: Fleet, policy: Policy) -> Catalog:
    """The backups of a policy as this look saw them.

    Raises Unobservable when directory, completeness or the node's clock could not be seen, or that clock is wrong.
    """
    node = policy.volume.node
    facts = fleet.of(node, Facts)
    return catalog(seen(facts.files, node), seen(facts.verified, node), policy, true_clock(fleet, node))


def true_clock(fleet: Fleet, node: str) -> datetime:
    """The node's clock, if it can be believed."""
    ahead = fleet.of(node, nodes.Facts).ahead
    if abs(ahead) > CLOCK:
        off = f"its clock is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}"
        raise Unobservable(f"{off}: ages of backups mean nothing", hint="set the clock right (NTP)", node=node)
    return fleet.now(node)


@lru_cache(maxsize=8)
def catalog(files: tuple[File, ...], verified: tuple[Verified, ...], policy: Policy, now: datetime) -> Catalog:
    """Tell backups from other files, and order them. The order of `files` does not matter."""
    proven = {one.name: one for one in verified}
    backups = []
    foreign = []
    for file in files:
        local = stamp(file.name, policy.pattern)
        if local is None or file.kind != "file":
            foreign.append(file)
        else:
            backups.append(backup_of(file, moment(local, policy.zone, file.mtime), proven, now))
    newest_first = sorted(backups, key=lambda backup: (backup.time, backup.name), reverse=True)
    return Catalog(tuple(newest_first), tuple(sorted(foreign, key=lambda file: file.name)))


def unfinished(catalog: Catalog, policy: Policy, now: datetime) -> tuple[File, ...]:
    """What dumps of ours left that ended with their node: files named NAME.part, an hour old and more."""
    return tuple(
        file
        for file in catalog.foreign
        if file.kind == "file"
        and file.name.endswith(PART)
        and stamp(file.name.removesuffix(PART), policy.pattern) is not None
        and now.timestamp() - file.mtime > ABANDONED
    )


def backup_of(file: File, named: datetime, proven: Mapping[str, Verified], now: datetime) -> Backup:
    written = datetime.fromtimestamp(file.mtime, UTC)
    state, why = known(file, proven.get(file.name))
    return Backup(
        file=file,
        time=named if agree(named, file.mtime) else min(named, written),
        named=named,
        state=state,
        why=why,
        growing=state != "complete" and now - written < GROWING,
        future=max(named, written) > now + EARLY,
        odd=odd(file, named, written),
    )


def known(file: File, proof: Verified | None) -> tuple[State, str]:
    """What is proven about exactly this file: a proof of another file that had its name is none."""
    if proof is None:
        return "unknown", "not verified yet"
    if proof.identity != file.identity:
        return "unknown", "changed since it was verified"
    return proof.state, proof.why


def odd(file: File, named: datetime, written: datetime) -> str:
    """Why a file is left alone whatever the rules say, or nothing."""
    if file.links != 1:
        return f"it has {file.links} hard links"
    if named - written > EARLY:
        return "its name is younger than its content"
    return ""
