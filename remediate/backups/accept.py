"""`remediate backups accept`: record that the database that runs now is the right one, and its dumps' size."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import click

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.units import count_of, show_size
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import Catalog, catalog_of
from fleetkeeper.topics.backups.database.facts import Accepted, AcceptedSize, Cluster, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.database.observe import backups_of, record_bytes, record_path
from fleetkeeper.topics.backups.database.record import contains_addition, merge_records, with_corrected_dates
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.facts import Mount
from fleetkeeper.topics.services.rules.kept_data import the_only
from fleetkeeper.transport.commands import Unobservable
from remediate.backups.context import Desk
from remediate.lock import account_and_machine
from remediate.plan import Plan
from remediate.plan_end import Changed, Proof
from remediate.render.plan_text import Line, safe_line
from remediate.runner import RequestedPlan
from remediate.steps import ABSENT, WriteFile
from remediate.sudo_mode import require_root

RULE = "services.postgres_kept_its_data"
TOPICS = ("nodes", "containers", "databases", "services", "backups")


def accept(desk: Desk, *, yes: bool, because: str = "") -> Exit:
    """Show the database that runs and the size of its newest dump, ask, and record them on the volume's node.

    `yes`: no question. `because` is the reason why that size is right; without one, only the database is recorded.
    Returns the exit code: FINDINGS_REMAIN after a no. Raises UsageError when a reason is needed and nobody can be
    asked. Raises NotApplicable where the inventory has no such service or section.
    """
    fleet = desk.look(*TOPICS)
    try:
        records, accepted = accepted_records(fleet, desk.policy), running_database(fleet, account_and_machine())
        newest = dump_to_accept(fleet, desk.policy, asked=bool(because.strip()))
        require_root(fleet, [desk.policy.volume.node])
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    sizes = size_lines(newest, desk.policy) if newest else []
    desk.screen.lines([*describe_database(fleet, accepted), *describe_replaced(records.accepted, accepted), *sizes])
    reason = because.strip() or (asked_reason(yes=yes) if newest else "")
    if not yes and not click.confirm("Is this the database with the data?", err=True):
        return Exit.FINDINGS_REMAIN
    size = size_of(newest, reason) if newest and reason else None
    addition = in_force(Records(accepted=accepted, size=size), records)
    planned = desk.planned(RULE, plan_to_record(fleet, desk.policy, addition))
    wish = RequestedPlan(
        lambda: plan_again(desk.look(*TOPICS), desk.policy, addition),
        lambda: proof_of_record(desk.look("nodes", "databases"), desk.policy, addition),
        shown=False,
    )
    return desk.apply(planned, wish)


def plan_again(fleet: Fleet, policy: Policy, addition: Records) -> Plan:
    """The plan that records `addition`, from a fresh look under the lock.

    Raises Changed when another database runs by now, Unobservable when none can be seen.
    """
    shown = addition.accepted
    now = running_database(fleet, account_and_machine())
    if shown and (now.system, now.node, now.volume) != (shown.system, shown.node, shown.volume):
        raise Changed(f"cluster {now.system} on {now.node} runs by now, not the one that was shown")
    return plan_to_record(fleet, policy, addition)


def plan_to_record(fleet: Fleet, policy: Policy, addition: Records) -> Plan:
    """The plan that adds `addition` to the records that the look saw. Raises Unobservable."""
    before = with_corrected_dates(accepted_records(fleet, policy), addition, fleet.looked_at)
    return accept_plan(policy, before, addition)


def proof_of_record(fleet: Fleet, policy: Policy, addition: Records) -> tuple[Proof, str]:
    """Whether the records that the look saw hold all of `addition`, and the reason; UNKNOWN when they were not seen."""
    try:
        exists = contains_addition(accepted_records(fleet, policy), addition)
    except Unobservable as why:
        return Proof.UNKNOWN, f"the record could not be read back: {why}"
    return (Proof.FIXED, "") if exists else (Proof.FAILING, "the record was read back, and lacks what was written")


def accepted_records(fleet: Fleet, policy: Policy) -> Records:
    """The records on the volume's node; empty ones when there is no file. Raises Unobservable."""
    return raise_if_unobservable(fleet.of(policy.volume.node, Databases).records, policy.volume.node) or Records()


def running_database(fleet: Fleet, by: str) -> Accepted:
    """The one database that runs, as a record dated now; `by` is who accepts it.

    Raises Unobservable when none or several run, or a node was not seen.
    """
    node, cluster = the_only(fleet)
    return Accepted(cluster.system, node, data_volume(fleet, node, cluster), datetime.now(UTC), by)


def dump_to_accept(fleet: Fleet, policy: Policy, *, asked: bool) -> Backup | None:
    """The newest complete dump, when its size has to be accepted; else None.

    It has to be when a person gives a reason (`asked`), or retention waits for one. Raises Unobservable when `asked`
    and the backups could not be seen, or none is complete; not `asked`, both give None.
    """
    try:
        catalog = catalog_of(fleet, policy)
    except Unobservable:
        if asked:
            raise
        return None
    newest = next(iter(catalog.proven), None)
    if asked and newest is None:
        raise Unobservable("there is no complete backup whose size could be accepted", hint=VERIFY)
    return newest if newest and (asked or waits_for_a_person(catalog)) else None


