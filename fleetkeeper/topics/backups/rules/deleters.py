"""The rule that nothing else removes dumps: two retentions together keep less than either means to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.job_runners import (
    JobRunner,
    job_runners,
    may_remove,
    retention_of_runner,
    shows_backups,
)
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import service_of
from fleetkeeper.topics.schedules.facts import Deleter, Facts
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class OtherDeleter:
    """What removes dumps besides the policy, and with what: a line or a timer of a node, or a container."""

    node: str
    where: str
    program: str

    @property
    def saw(self) -> str:
        """The sentence about it."""
        return f"{self.where} removes dumps, too, with `{self.program}`"


def only_one_thing_deletes(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Nothing else that is scheduled removes files in the directory of the dumps.

    A `find … -delete`, a cleaning command in the container, a sidecar with a retention of its own (BACKUP_KEEP_DAYS)
    keep by rules of their own: together with `keep` less stays than either means to, and what was proven may be gone. A
    warning; while it stands, thinning removes nothing. Looked for in the lines, scripts and timers of every node, and
    in the names of settings, labels and main processes of containers that may write where the dumps are. A node whose
    schedules or containers were not seen is unknown; so is a container that does something there by the clock which
    cannot be seen, unless `remove_nothing` names it. Source: docs/runbook.md, "Where backups are kept".
    """
    for item in (item for node in fleet.inventory.nodes for item in deleters_on(fleet, node)):
        if isinstance(item, Unobservable):
            yield item
            continue
        yield Finding(
            saw=item.saw,
            want="one thing that removes dumps",
            why="two rules together keep less than either of them means to",
            node=item.node,
            about=item.where,
            severity="warning",
            hint="take it out of the schedule (a container that removes none is named in `backups.remove_nothing`); "
            "while it is there, fleetkeeper thins nothing",
        )


def deleters_on(fleet: Fleet, node: str) -> Iterator[OtherDeleter | Unobservable]:
    """What on a node removes dumps besides the policy; an Unobservable for what could not be seen or told."""
    policy = fleet.inventory.section(Policy)
    items: dict[OtherDeleter | Unobservable, None] = {}
    for search in (scheduled_deleters, container_deleters):
        try:
            for item in search(fleet, node, policy):
                items[item] = None
        except Unobservable as why:
            items[replace(why, node=node)] = None
    yield from items


def scheduled_deleters(fleet: Fleet, node: str, policy: Policy) -> Iterator[OtherDeleter | Unobservable]:
    """The lines, scripts and timers of a node that remove dumps: on the node itself, or in a container that has them.

    An Unobservable for each place that could not be read, where the dumps can be reached from the node, and where the
    container of one is not known. Raises Unobservable where the node's schedules or containers were not seen.
    """
    facts = fleet.of(node, Facts)
    for deleter in facts.deleters:
        if deleter.target is None:
            yield OtherDeleter(node, deleter.where, deleter.program)
    running = fleet.of(node, Containers).containers
    service = service_of(fleet, policy.service).name
    for deleter in facts.deleters:
        try:
            containers = resolve_target(deleter.target, running) if deleter.target else []
        except Unobservable as why:
            yield replace(why, node=node)
            continue
        if any(enters_dumps(deleter, container, service, policy) for container in containers):
            yield OtherDeleter(node, deleter.where, deleter.program)
    if not why_out_of_reach(fleet, node, policy):
        yield from (replace(why, node=node) for why in facts.unseen)


def enters_dumps(deleter: Deleter, container: Container, service: str, policy: Policy) -> bool:
    """Whether what a line removes in this container may be dumps. `service` is Docker's name of the database's."""
    if container.belongs_to(service):
        return not deleter.elsewhere
    return any(mount.rw and shows_backups(mount, policy) for mount in container.mounts)


