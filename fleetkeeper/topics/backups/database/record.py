"""Adding to the record about a database: nothing that somebody else wrote meanwhile is dropped. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TypeVar

from fleetkeeper.topics.backups.database.facts import Accepted, AcceptedSize, Drill, Records

REMEMBERED = 10
"""So many drills stay in the record; and the last that succeeded, which the next one is compared with, and of so many
dumps that failed and have not come back since the last one."""
CLOCKS_DIFFER = timedelta(minutes=5)
"""How much the clocks of two controllers may differ before a date is taken for a wrong one."""
TICK = timedelta(microseconds=1)
Dated = TypeVar("Dated", Accepted, AcceptedSize)


def merge_records(records: Records, addition: Records) -> Records:
    """The records with everything that the addition brings; of two acceptances the later one stays.

    The same addition merged twice is merged once, and the order of two additions does not matter, but for drills that
    are too many to be remembered. The digest stays that of `records`: it is the file that they were read from.
    """
    return Records(
        accepted=later_accepted(records.accepted, addition.accepted),
        drills=drills_to_keep(drills_oldest_first((*records.drills, *addition.drills))),
        digest=records.digest,
        size=later_accepted(records.size, addition.size),
    )


def with_corrected_dates(records: Records, addition: Records, now: datetime) -> Records:
    """The same records, with drills that a wrong clock dated after `now` moved to just before those of the addition.

    A drill counts as such when it is more than 5 minutes after `now`; the order of several is kept. Else one of them
    would pass for the last one until its date has come, whatever fails or succeeds meanwhile.
    """
    ahead = drills_oldest_first([drill for drill in records.drills if drill.at > now + CLOCKS_DIFFER])
    first = min((drill.at for drill in addition.drills), default=now)
    moved = [replace(drill, at=min(first, now) - index * TICK) for index, drill in enumerate(reversed(ahead), 1)]
    return replace(
        records, drills=drills_oldest_first([*(drill for drill in records.drills if drill not in ahead), *moved])
    )


def later_accepted(first: Dated | None, second: Dated | None) -> Dated | None:
    """The item that was accepted later; of two at the same moment the second; None when both are None."""
    if first is None or second is None:
        return first or second
    return first if first.at > second.at else second


def drills_oldest_first(drills: Sequence[Drill]) -> tuple[Drill, ...]:
    """The drills, each once, sorted by time: oldest first."""
    once = {drill_key(drill): drill for drill in drills}
    return tuple(once[key] for key in sorted(once))


def drill_key(drill: Drill) -> tuple[datetime, str, str, str]:
    """The fields in which two drills must agree to be the same drill: time, backup, error, refusal."""
    return drill.at, drill.backup, drill.error, drill.refused


def drills_to_keep(drills: tuple[Drill, ...]) -> tuple[Drill, ...]:
    """The drills that stay in the record, oldest first; `drills` must be sorted so.

    They are the last 10 (`REMEMBERED`), the last that succeeded, and the last failure of each dump that has not been
    restored since (of those again the last 10).
    """
    recent = drills[-REMEMBERED:]
    older = drills[:-REMEMBERED]
    good = [drill for drill in older if not drill.error and not drill.refused]
    came_back = {drill.backup: drill.at for drill in drills if not drill.error and not drill.refused}
    failed = {drill.backup: drill for drill in drills if drill.error and not drill.refused}
    bad = [drill for name, drill in failed.items() if came_back.get(name, drill.at) <= drill.at and drill not in recent]
    succeeded = any(not drill.error and not drill.refused for drill in recent)
    return (*drills_oldest_first([*([] if succeeded else good[-1:]), *drills_oldest_first(bad)[-REMEMBERED:]]), *recent)


def contains_addition(records: Records, addition: Records) -> bool:
    """Whether the records contain everything of the addition: the proof that it was written."""
    accepted = addition.accepted is None or records.accepted == addition.accepted
    size = addition.size is None or records.size == addition.size
    return accepted and size and set(map(drill_key, addition.drills)) <= set(map(drill_key, records.drills))