VERIFY = "`remediate backups verify` streams those that are not known; without a reason only the database is accepted"


def waits_for_a_person(catalog: Catalog) -> bool:
    """Whether the newest complete dump (there must be one) is implausibly small, or any one implausibly large."""
    return catalog.proven[0].small is not None or any(backup.giant for backup in catalog.proven)


def size_lines(newest: Backup, policy: Policy) -> list[Line]:
    """Lines for a person: the newest dump, its size, and what accepting that size means."""
    tiny = newest.file.size < policy.smallest
    still = f"  it stays a finding below {show_size(policy.smallest)}: see `backups.smallest` in the inventory"
    size = show_size(newest.file.size)
    instead = f", wanted was {newest.small.wanted}" if newest.small else ""
    return [
        Line(f"newest dump {safe_line(newest.name)}, {size}{safe_line(instead)}", "title"),
        Line(f"  from now on dumps are compared with {size}; older ones stay as good as they are", "loud"),
        *([Line(still, "bad")] if tiny else []),
    ]


def asked_reason(*, yes: bool) -> str:
    """The reason why this size is right, typed at the terminal; empty: only the database is accepted.

    Raises UsageError with `yes`, or without a terminal. Without blanks around it.
    """
    if yes or not sys.stdin.isatty():
        hint = "add --because 'why it is'; or answer at a terminal, where the size can be left as it is"
        raise UsageError("the size of the newest dump needs a reason to be accepted", hint=hint)
    question = "Why is a dump of this size right? (empty: only the database is accepted)"
    return str(click.prompt(question, err=True, default="", show_default=False)).strip()


def size_of(newest: Backup, because: str) -> AcceptedSize:
    """The record that accepts the size of the newest dump, dated now, by the account that runs this program."""
    return AcceptedSize(newest.name, newest.file.size, newest.time, datetime.now(UTC), account_and_machine(), because)


def in_force(addition: Records, before: Records) -> Records:
    """`addition`, dated after the records that it replaces: one that a wrong clock dated ahead must not outlive it."""
    accepted, size = addition.accepted, addition.size
    if accepted and before.accepted and before.accepted.at >= accepted.at:
        accepted = replace(accepted, at=before.accepted.at + TICK)
    if size and before.size and before.size.at >= size.at:
        size = replace(size, at=before.size.at + TICK)
    return Records(accepted=accepted, size=size)


TICK = timedelta(microseconds=1)


def data_volume(fleet: Fleet, node: str, cluster: Cluster) -> str:
    """The name (or path) of the volume that holds the cluster's directory; empty when it is in the container itself.

    Raises Unobservable when the node's containers were not seen. The innermost mount counts.
    """
    mounts = [
        mount
        for container in fleet.of(node, Containers).containers
        if container.id == cluster.container
        for mount in container.mounts
        if f"{cluster.directory}/".startswith(f"{mount.destination.rstrip('/')}/")
    ]
    deepest = max(mounts, key=length_of_destination, default=None)
    return (deepest.name or deepest.source) if deepest else ""


def length_of_destination(mount: Mount) -> int:
    """The length of a mount's path in the container: the longest one is the innermost."""
    return len(mount.destination)


def describe_database(fleet: Fleet, accepted: Accepted) -> list[Line]:
    """Lines for a person: the database that runs, where, and how many rows its tables have. Raises Unobservable.

    A table that is missing or empty is marked as bad.
    """
    node, cluster = the_only(fleet)
    rows = [
        Line(
            f"  {safe_line(table)}: {count_of(count, 'row')}" if count >= 0 else f"  {safe_line(table)}: is not there",
            "" if count > 0 else "bad",
        )
        for table, count in cluster.rows.items()
    ]
    volume = accepted.volume or "no volume at all: it ends with its container"
    return [
        Line(f"cluster {cluster.system}, made on {cluster.born:%Y-%m-%d %H:%M} UTC", "title"),
        Line(f"  runs on {node}, its data in {safe_line(volume)}"),
        *rows,
    ]


def describe_replaced(before: Accepted | None, now: Accepted) -> list[Line]:
    """A line for a person with the database accepted until now (None: there was none), if another; else empty."""
    if before is None or before.system == now.system:
        return []
    when = f"accepted on {before.at:%Y-%m-%d} by {safe_line(before.by)}"
    return [
        Line(
            f"  instead of cluster {before.system} on {before.node}, {when}: from now on that one is the wrong one",
            "loud",
        )
    ]


def accept_plan(policy: Policy, before: Records, after: Records) -> Plan:
    """The plan that writes the records file: all that was in it before, and what is added."""
    content = record_bytes(merge_records(before, after), backups_of(policy))
    step = WriteFile(policy.volume.node, record_path(policy), content, before.digest or ABSENT, mode=0o600)
    return Plan(steps=(step,), success="the record can be read, and agrees with what runs")
