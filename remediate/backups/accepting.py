"""`remediate backups accept`: a person says that the database that runs now is the right one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import click

from fleet.commands import Unobservable
from fleet.facts import Fleet, seen
from fleet.topics.backups.policy import Policy
from fleet.topics.containers import Facts as Containers
from fleet.topics.containers.facts import Mount
from fleet.topics.databases import Accepted, Cluster, Records
from fleet.topics.databases import Facts as Databases
from fleet.topics.databases.observing import record_path, written
from fleet.topics.services.data import the_only
from remediate.backups.desk import Desk
from remediate.exits import Exit
from remediate.lock import whoami
from remediate.plan import Plan
from remediate.render.plans import Line, safe
from remediate.steps import ABSENT, WriteFile

RULE = "services.postgres_kept_its_data"


def accept(desk: Desk, *, yes: bool) -> Exit:
    """Show which database runs, ask, and write it down on the volume's node."""
    fleet = desk.look("nodes", "containers", "databases", "services")
    try:
        records, accepted = records_of(fleet, desk.policy), right_one(fleet, whoami())
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    desk.screen.lines([*described(fleet, accepted), *instead(records.accepted, accepted)])
    if not yes and not click.confirm("Is this the database with the data?", err=True):
        return Exit.FINDINGS_REMAIN
    return desk.apply(desk.planned(RULE, writing(desk.policy, records, replace(records, accepted=accepted))))


def records_of(fleet: Fleet, policy: Policy) -> Records:
    """What is written down so far. Raises Unobservable."""
    return seen(fleet.of(policy.volume.node, Databases).records, policy.volume.node) or Records()


def right_one(fleet: Fleet, by: str) -> Accepted:
    """The one database that runs, to be written down. Raises Unobservable when it cannot be told."""
    node, cluster = the_only(fleet)
    return Accepted(cluster.system, node, data_volume(fleet, node, cluster), datetime.now(UTC), by)


def data_volume(fleet: Fleet, node: str, cluster: Cluster) -> str:
    """The name (or path) of the volume that holds the cluster's directory; empty when it is in the container itself."""
    mounts = [
        mount
        for one in fleet.of(node, Containers).containers
        if one.id == cluster.container
        for mount in one.mounts
        if f"{cluster.directory}/".startswith(f"{mount.destination.rstrip('/')}/")
    ]
    deepest = max(mounts, key=depth, default=None)
    return (deepest.name or deepest.source) if deepest else ""


def depth(mount: Mount) -> int:
    return len(mount.destination)


def described(fleet: Fleet, accepted: Accepted) -> list[Line]:
    node, cluster = the_only(fleet)
    rows = [
        Line(
            f"  {safe(table)}: {count} rows" if count >= 0 else f"  {safe(table)}: is not there",
            "" if count > 0 else "bad",
        )
        for table, count in cluster.rows.items()
    ]
    volume = accepted.volume or "no volume at all: it ends with its container"
    return [
        Line(f"cluster {cluster.system}, made on {cluster.born:%Y-%m-%d %H:%M} UTC", "title"),
        Line(f"  runs on {node}, its data in {safe(volume)}"),
        *rows,
    ]


def instead(before: Accepted | None, now: Accepted) -> list[Line]:
    """Which database was accepted until now, when it is another one."""
    if before is None or before.system == now.system:
        return []
    when = f"accepted on {before.at:%Y-%m-%d} by {safe(before.by)}"
    return [
        Line(
            f"  instead of cluster {before.system} on {before.node}, {when}: from now on that one is the wrong one",
            "loud",
        )
    ]


def writing(policy: Policy, before: Records, after: Records) -> Plan:
    """The plan that writes the record."""
    step = WriteFile(policy.volume.node, record_path(policy), written(after), before.digest or ABSENT, mode=0o600)
    return Plan(steps=(step,), success="the record can be read, and agrees with what runs")
