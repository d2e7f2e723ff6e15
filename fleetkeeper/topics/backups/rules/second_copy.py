"""A second place for backups, since a copy beside the database is lost together with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from fleetkeeper.errors import BY_QUICK, NotJudgedNow
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import ABANDONED, catalog_of, true_clock
from fleetkeeper.topics.backups.policy import Elsewhere, Policy
from fleetkeeper.topics.backups.second_copy.facts import (
    CopyDirectory,
    is_one_file,
    is_other_file,
    is_same_copy,
    is_uncompared,
)
from fleetkeeper.topics.backups.second_copy.facts import Facts as Copies
from fleetkeeper.transport.commands import Unobservable

NAMED = 3
NO_PART = "a complete copy, or none"
SAME_DISK = "is on the same disk as the backups"
ANOTHER = "a second place is a directory of another disk, best of another machine"
SECOND = "`remediate` copies the newest; if something else should (rsync, a job), see why it has stopped"


def exist_elsewhere(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The newest complete backup also stands at a second place, byte for byte.

    A backup beside the database burns with it. Judged by SHA-256 at both places: the newest complete backup that has a
    true copy must be younger than `elsewhere.max_age`. The same storage seen from another node is no second place, nor
    is another directory of the same disk. An inventory without a second place is told so as a warning, until it says
    why: `elsewhere: {none: why}`. What a copy left there whose node was switched off is told as a warning. Unknown
    where a place was not seen, or a young copy was not compared or is not known to be good.
    """
    policy = fleet.inventory.section(Policy)
    if policy.elsewhere is None:
        yield one_place_finding(policy)
        return
    elsewhere = require_policy(policy.elsewhere)
    backups, own, second = both_places(fleet, policy, elsewhere)
    now = true_clock(fleet, policy.volume.node)
    yield from abandoned_parts(fleet, elsewhere, second)
    copied = [backup for backup in backups if is_same_copy(backup.name, own, second)]
    apart = not one_disk(policy, elsewhere, own, second)
    if copied and apart and now - copied[0].time <= elsewhere.max_age:
        return
    doubt = doubt_about(fleet, policy, elsewhere) if apart else ""
    if doubt and fleet.inventory.quick:
        raise NotJudgedNow(f"{BY_QUICK}: {doubt}")
    if doubt:
        hint = "each look reads one more of the older ones; `remediate backups verify` those that are not proven yet"
        yield Unobservable(doubt, hint, elsewhere.node)
        return
    saw, hint = not_elsewhere(backups, own, second, now) if apart else (f"{elsewhere.path} {SAME_DISK}", ANOTHER)
    yield Finding(
        saw=saw,
        want=f"a true copy of one at most {show_duration(elsewhere.max_age)} old in {elsewhere.path}",
        why="what stands in one place only is lost with it",
        node=elsewhere.node,
        hint=hint,
    )


def abandoned_parts(fleet: Fleet, elsewhere: Elsewhere, second: CopyDirectory) -> Iterator[Finding]:
    """A warning for each file that an interrupted copy left an hour ago or earlier.

    Raises Unobservable when the node's clock was not seen.
    """
    for name, written in second.parts.items():
        if fleet.now(elsewhere.node).timestamp() - written > ABANDONED:
            yield Finding(
                saw=f"{name} in {elsewhere.path} is what a copy has left that never came to its end",
                want=NO_PART,
                why="it takes room, and is no backup",
                node=elsewhere.node,
                about=name,
                severity="warning",
                hint=f"the next copy that `remediate` makes removes it; or remove it by hand on {elsewhere.node}",
            )


def doubt_about(fleet: Fleet, policy: Policy, elsewhere: Elsewhere) -> str:
    """Why a backup in the second place, young enough, may be a good copy and could not be judged; empty without one.

    Raises Unobservable when one of the two places, the backups or the clock were not seen.
    """
    _, own, second = both_places(fleet, policy, elsewhere)
    now = true_clock(fleet, policy.volume.node)
    for backup in young_enough(catalog_of(fleet, policy).backups, elsewhere, now):
        if backup.future or backup.growing or backup.state == "broken" or backup.name not in second.names:
            continue
        if backup.lacks:
            return f"{backup.name} stands in {elsewhere.path}, but {backup.lacks}"
        if backup.small:
            return f"{backup.name} stands in {elsewhere.path}, but is {backup.small}"
        if backup.state == "unknown":
            return f"{backup.name} stands in {elsewhere.path}, but is not known to be complete: {backup.why}"
        if is_uncompared(backup.name, own, second):
            return f"{backup.name} stands in {elsewhere.path}, but was not compared"
    return ""


def both_places(
    fleet: Fleet, policy: Policy, elsewhere: Elsewhere
) -> tuple[Sequence[Backup], CopyDirectory, CopyDirectory]:
    """The complete backups, newest first, and the listings of the backups' own place and of the second place.

    The listing of a place that the look found nothing of is an empty one. Raises Unobservable when one of them was not
    seen.
    """
    node = policy.volume.node
    own = raise_if_unobservable(fleet.of(node, Copies).here, node) or CopyDirectory()
    second = raise_if_unobservable(fleet.of(elsewhere.node, Copies).there, elsewhere.node) or CopyDirectory()
    return catalog_of(fleet, policy).counted, own, second


def young_enough(backups: Sequence[Backup], elsewhere: Elsewhere, now: datetime) -> list[Backup]:
    """The backups that are at most `max_age` of the second place old."""
    return [backup for backup in backups if now - backup.time <= elsewhere.max_age]


def one_disk(policy: Policy, elsewhere: Elsewhere, own: CopyDirectory, second: CopyDirectory) -> bool:
    """Whether the backups' own place and the second one are on one file system of one node; False where not known."""
    return policy.volume.node == elsewhere.node and bool(own.device) and own.device == second.device


def not_elsewhere(
    backups: Sequence[Backup], own: CopyDirectory, second: CopyDirectory, now: datetime
) -> tuple[str, str]:
    """Why the second place does not satisfy the rule, and a hint, in words. Only for one that does not.

    In this order: no such place, one storage, no young copy. Names at most NAMED files with other content.
    """
    if not second.directory:
        return "the second place does not exist (`backups.elsewhere`)", SECOND
    if any(is_one_file(backup.name, own, second) for backup in backups):
        return f"{second.directory} shows the very files of the backups: one storage, seen from two nodes", ANOTHER
    copied = [backup for backup in backups if is_same_copy(backup.name, own, second)]
    differing = [backup.name for backup in backups if is_other_file(backup.name, own, second)]
    text = (
        f"the newest with a true copy is {show_duration(now - copied[0].time)} old"
        if copied
        else "no true copy of the newest"
    )
    but = f"; another content under the name {', '.join(differing[:NAMED])}" if differing else ""
    return f"{text}{but}", SECOND


def one_place_finding(policy: Policy) -> Finding:
    """The warning for an inventory that does not mention a second place."""
    return Finding(
        saw="the inventory names no second place for backups",
        want="`elsewhere: {node: …, path: …}`, or `elsewhere: {none: why}`",
        why="what stands in one place only is lost with it",
        node=policy.volume.node,
        severity="warning",
    )
