"""The rule that backups can be restored, judged by the drills in the record. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_times import EARLY, moment_of_name, written_at
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import Hold
from fleetkeeper.transport.commands import Unobservable


def come_back(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """A backup was restored into a throwaway server lately, and everything came back.

    A backup that nobody has restored is a hope. Judged by what `remediate backups drill` wrote down on the volume's
    node: a dump that failed must have come back since, or a newer one must, and where the inventory asks for drills,
    the last that succeeded must be younger than `drills`. A drill that could not be tried (no room, no image) proves
    nothing. A drill restores into a server without network, stops at the first error, and compares tables and rows with
    the live database and with the drill before. Unknown where that record was not seen. Does not apply where the
    inventory asks for no drills and none has failed.
    """
    policy = fleet.inventory.section(Policy)
    node = policy.volume.node
    records = drill_records(fleet, policy)
    failed = last_failure(records, policy)
    last = failed or records.last_drill
    age = fleet.looked_at - last.at if last else None
    if last is not None and age is not None and failed:
        saw = f"{last.backup} did not come back {show_age(age)}: {last.error}"
    elif policy.drills is None:
        raise NotApplicable("the inventory asks for no drills (`backups.drills: 90 d`), and none has failed")
    elif last is None or age is None:
        saw = "no backup was ever restored to see whether it comes back"
    elif age < -EARLY:
        saw = f"the last drill that succeeded ({last.backup}) is dated {show_age(age)}: nobody knows when it was"
    elif age > policy.drills:
        saw = f"the last drill that succeeded was {show_duration(age)} ago ({last.backup})"
    else:
        return
    tried = f"; {refused}" if (refused := refused_since(records, last)) else ""
    yield Finding(
        saw=f"{saw}{tried}",
        want=wanted_drill(failed, policy),
        why="a backup that does not come back is found out on the day when it is needed",
        node=node,
        hint="`remediate backups drill` tries the newest; nothing of production is touched",
    )


def wanted_drill(failed: Drill | None, policy: Policy) -> str:
    """The drill that would satisfy the rule, in words; `failed` is one that is not made good (None: none)."""
    if failed is not None or policy.drills is None:
        return "a drill that succeeded since, of that dump or of a newer one"
    return f"a drill that succeeded within {show_duration(policy.drills)}"


def show_age(age: timedelta) -> str:
    """How long ago something was, in words; `… ahead` for what is over `EARLY` in the future.

    >>> show_age(timedelta(days=3)), show_age(timedelta(days=-3))
    ('3 d ago', '3 d ahead, by a clock that was wrong')
    """
    return f"{show_duration(age)} ago" if age >= -EARLY else f"{show_duration(-age)} ahead, by a clock that was wrong"


def refused_since(records: Records, last: Drill | None) -> str:
    """Why the newest drill could not be tried, in words; empty unless it came after `last` and was refused."""
    newest = max(records.drills, key=lambda drill: drill.at, default=None)
    if newest is None or not newest.refused or (last and last.at > newest.at):
        return ""
    return f"one could not be tried on {newest.at:%Y-%m-%d}: {newest.refused}"


def drill_records(fleet: Fleet, policy: Policy) -> Records:
    """The record on the volume's node; an empty one without a file. Raises Unobservable when it was not seen."""
    return raise_if_unobservable(fleet.of(policy.volume.node, Databases).records, policy.volume.node) or Records()


def failed_drill(fleet: Fleet, policy: Policy) -> Hold | None:
    """The hold on every complete dump while a failed drill has not been made up for, else None.

    Raises Unobservable when the record was looked for and not seen, or drills are wanted and the look left the record
    out.
    """
    if policy.drills is None and (policy.volume.node, Databases.topic) not in fleet.facts:
        return None
    failed = last_failure(drill_records(fleet, policy), policy)
    if failed is None:
        return None
    return Hold(f"{failed.backup} did not come back when it was last tried: {failed.error}", DRILL_AGAIN)


def last_failure(records: Records, policy: Policy) -> Drill | None:
    """The last failed drill without a later success with that dump or a newer one; None when there is none.

    A success with an older dump says nothing about what has broken since it was made.
    """
    proved = sorted((drill for drill in records.drills if not drill.refused), key=lambda drill: drill.at)
    for index, failed in reversed(list(enumerate(proved))):
        if failed.error and not any(makes_up_for(later, failed, policy) for later in proved[index + 1 :]):
            return failed
    return None


def makes_up_for(later: Drill, failed: Drill, policy: Policy) -> bool:
    """Whether the later drill succeeded with the dump that had failed, or with a newer one."""
    if later.error:
        return False
    return later.backup == failed.backup or dumped_at(later, policy) > dumped_at(failed, policy)


def dumped_at(drill: Drill, policy: Policy) -> datetime:
    """When the dump of a drill was made (UTC), by its name, else by its age at the drill.

    Never after the drill itself.
    """
    written = drill.at.timestamp() - drill.age
    return min(drill.at, moment_of_name(drill.backup, policy, written) or written_at(written))


DRILL_AGAIN = (
    "see why, and have it or a newer one come back (`remediate backups drill`): until then no complete dump is removed"
)
