"""A second place for backups, since a copy beside the database is lost together with it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from fleetkeeper.errors import NotJudgedNow
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
    why: `elsewhere: {none: why}`. What a copy left there whose node was switched off is told as a warning.
    """
    policy = fleet.inventory.section(Policy)
    if policy.elsewhere is None:
        yield one_place_finding(policy)
        return
    second = require_policy(policy.elsewhere)
    backups, here, directory = both_places(fleet, policy, second)
    now = true_clock(fleet, policy.volume.node)
    yield from abandoned_parts(fleet, second, directory)
    copied = [backup for backup in backups if is_same_copy(backup.name, here, directory)]
    apart = not one_disk(policy, second, here, directory)
    if copied and apart and now - copied[0].time <= second.max_age:
        return
    doubt = doubt_about(fleet, policy, second) if apart else ""
    if doubt and fleet.inventory.quick:
        raise NotJudgedNow(f"left out by --quick: {doubt}")
    if doubt:
        hint = "each look reads one more of the older ones; `remediate backups verify` those that are not proven yet"
        yield Unobservable(doubt, hint, second.node)
        return
    saw, hint = not_elsewhere(backups, here, directory, now) if apart else (f"{second.path} {SAME_DISK}", ANOTHER)
    yield Finding(
        saw=saw,
        want=f"a true copy of one at most {show_duration(second.max_age)} old in {second.path}",
        why="what stands in one place only is lost with it",
        node=second.node,
        hint=hint,
    )


def abandoned_parts(fleet: Fleet, second: Elsewhere, directory: CopyDirectory) -> Iterator[Finding]:
    """A warning for each file that an interrupted copy left an hour ago or earlier.

    Raises Unobservable when the node's clock was not seen.
    """
    for name, written in directory.parts.items():
        if fleet.now(second.node).timestamp() - written > ABANDONED:
            yield Finding(
                saw=f"{name} in {second.path} is what a copy has left that never came to its end",
                want=NO_PART,
                why="it takes room, and is no backup",
                node=second.node,
                about=name,
                severity="warning",
                hint=f"the next copy that `remediate` makes removes it; or remove it by hand on {second.node}",
            )


def doubt_about(fleet: Fleet, policy: Policy, second: Elsewhere) -> str:
    """Why a backup in the second place, young enough, may be a good copy and could not be judged; empty without one."""
    _, here, directory = both_places(fleet, policy, second)
    now = true_clock(fleet, policy.volume.node)
    for backup in young_enough(catalog_of(fleet, policy).backups, second, now):
        if backup.future or backup.growing or backup.state == "broken" or backup.name not in directory.names:
            continue
        if backup.small:
            return f"{backup.name} stands in {second.path}, but is {backup.small}"
        if backup.state == "unknown":
            return f"{backup.name} stands in {second.path}, but is not known to be complete: {backup.why}"
        if is_uncompared(backup.name, here, directory):
            return f"{backup.name} stands in {second.path}, but was not compared"
    return ""


def both_places(
    fleet: Fleet, policy: Policy, second: Elsewhere
) -> tuple[Sequence[Backup], CopyDirectory, CopyDirectory]:
    """The complete backups, newest first, and the listings of the backups' own place and of the second place.

    Raises Unobservable when one of them was not seen.
    """
    node = policy.volume.node
    here = raise_if_unobservable(fleet.of(node, Copies).here, node) or CopyDirectory()
    directory = raise_if_unobservable(fleet.of(second.node, Copies).there, second.node) or CopyDirectory()
    return catalog_of(fleet, policy).counted, here, directory


def young_enough(backups: Sequence[Backup], second: Elsewhere, now: datetime) -> list[Backup]:
    """The backups that are at most `max_age` of the second place old."""
    return [backup for backup in backups if now - backup.time <= second.max_age]


def one_disk(policy: Policy, second: Elsewhere, here: CopyDirectory, directory: CopyDirectory) -> bool:
    """Whether both places are on one file system of one node."""
    return policy.volume.node == second.node and bool(here.device) and here.device == directory.device


def not_elsewhere(
    backups: Sequence[Backup], here: CopyDirectory, directory: CopyDirectory, now: datetime
) -> tuple[str, str]:
    """Why the second place does not satisfy the rule, and a hint, in words."""
    if not directory.directory:
        return "there is no such directory", SECOND
    if any(is_one_file(backup.name, here, directory) for backup in backups):
        return f"{directory.directory} shows the very files of the backups: one storage, seen from two nodes", ANOTHER
    copied = [backup for backup in backups if is_same_copy(backup.name, here, directory)]
    differing = [backup.name for backup in backups if is_other_file(backup.name, here, directory)]
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
