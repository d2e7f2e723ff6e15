"""The remedy for backups that exist in one place only: copy the newest complete one to the second place."""

from __future__ import annotations

from collections.abc import Sequence

from fleetkeeper.inventory.schema import Without
from fleetkeeper.inventory.units import show_duration, show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import true_clock
from fleetkeeper.topics.backups.policy import Elsewhere, Policy
from fleetkeeper.topics.backups.rules.second_copy import NO_PART, both_places, one_disk, young_enough
from fleetkeeper.topics.backups.second_copy.facts import CopyDirectory, is_one_file
from remediate.plan import ForAPerson, Plan
from remediate.remedies.backups.thinning import identified_file
from remediate.steps import CopyFile


def copy_there(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Copy the newest complete backup that is not yet there to the second place, through this machine.

    Nothing there is ever written over: it is the newest of the allowed age whose name is free there.

    Disturbs: nothing; one file is read and written at low priority. Way back: the copy is removed, if it is still what
    was written.

    A person must act without such a place, for one on the same disk or behind a link, when no backup is young enough or
    all their names are taken, when the disk is full, and to remove what an ended copy left. Raises Unobservable when
    either place was not seen.
    """
    policy = fleet.inventory.section(Policy)
    elsewhere = policy.elsewhere
    if finding.want == NO_PART:
        return ForAPerson("nothing is removed from the second place by itself", finding.hint)
    if elsewhere is None or isinstance(elsewhere, Without):
        return ForAPerson("the inventory names no second place", f"write into the inventory: {finding.want}")
    backups, own, second = both_places(fleet, policy, elsewhere)
    if person := no_second_place(policy, elsewhere, own, second):
        return person
    chosen = to_copy(young_enough(backups, elsewhere, true_clock(fleet, policy.volume.node)), own, second, elsewhere)
    if isinstance(chosen, ForAPerson):
        return chosen
    if 0 <= second.free < chosen.file.size + elsewhere.free:
        return too_full(elsewhere, second, chosen)
    return copy_plan(policy, elsewhere, chosen, own, second)


def no_second_place(
    policy: Policy, elsewhere: Elsewhere, own: CopyDirectory, second: CopyDirectory
) -> ForAPerson | None:
    """Why nothing can be copied to the second place (the same disk, or behind a link); None when it can."""
    if any(is_one_file(name, own, second) for name in own.names) or one_disk(policy, elsewhere, own, second):
        same = f"{elsewhere.path} on {elsewhere.node} is on the disk of the backups themselves"
        return ForAPerson(same, "name a directory of another disk, best of another machine, in `backups.elsewhere`")
    if second.directory not in {"", elsewhere.path}:
        link = f"{elsewhere.path} on {elsewhere.node} leads through a link, and nothing is written through one"
        return ForAPerson(link, f"name the directory itself in `backups.elsewhere`: {second.directory}")
    return None


def to_copy(
    backups: Sequence[Backup], own: CopyDirectory, second: CopyDirectory, elsewhere: Elsewhere
) -> Backup | ForAPerson:
    """The newest of these backups whose name is free at the second place; ForAPerson when there is none.

    `backups` are complete and young enough, newest first; `own` has their digests.
    """
    if not backups:
        old = f"no complete backup is younger than {show_duration(elsewhere.max_age)}: a copy would not help"
        return ForAPerson(old, "make one first (`remediate backups create`), then run this again")
    free = [backup for backup in backups if backup.name not in second.names and backup.name in own.digests]
    if free:
        return free[0]
    taken = f"{elsewhere.path} on {elsewhere.node} has another file under the name {backups[0].name}"
    return ForAPerson(taken, "see what it is and move it away; nothing there is written over")


def too_full(elsewhere: Elsewhere, second: CopyDirectory, chosen: Backup) -> ForAPerson:
    """The answer when the second place, whose listing is `second`, has too little room for the backup."""
    needed = f"{show_size(chosen.file.size)} and {show_size(elsewhere.free)} that stay free are needed"
    return ForAPerson(
        f"{show_size(second.free)} are free in {elsewhere.path}, {needed}", f"make room on {elsewhere.node}"
    )


def copy_plan(policy: Policy, elsewhere: Elsewhere, chosen: Backup, own: CopyDirectory, second: CopyDirectory) -> Plan:
    """The plan that copies the chosen backup to the second place. `own` and `second` are the listings of both.

    `own` must have the digest of the chosen backup, as it has of one from `to_copy`.
    """
    node, weight = policy.volume.node, show_size(chosen.file.size)
    step = CopyFile(
        node=elsewhere.node,
        target=elsewhere.path,
        source=node,
        directory=own.directory,
        file=identified_file(chosen, ""),
        sha256=own.digests[chosen.name],
        reserve=elsewhere.free,
        makes=not second.directory,
    )
    return Plan(
        steps=(step,),
        disturbance=f"nothing; {weight} are read on {node} and written on {elsewhere.node}, at low priority",
        undo="the copy is removed again, if it is still what was written",
        success="its SHA-256 is the same at both places",
        notes=("nothing is ever removed from the second place: keep an eye on its disk",),
    )
