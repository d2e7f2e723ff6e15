"""Deleting backups: oldest first, after streaming once more the ones that must stay."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fleetkeeper.inventory.units import count_of, show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import catalog_of
from fleetkeeper.topics.backups.completeness import prove_command
from fleetkeeper.topics.backups.facts import Facts
from fleetkeeper.topics.backups.observe import database_service_name
from fleetkeeper.topics.backups.periods import remaining_in
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import ExcessBackup, needed_for, reasons_to_keep
from fleetkeeper.topics.backups.rules.deleters import other_deleters, passed_over, unseen_deleters
from fleetkeeper.topics.backups.rules.drills import failed_drill
from fleetkeeper.topics.backups.rules.dumps import retention_of, why_held
from remediate.plan import ForAPerson, Plan
from remediate.steps import DeleteFiles, Identified, Run

NAMED = 6
ACCEPT = "read it in the inventory, mend it, and remove `guessed: true` there: then it counts"

TAKE_OUT = (
    "take it out of the schedule: two retentions together keep less than either of them means to; a container that "
    "removes none of them may be named under `backups.remove_nothing`"
)


def thin_backups(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Take away what `keep` does not ask for, oldest first, after streaming once more what it may go for.

    While the newest complete dump is implausibly small, or the last drill is one that failed, only what is proven
    broken goes: who knows which dump is the last that comes back. Where more look broken than `keep.broken_at_most`,
    nothing goes. Nothing goes either by a `keep` that `fleetkeeper init` guessed, until `guessed: true` is removed, nor
    while something else that is scheduled removes dumps. Where that was not seen on a node that cannot reach the dumps,
    the plan says so and goes on.

    Disturbs: backups are deleted for good (`--allow delete`). Way back: none. A person must act when nothing may go.

    Raises Unobservable when the backups or drills were not seen, and while it is not known whether something else on a
    node that can reach the dumps removes them.
    """
    policy = fleet.inventory.section(Policy)
    gone = removable_backups(fleet, policy)
    if not gone:
        return held_back(fleet, policy) or ForAPerson("nothing is left that keep does not ask for", "look again")
    return thinning_plan(fleet, policy, gone)


def removable_backups(fleet: Fleet, policy: Policy) -> tuple[ExcessBackup, ...]:
    """Backups that `keep` does not ask for, oldest first; while a drill failed, only the broken ones among them.

    Empty while `keep` is a guess, or something else removes dumps. Raises Unobservable as `failed_drill` does, when the
    backups were not seen, and while it is not known whether something else removes them.
    """
    if policy.guesses or other_deleters(fleet):
        return ()
    for why in unseen_deleters(fleet):
        raise why
    excess = retention_of(fleet, policy).excess
    return tuple(item for item in excess if item.backup.state == "broken") if failed_drill(fleet, policy) else excess


def held_back(fleet: Fleet, policy: Policy) -> ForAPerson | None:
    """Why no complete dump may go, and until when; None when some may.

    Raises Unobservable as `why_held` does, and while it is not known whether something else removes dumps.
    """
    if policy.guesses:
        return ForAPerson(
            f"{policy.guesses}: `fleetkeeper init` guessed what stands there, and nothing is deleted by a guess", ACCEPT
        )
    if others := other_deleters(fleet):
        other = others[0]
        saw = f"{other.where} on {other.node} removes dumps, too, with `{other.program}`"
        return ForAPerson(saw, TAKE_OUT)
    for why in unseen_deleters(fleet):
        raise why
    hold = why_held(fleet, policy)
    return ForAPerson(hold.why, hold.what_to_do) if hold else None


