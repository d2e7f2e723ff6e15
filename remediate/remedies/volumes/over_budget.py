"""The remedy for a volume over its budget: thin the backups, and never pay for somebody else's files with them."""

from __future__ import annotations

from collections.abc import Sequence

from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.catalog import Catalog, catalog_of
from fleetkeeper.topics.backups.periods import last_of_period
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import ExcessBackup, Retention
from fleetkeeper.topics.backups.rules.dumps import retention_of
from fleetkeeper.topics.volumes import rules as volumes
from fleetkeeper.topics.volumes.facts import Facts as Volumes
from remediate.plan import ForAPerson, Plan
from remediate.remedies.backups.thinning import bytes_on_disk, held_back, removable_backups, thinning_plan


def make_room(finding: Finding, fleet: Fleet) -> Plan | ForAPerson:
    """Thin by `keep`; below `keep` only where the policy allows it; the rest is said, and why.

    What holds thinning up holds this up, too.
    When the backups alone are within the budget, something else fills the volume: then none is removed for it.
    Disturbs: backups are deleted for good (`--allow delete`). Way back: none. A person must act when nothing may go.

    Raises Unobservable when the volume or the backups were not seen, and as `held_back` does.
    """
    policy = fleet.inventory.section(Policy)
    usage = fleet.of(policy.volume.node, Volumes)
    taken = sum(backup.file.blocks for backup in catalog_of(fleet, policy).backups)
    if policy.volume.budget is not None and taken <= policy.volume.budget:
        return ForAPerson(
            f"the backups take {show_size(taken)}, within the budget", describe_other_files(usage, policy)
        )
    over = too_much(usage, policy)
    held = held_back(fleet, policy)
    gone = (
        removable_backups(fleet, policy)
        if held
        else backups_to_remove(retention_of(fleet, policy), catalog_of(fleet, policy), policy, over)
    )
    missing = over - bytes_on_disk(gone)
    if not gone:
        return held or ForAPerson(
            f"every backup is one that keep asks for, and {show_size(over)} are too much",
            describe_other_files(usage, policy),
        )
    notes = (
        (f"{show_size(missing)} will still be too much: {describe_other_files(usage, policy)}",) if missing > 0 else ()
    )
    return thinning_plan(fleet, policy, gone, *notes)


def too_much(usage: Volumes, policy: Policy) -> int:
    """Bytes that must go to come within the budget (if any), and to leave free what must stay free.

    0 when none must.
    """
    over = usage.used - policy.volume.budget if policy.volume.budget is not None else 0
    return max(over, policy.volume.free - usage.free, 0)


def backups_to_remove(retention: Retention, catalog: Catalog, policy: Policy, over: int) -> Sequence[ExcessBackup]:
    """The backups that go, oldest first: all that keep does not ask for and, if the policy allows it, others.

    The others go only until `over` bytes are freed. What is broken goes only while its period keeps another file.
    """
    gone = list(retention.excess)
    if policy.below_keep:
        oldest_first = (kept.backup for kept in reversed(retention.kept))
        for backup in oldest_first:
            if bytes_on_disk(gone) >= over:
                break
            if backup.counts and not (backup.linked or backup.giant) and backup.name not in retention.protected:
                gone.append(ExcessBackup(backup, "kept by keep, but over the budget"))
    last = last_of_period([excess.backup for excess in gone], catalog, policy)
    return sorted((excess for excess in gone if excess.backup.name not in last), key=lambda item: item.backup.time)


def describe_other_files(usage: Volumes, policy: Policy) -> str:
    """Text for a person: what else is in the volume, and how to make room."""
    others = volumes.strangers(usage, policy)
    return f"{others}; " * bool(others) + "make room there, keep fewer backups, or raise the budget"
