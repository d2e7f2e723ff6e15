"""The users that containers run as: judged by process, never by the user in `docker inspect`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.inventory.schema import Service
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.account_names import ROOT, describe_lacking, describe_processes, uids_of_users
from fleetkeeper.topics.containers.facts import Container, Facts, Placement, Process
from fleetkeeper.topics.services.idle_reasons import reasons
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

FIRST_MOMENTS = 1.0
"""Seconds in which an image that starts as root makes its volumes its user's and becomes that user."""
WHY_ROOT = "root inside a container is root on the node for whoever finds a way out of it"


def each_service_and_node(inventory: Inventory) -> Iterator[Subject]:
    """The services that name their users, then every node, as subjects.

    A node is the subject for containers that the inventory does not mention.
    """
    services = inventory.services if isinstance(inventory.services, dict) else {}
    yield from (Subject("service", key) for key, service in services.items() if service.user)
    yield from (Subject("node", name) for name in inventory.nodes)


def run_as_their_own_user(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every process of a service runs as a user the inventory names for it; nothing else runs as root.

    Judged on every process, as the kernel shows it, translated through the container's user namespace and named by the
    container's own /etc/passwd; so an image that drops its privileges itself is right, and `0:0`, a name for uid 0, or
    a process that kept the right to become root again is root. `master` allows one more user to the processes from
    which the service's own descend: a master and what starts it, not a worker. Processes that came in with `docker
    exec`, such as health checks, are not the service's. A container that the inventory does not mention may not run as
    root; a root that a user namespace maps to an unprivileged user of the node is no root there, and a warning in a
    service. The throwaway server of a backup drill is let be. Unknown where processes or accounts were not seen,
    nothing of the service runs, or root was seen in the first second of a container, which may give it up yet. Source:
    docs/runbook.md, "Users in containers"; CIS Docker Benchmark 1.6, 4.1.
    """
    if subject.kind == "service":
        service = placement.service_of(fleet, subject.name)
        places, unknown = live_containers(fleet, service)
        for location in places:
            yield from judged_users(location, service, fleet.of(location.node, Facts).clock)
        yield from unknown
    else:
        yield from judged_strangers(fleet, subject.name)


def live_containers(fleet: Fleet, service: Service) -> tuple[list[Placement], list[Unobservable]]:
    """The containers of a service that have processes, and Unobservables where there may be more, or there are none.

    There is one for each node that was not seen; where all were, and nothing runs, one that says so.
    Raises NotApplicable where there is none and the inventory asks for none.
    """
    placements = [
        seen_container
        for seen_container in placement.seen_containers(fleet)
        if seen_container.container.belongs_to(service.name)
    ]
    places = [location for location in placements if location.container.pid]
    unknown = list(placement.unseen_nodes(fleet))
    if not places and not unknown and service.replicas == 0:
        raise NotApplicable("the inventory asks for 0 replicas, and none runs")
    if not places and not unknown:
        states = [
            f"{location.container.name} on {location.node} {placement.why_idle(location.container)}"
            for location in placements
        ]
        text, _ = reasons(fleet, service.name)
        what = "; ".join(states[:3]) or f"there is no container of {service.name} on any node"
        what += f"; {text}" if text else ""
        unknown.append(Unobservable(f"nothing runs that could be judged: {what}", hint="see services.are_running"))
    return places, unknown


def judged_users(location: Placement, service: Service, clock: float) -> Iterator[Finding | Unobservable]:
    """A finding where processes of one container run as another user; an Unobservable where that could not be seen.

    `clock` is the time of its node, in epoch seconds.
    """
    try:
        wrong, missing = wrong_processes(location.container, service)
        raise_if_just_started(wrong, location.container, clock)
    except Unobservable as why:
        yield seen_from(why, location)
        return
    if wrong:
        yield finding_of(location, wrong, service, missing)


def wrong_processes(container: Container, service: Service) -> tuple[list[Process], list[str]]:
    """The processes that run as another user than the service's, and those users that the container does not know.

    Raises Unobservable when its processes or accounts could not be seen and the answer depends on them.
    """
    processes = own_processes_of(container)
    allowed, missing = uids_of_users(service.user, container)
    masters = uids_of_users((service.master,), container)[0] if service.master else set()
    leading = ancestor_pids((process for process in processes if process.uid in allowed), processes)
    right = [
        process
        for process in processes
        if process.uid in allowed or (process.uid in masters and process.pid in leading)
    ]
    return [process for process in processes if process not in right], missing


def raise_if_just_started(wrong: list[Process], container: Container, clock: float) -> None:
    """Raise Unobservable for root of a container in its first moments: what it is to be is not known yet.

    `clock` is the time of its node, in epoch seconds. A start that is not known, or lies ahead, is not just now.
    """
    try:
        age = clock - datetime.fromisoformat(container.started_at).timestamp()
    except ValueError:
        return
    if any(process.uid == ROOT for process in wrong) and 0 <= age < FIRST_MOMENTS:
        raise Unobservable(f"it runs {describe_processes(wrong, container)}, and has just started", hint="look again")


def ancestor_pids(of: Iterable[Process], processes: Iterable[Process]) -> set[int]:
    """The pids of all processes from which one of `of` descends, as far as they are among `processes`.

    A process is not its own ancestor.
    """
    parents = {process.pid: process.parent for process in processes}
    matches: set[int] = set()
    for item in of:
        pid = item.parent
        while pid in parents and pid not in matches:
            matches.add(pid)
            pid = parents[pid]
    return matches


def finding_of(location: Placement, wrong: list[Process], service: Service, missing: list[str]) -> Finding:
    """The finding about processes of one container that run as another user.

    `missing` are users that it does not know. A warning where all of them are root inside and another user outside.
    """
    remapped = all(process.uid == ROOT and process.host_uid != ROOT for process in wrong)
    return Finding(
        saw=f"{location.container.name} runs {describe_processes(wrong, location.container)}",
        want=wanted_users(service),
        why=WHY_ROOT if any(process.uid == ROOT for process in wrong) else "it may read and change what it should not",
        node=location.node,
        severity="warning" if remapped else "error",
        hint=f"{describe_lacking(missing, location.container)}: a user of its own must be made there first"
        if missing
        else "",
        cis=in_editions("4.1"),
    )


def wanted_users(service: Service) -> str:
    """The users a service may have, in words.

    >>> wanted_users(Service(name="web", user=("www-data",), master="root"))
    'every process as www-data (a master of such workers as root)'
    """
    users = " or ".join(service.user)
    return f"every process as {users}" + (f" (a master of such workers as {service.master})" if service.master else "")


def own_processes_of(container: Container) -> list[Process]:
    """The container's own processes, without those that `docker exec` started.

    Raises Unobservable when they were not seen.
    """
    return [process for process in raise_if_unobservable(container.processes) if not process.entered]


def judged_strangers(fleet: Fleet, node: str) -> Iterator[Finding | Unobservable]:
    """A finding for each container on a node with root processes and without a declared user.

    An Unobservable for one whose processes could not be seen. Throwaway servers of drills are left out. Raises
    NotApplicable on a node without Docker, Unobservable when its containers were not seen.
    """
    facts = fleet.of(node, Facts)
    if facts.docker == "absent":
        raise NotApplicable("no Docker on this node")
    for container in facts.containers:
        if container.pid and not container.drill and not asked_for_users(fleet, container):
            yield from judged_stranger(Placement(node, container), facts.clock)


def asked_for_users(fleet: Fleet, container: Container) -> bool:
    """Whether the inventory has a user for the service of a container."""
    key = placement.declared_service(fleet, container)
    return bool(key) and bool(placement.service_of(fleet, key).user)


def judged_stranger(location: Placement, clock: float) -> Iterator[Finding | Unobservable]:
    """A finding where a container without a declared user runs processes as root of the node.

    An Unobservable where its processes could not be seen. Root that a user namespace maps to another user is none.
    `clock` is the time of its node, in epoch seconds.
    """
    container = location.container
    try:
        roots = [process for process in own_processes_of(container) if process.uid == ROOT and process.host_uid == ROOT]
        raise_if_just_started(roots, container, clock)
    except Unobservable as why:
        yield seen_from(why, location)
        return
    if roots:
        yield Finding(
            saw=f"{container.name} runs {describe_processes(roots, container)}",
            want="no process as root in a container that the inventory gives no user",
            why=WHY_ROOT,
            node=location.node,
            about=container.service,
            hint="name its user under `services`, or accept it for a while under `waivers`",
            cis=in_editions("4.1"),
        )


def seen_from(why: Unobservable, location: Placement) -> Unobservable:
    """The same Unobservable with the container's name and its node."""
    return replace(why, why=f"{location.container.name}: {why.why}", node=location.node)
