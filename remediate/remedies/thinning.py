"""Deleting backups: only proven ones, oldest first, after streaming once more what must stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fleet.facts import Fleet
from fleet.rules import Finding
from fleet.topics.backups.catalog import Backup
from fleet.topics.backups.completeness import prove
from fleet.topics.backups.files import Facts
from fleet.topics.backups.observe import called
from fleet.topics.backups.policy import Policy
from fleet.topics.backups.retention import Gone
from fleet.topics.backups.rules import doubt, policy_of, retained
from fleet.units import show_size
from remediate.plan import ForAPerson, Plan
from remediate.steps import DeleteFiles, Identified, Run

DRILL_AGAIN = "see why, and have one come back (`remediate backups drill NAME`): until then no whole dump is removed"


def thin(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Take away what `keep` does not ask for, oldest first, after streaming once more what must stay.

    While the last drill is one that failed, only what is proven broken goes: who knows which dump is the last that
    comes back.

    Disturbs: backups are deleted for good (`--allow delete`). Way back: none.
    """
    policy = policy_of(fleet)
    gone = removable(fleet, policy)
    if not gone:
        return held_back(fleet, policy) or ForAPerson("nothing is left that keep does not ask for", "look again")
    return thinning(fleet, policy, gone)


def removable(fleet: Fleet, policy: Policy) -> tuple[Gone, ...]:
    """What may go, oldest first: what `keep` does not ask for; while the last drill failed, only what is broken of it.

    Raises Unobservable as `doubt` does.
    """
    excess = retained(fleet, policy).excess
    return tuple(one for one in excess if one.backup.state == "broken") if doubt(fleet, policy) else excess


def held_back(fleet: Fleet, policy: Policy) -> ForAPerson | None:
    """Why no whole dump may go, and until when. Raises Unobservable as `doubt` does."""
    why = doubt(fleet, policy)
    return ForAPerson(why, DRILL_AGAIN) if why else None


def thinning(fleet: Fleet, policy: Policy, gone: Sequence[Gone], *notes: str) -> Plan:
    """The plan that removes these backups, and none of the protected."""
    found = retained(fleet, policy)
    unknown = sum(one.backup.state == "unknown" for one in found.kept)
    doubts = (f"{unknown} that are not known to be complete stay until they are",) if unknown else ()
    return Plan(
        steps=steps(fleet, policy, gone),
        disturbs=("deletion",),
        disturbance=f"removes {len(gone)} backups for good, {show_size(weight(gone))}",
        undo="there is no way back",
        notes=(f"{len(found.kept) + len(found.excess) - len(gone)} stay", *doubts, *notes),
    )


def weight(gone: Sequence[Gone]) -> int:
    """Bytes on the disk."""
    return sum(one.backup.file.blocks for one in gone)


def steps(fleet: Fleet, policy: Policy, gone: Sequence[Gone]) -> tuple[Run | DeleteFiles, ...]:
    """Stream the protected ones again, then delete, oldest first, while they are still what was streamed."""
    found = retained(fleet, policy)
    directory = fleet.of(policy.volume.node, Facts).directory
    stay = [kept.backup for kept in found.kept if kept.backup.name in found.protected]
    return (
        proof(policy, directory, stay, called(fleet.inventory)),
        DeleteFiles(
            node=policy.volume.node,
            directory=directory,
            files=tuple(identified(one.backup, one.reason) for one in gone),
            survivors=tuple(identified(one, "protected") for one in stay),
        ),
    )


def proof(policy: Policy, directory: str, stay: Sequence[Backup], service: str) -> Run:
    """A step that succeeds only while all of these are whole."""
    again = prove(directory, [one.file for one in stay], policy.format, service)
    return Run(
        node=policy.volume.node,
        words=again.words,
        says=f"stream the {len(stay)} that must stay once more: {', '.join(one.name for one in stay)}",
        changes=False,
        tells=True,
        limit=again.limit,
    )


def identified(backup: Backup, note: str) -> Identified:
    file = backup.file
    return Identified(file.name, file.inode, file.size, math.floor(file.mtime), note)
