"""The rule that the database still has its data: dumps of an empty one would push out the real ones."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotJudgedNow
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.backups.database.facts import Accepted, Cluster
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.services.facts import Facts
from fleetkeeper.topics.services.idle_reasons import idle_reason
from fleetkeeper.topics.services.parse import below
from fleetkeeper.transport.commands import Unobservable

ACCEPT = "`remediate backups accept` writes down that what runs now is right"


def postgres_kept_its_data(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The database that runs is the one with the data.

    A server whose volume is local and that was started elsewhere comes up empty and looks well. Judged by the cluster's
    system identifier (made by initdb, never again the same) against the one that was accepted last, by the node when
    its volume is local (a copy that was left there once has the same identifier, and older data), and by `floors`, the
    least rows of named tables. Unknown unless every node was seen and exactly one server runs; not judged before
    something was accepted or `floors` are named. While this fails, no schedule, backup, thinning or user remedy runs:
    dumps of an empty database would push out the real ones.
    """
    policy = fleet.inventory.section(Policy)
    records = raise_if_unobservable(fleet.of(policy.volume.node, Databases).records, policy.volume.node)
    accepted = records.accepted if records else None
    if accepted is None and not policy.floors:
        raise NotJudgedNow(f"nothing was accepted yet: {ACCEPT}; `floors` name the least rows of tables")
    node, cluster = the_only(fleet)
    if accepted and accepted.system != cluster.system:
        yield another(fleet, node, cluster, accepted)
    elif accepted and accepted.node != node and stays_behind(fleet, accepted):
        yield another_state(node, accepted)
    for table, least in policy.floors.items():
        yield from emptied(node, cluster, table, least)


def emptied(node: str, cluster: Cluster, table: str, least: int) -> Iterator[Finding | Unobservable]:
    """A finding where a table has fewer rows than its floor (-1: it does not exist).

    An Unobservable where none were counted. Nothing where it has enough.
    """
    if table not in cluster.rows:
        yield Unobservable(f"nobody has counted {table}", node=node)
    elif (rows := cluster.rows[table]) < least:
        yield Finding(
            saw=f"table {table} is not there" if rows < 0 else f"table {table} has {count_of(rows, 'row')}",
            want=f"at least {count_of(least, 'row')}",
            why=WHY,
            node=node,
            about=table,
            hint="find out who emptied it before the next backup; `remediate backups list` shows what there is",
        )


WHY = "backups of a database without its data push out the good ones; until this is clear, nothing is changed"


def the_only(fleet: Fleet) -> tuple[str, Cluster]:
    """The node of the one server that runs, and that server.

    Raises Unobservable when there is none, when there are several, and when a node was not seen.
    """
    matches = [
        (node, cluster)
        for node in fleet.inventory.nodes
        for cluster in raise_if_unobservable(fleet.of(node, Databases).clusters, node)
    ]
    if len(matches) != 1:
        where = ", ".join(node for node, _ in matches)
        service = fleet.inventory.section(Policy).service
        if not matches:
            nowhere = f"{service} does not run{idle_reason(fleet, service)}"
            raise Unobservable(f"{nowhere}; whether it has the right data is judged when it does")
        raise Unobservable(f"{service} should run once, and runs on {where}: nobody can say which is right")
    return matches[0]


def another(fleet: Fleet, node: str, cluster: Cluster, accepted: Accepted) -> Finding:
    """The finding that another database runs: since when, and where the accepted one probably is."""
    holders = [name for name in fleet.inventory.nodes if holds(fleet, name, accepted.volume)]
    places = (
        f"nodes with a volume {accepted.volume}: {', '.join(holders)}" if holders else "no node seen has that volume"
    )
    return Finding(
        saw=f"another database: its cluster {cluster.system} was made on {cluster.born:%Y-%m-%d %H:%M} UTC",
        want=f"the cluster {accepted.system} that was accepted on {accepted.at:%Y-%m-%d}",
        why=WHY,
        node=node,
        hint=f"it was on {accepted.node} then; {places}. If this one was restored on purpose: {ACCEPT}",
    )


def stays_behind(fleet: Fleet, accepted: Accepted) -> bool:
    """Whether the data cannot have moved to another node.

    The volume is on the disk of the accepted node, or was not seen: False only for one that is on the network. So it is
    True where the node was not seen.
    """
    try:
        seen_there = fleet.of(accepted.node, Facts)
    except Unobservable:
        return True
    if accepted.volume.startswith("/"):
        return not below(accepted.volume, seen_there.remote_mounts)
    return not any(volume.remote for volume in seen_there.volumes if volume.name == accepted.volume)


def another_state(node: str, accepted: Accepted) -> Finding:
    """The finding that the accepted cluster runs on another node, from another copy of its data."""
    return Finding(
        saw=f"the accepted database, but on {node} and from that node's own copy of {accepted.volume or 'its data'}",
        want=f"on {accepted.node}, where it was accepted on {accepted.at:%Y-%m-%d}",
        why=f"what was left on {node} by an earlier move is older; {WHY}",
        node=node,
        hint=f"the newest data is probably still on {accepted.node}. If it was moved here on purpose: {ACCEPT}",
    )


def holds(fleet: Fleet, node: str, volume: str) -> bool:
    """Whether a node was seen to have a volume of that name; False for a node that was not seen."""
    try:
        return any(item.name == volume for item in fleet.of(node, Facts).volumes)
    except Unobservable:
        return False