def container_deleters(fleet: Fleet, node: str, policy: Policy) -> Iterator[OtherDeleter | Unobservable]:
    """The containers of a node that remove dumps by themselves; an Unobservable for each that may.

    What `remove_nothing` names is left out. Raises Unobservable where the node's containers were not seen.
    """
    for runner in job_runners(fleet, node, policy):
        far = not runner.anywhere and why_out_of_reach(fleet, node, policy)
        if far or is_harmless(runner, policy.remove_nothing):
            continue
        if retention := retention_of_runner(runner):
            yield OtherDeleter(node, runner.names[0], ", ".join(retention[:3]))
        elif may_remove(runner):
            why = f"whether {runner.names[0]} removes dumps by itself cannot be seen ({runner.signs})"
            yield Unobservable(why, HARMLESS.format(name=runner.names[0]), node)


def is_harmless(runner: JobRunner, names: Sequence[str]) -> bool:
    """Whether a person has said of a container or service that it removes no dumps; names may be patterns."""
    return any(fnmatchcase(name, pattern) for name in runner.names for pattern in names)


HARMLESS = "look at what it does; if it removes none of the dumps, say so: `backups.remove_nothing: [{name}]`"
NETWORK = re.compile("(?:nfs4?|cifs|smb3|smbfs|ceph|lustre|afs|gfs2|ocfs2|glusterfs|davfs|9p|virtiofs|autofs|fuse.*)")
"""Types of file systems that another node may have, too."""


def why_out_of_reach(fleet: Fleet, node: str, policy: Policy) -> str:
    """Why a node cannot reach the directory of the dumps, in words; empty where it may.

    The volume's node does, and one where the database runs. Another reaches it over the network only: not when it was
    seen to have mounted nothing from a network, nor, when its mounts were not seen, where the dumps lie on a disk of
    the volume's node.
    """
    if node == policy.volume.node or runs_database(fleet, node, policy):
        return ""
    try:
        storage = fleet.of(policy.volume.node, Backups).storage
    except Unobservable:
        return ""
    try:
        seen = fleet.of(node, Services)
    except Unobservable:
        seen = None
    if seen is not None and not seen.remote_mounts and not any(volume.remote for volume in seen.volumes):
        return f"{node} mounts nothing from a network"
    if seen is None and storage is not None and storage.kind and not NETWORK.fullmatch(storage.kind):
        return f"the dumps lie on a disk of {policy.volume.node} ({storage.kind})"
    return ""


def runs_database(fleet: Fleet, node: str, policy: Policy) -> bool:
    """Whether a container of the database's service was seen on a node."""
    service = service_of(fleet, policy.service).name
    with suppress(Unobservable):
        return any(container.belongs_to(service) for container in fleet.of(node, Containers).containers)
    return False


def other_deleters(fleet: Fleet) -> list[OtherDeleter]:
    """Everything seen on any node that removes dumps.

    What could not be seen is left out without a word: that there is none else is not proven.
    """
    found = (item for node in fleet.inventory.nodes for item in deleters_on(fleet, node))
    return [item for item in found if isinstance(item, OtherDeleter)]


def unseen_deleters(fleet: Fleet) -> list[Unobservable]:
    """Why it is not known whether something else removes dumps, for each node that can reach them; else empty.

    Nodes whose schedules the look left out are left out.
    """
    policy = fleet.inventory.section(Policy)
    nodes = [node for node in fleet.inventory.nodes if (node, Facts.topic) in fleet.facts]
    within = [node for node in nodes if not why_out_of_reach(fleet, node, policy)]
    return [item for node in within for item in deleters_on(fleet, node) if isinstance(item, Unobservable)]


def passed_over(fleet: Fleet) -> list[str]:
    """Why something unseen on a node stops no thinning, in words, for each such node."""
    policy = fleet.inventory.section(Policy)
    reasons = {node: why_out_of_reach(fleet, node, policy) for node in fleet.inventory.nodes}
    looked = [node for node in reasons if (node, Facts.topic) in fleet.facts]
    unseen = [node for node in looked if any(isinstance(item, Unobservable) for item in deleters_on(fleet, node))]
    return [
        f"whether something on {node} removes dumps was not seen, and it cannot: {reasons[node]}"
        for node in unseen
        if reasons[node]
    ]