def thinning_plan(fleet: Fleet, policy: Policy, gone: Sequence[ExcessBackup], *notes: str) -> Plan:
    """The plan that deletes the backups `gone`, with these notes besides its own. Raises Unobservable.

    `gone` is not empty, and as `removable_backups` or `backups_to_remove` gave it: nothing is checked again here.
    """
    retention = retention_of(fleet, policy)
    unknown = sum(kept.backup.state == "unknown" for kept in retention.kept)
    small = sum(kept.backup.small is not None for kept in retention.kept)
    left = len(retention.kept) + len(retention.excess) - len(gone)
    again = len(needed_for(gone, catalog_of(fleet, policy), policy))
    first = f"; {again} of them {'is' if again == 1 else 'are'} read once more before anything goes" if again else ""
    held = why_held(fleet, policy)
    doubts = (
        *((f"kept until it is known to be complete: {count_of(unknown, 'backup')}",) if unknown else ()),
        *((f"kept, for a person to look at: {count_of(small, 'implausibly small backup')}",) if small else ()),
        *((f"held up: {held.why}",) if held else ()),
        *passed_over(fleet),
    )
    return Plan(
        steps=deletion_steps(fleet, policy, gone),
        disturbs=("deletion",),
        disturbance=f"removes {count_of(len(gone), 'backup')} for good, {show_size(bytes_on_disk(gone))}",
        undo="there is no way back",
        notes=(f"{left} {'stays' if left == 1 else 'stay'}{first}", *doubts, *notes),
    )


def bytes_on_disk(gone: Sequence[ExcessBackup]) -> int:
    """Bytes that the backups take on the disk (blocks, not lengths)."""
    return sum(excess.backup.file.blocks for excess in gone)


def deletion_steps(fleet: Fleet, policy: Policy, gone: Sequence[ExcessBackup]) -> tuple[Run | DeleteFiles, ...]:
    """Two steps: stream once more the backups that stay instead, then delete these, while those are unchanged.

    Raises Unobservable when the backups were not seen, Untrusted for a name that may not stand in a command.
    """
    catalog = catalog_of(fleet, policy)
    directory = fleet.of(policy.volume.node, Facts).directory
    again = needed_for(gone, catalog, policy)
    return (
        proof_step(policy, directory, again, database_service_name(fleet.inventory)),
        DeleteFiles(
            node=policy.volume.node,
            directory=directory,
            files=tuple(identified_file(excess.backup, excess.reason) for excess in gone),
            survivors=surviving_files(fleet, policy, gone),
        ),
    )


def surviving_files(fleet: Fleet, policy: Policy, gone: Sequence[ExcessBackup]) -> tuple[Identified, ...]:
    """The files that must exist unchanged before each batch is deleted: those that stay instead of one that goes.

    Each has the reason in its note. Raises Unobservable when the backups were not seen.
    """
    catalog = catalog_of(fleet, policy)
    protected = retention_of(fleet, policy).protected
    reasons = reasons_to_keep(catalog.counted, policy, catalog.accepted)
    going = {excess.backup.name for excess in gone}
    only_broken = all(excess.backup.state == "broken" for excess in gone)
    notes = {
        name: why
        for name, why in reasons.items()
        if name in protected or not (only_broken or name in going or all(map(is_span, why)))
    }
    near = {backup.name for backup in remaining_in([excess.backup for excess in gone], catalog, policy)} - notes.keys()
    return tuple(
        identified_file(
            backup, "nothing may remove it" if backup.name in protected else "; ".join(notes.get(backup.name, [LAST]))
        )
        for backup in catalog.backups
        if backup.name in notes or backup.name in near
    )


LAST = "what its period still has"


def is_span(reason: str) -> bool:
    """Whether a reason to stay is `within`: then no other backup goes because of this one."""
    return reason.startswith("within ")


def proof_step(policy: Policy, directory: str, stay: Sequence[Backup], service: str) -> Run:
    """The step that streams these backups, and succeeds only while all of them are complete. It changes nothing."""
    again = prove_command(directory, [backup.file for backup in stay], policy.format, service)
    return Run(
        node=policy.volume.node,
        words=again.words,
        says=f"stream the {len(stay)} that the others may go for once more: {name_a_few(stay)}",
        changes=False,
        tells=True,
        limit=again.limit,
    )


def name_a_few(backups: Sequence[Backup]) -> str:
    """The first names, separated by commas, and how many more there are."""
    more = f" and {len(backups) - NAMED} more" if len(backups) > NAMED else ""
    return ", ".join(backup.name for backup in backups[:NAMED]) + more


def identified_file(backup: Backup, note: str) -> Identified:
    """The backup's file with what identifies it; `note` is why it goes or stays.

    Raises ValueError for a name that is no plain file name.
    """
    file = backup.file
    return Identified(file.name, file.inode, file.size, math.floor(file.mtime), note, file.links)
