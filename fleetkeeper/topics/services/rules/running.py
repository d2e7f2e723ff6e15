"""The rule that declared services run, judged by the containers of all nodes and by a manager of the swarm, if any."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from fleetkeeper.inventory.schema import Service
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import why_idle
from fleetkeeper.topics.services.facts import Facts, SwarmService
from fleetkeeper.topics.services.idle_reasons import NOT_LISTED, NOT_SEEN, managers, reasons, service_in_swarm, unseen
from fleetkeeper.topics.services.rules.restarts import crash_loops
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import shown_word

YOUNG = 300.0
OFTEN = 3
PS = "`docker service ps --no-trunc` on a manager tells more"


def are_running(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every declared service runs, healthy, as many times as it should.

    A service that is nowhere, that starts and ends over and over (in a swarm each time as a new task), that is paused
    or fails its health check does not do its work, whatever else is right. How many: `replicas` of the inventory, else
    what the swarm was told, else at least one. Containers that match a name in two Compose projects are told apart by
    `project/service`. That there is none is only said when every node that could hold one was seen; each that was not
    is unknown. So is a service whose first health check still runs.
    """
    service = placement.service_of(fleet, subject.name)
    placements = [
        seen_container
        for seen_container in placement.seen_containers(fleet)
        if seen_container.container.belongs_to(service.name)
    ]
    unknown = list({why.node: why for why in (*unseen(fleet), *placement.unseen_nodes(fleet))}.values())
    present = [location for location in placements if location.container.running]
    for location in placements:
        yield from judged_state(location, fleet.of(location.node, Containers).clock)
    yield from ambiguous_name(service, present)
    loops = list(looping_tasks(fleet, service.name))
    yield from loops
    yield from judged_number(fleet, service, present, placements, bool(unknown or loops))
    yield from unknown


def looping_tasks(fleet: Fleet, name: str) -> Iterator[Finding]:
    """A finding for each slot of a swarm service whose tasks end over and over, as its manager sees it.

    Nothing where no manager was seen that has tasks of it. Raises Untrusted for a name that no shell can take.
    """
    manager = next((facts for facts in managers(fleet) if any(task.service == name for task in facts.tasks)), None)
    if manager is None:
        return
    tasks = [task for task in manager.tasks if task.service == name]
    for task, saw in crash_loops(service_in_swarm(fleet, name), tasks):
        node = node_of_member(fleet, task.member, manager)
        yield Finding(
            saw=saw if node or not task.member else f"{saw} (on {task.member})",
            want="running and well",
            why="it does not do its work",
            node=node,
            about=name,
            hint=f"`docker service logs {shown_word(name)}` on a manager shows its last words",
        )


def node_of_member(fleet: Fleet, hostname: str, manager: Facts) -> str:
    """The node of the inventory that is the swarm's member of this host name; "" for none."""
    ids = {member.id for member in manager.members if member.hostname == hostname}
    seen = ((node, fleet.facts.get((node, Facts.topic))) for node in fleet.inventory.nodes)
    return next((node for node, facts in seen if isinstance(facts, Facts) and facts.node_id in ids), "")


def judged_state(location: Placement, clock: float) -> Iterator[Finding | Unobservable]:
    """A finding for a container that does not work; an Unobservable while its first health check runs.

    `clock` is the time of its node in epoch seconds. Containers that have ended are not judged. Raises Unobservable
    for one that was restarted often and whose start is not known.
    """
    container = location.container
    if container.state in ("restarting", "paused", "dead"):
        yield finding(f"{container.name} {why_idle(container)}", location, "look at its last words: `docker logs`")
    elif container.running and container.health == "unhealthy":
        yield finding(
            f"{container.name} fails its health check", location, "`docker inspect` shows what the check said"
        )
    elif container.running and container.health == "starting":
        yield Unobservable(
            f"{container.name} has just started: its health check has not answered yet", "look again", location.node
        )
    elif container.running and container.restarts >= OFTEN and young(location, clock):
        saw = f"{container.name} was restarted {container.restarts} times, the last time less than 5 min ago"
        yield finding(saw, location, "look at its last words: `docker logs`")


def young(location: Placement, clock: float) -> bool:
    """Whether a container started less than 5 minutes ago, by its node's own clock (epoch seconds).

    Raises Unobservable when its start is not known.
    """
    try:
        started = datetime.fromisoformat(location.container.started_at).timestamp()
    except ValueError:
        raise Unobservable(f"when {location.container.name} started is not known", node=location.node) from None
    return clock - started < YOUNG


def finding(saw: str, location: Placement, hint: str) -> Finding:
    """The finding about one container, an error. `saw` names the container."""
    return Finding(
        saw, "running and well", "it does not do its work", location.node, location.container.name, hint=hint
    )


def ambiguous_name(service: Service, present: list[Placement]) -> Iterator[Finding]:
    """A finding where running containers of several Compose projects (or of one and none) match one name.

    `present` are the running containers that match it; nothing where they are of one. Raises Untrusted for a name that
    no shell can take.
    """
    kinds = sorted({location.container.label(COMPOSE_PROJECT) for location in present})
    if len(kinds) > 1:
        names = ", ".join(f"{location.container.name} on {location.node}" for location in present)
        yield Finding(
            saw=f"{service.name} is ambiguous: {names}",
            want="one service under that name",
            why="a schedule, a backup or a repair could meet the wrong one",
            hint=f"name it `{shown_word(f'{next(filter(None, kinds))}/{service.name}')}` in the inventory",
        )


def judged_number(
    fleet: Fleet, service: Service, present: list[Placement], placements: list[Placement], some_unseen: bool
) -> Iterator[Finding | Unobservable]:
    """A finding where too few or too many containers run; what is unknown is told by the caller.

    Too few only when all nodes were seen, nothing has told why (`some_unseen` False), and no container of `placements`
    is in trouble. Too many only where a number is wanted, and not during an update. `present` are those that run.
    Raises Untrusted as `missing_tasks`.
    """
    text = service_in_swarm(fleet, service.name)
    want = wanted_replicas(service, text)
    have = len(present)
    fewest = 1 if want is None else want
    if have < fewest and not some_unseen and not any(in_trouble(location.container) for location in placements):
        yield missing_tasks(fleet, service, have, fewest, placements)
    elif want is not None and have > want and not updating(text):
        where = ", ".join(f"{location.container.name} on {location.node}" for location in present)
        yield Finding(
            saw=f"{have} of {service.name} run: {where}",
            want=f"{want}",
            why="two of a service that keeps data can ruin it",
        )


def wanted_replicas(service: Service, swarm_service: SwarmService | None) -> int | None:
    """How many containers should run: the inventory's number, else the swarm's, but then at least 1.

    None when neither has one.
    """
    if service.replicas is not None:
        return service.replicas
    return max(1, swarm_service.replicas) if swarm_service and swarm_service.replicas is not None else None


def in_trouble(container: Container) -> bool:
    """Whether `judged_state` has already reported why it does not run."""
    return container.state in ("restarting", "paused", "dead")


def updating(service: SwarmService | None) -> bool:
    """Whether the swarm is updating the service or rolling it back; False for none (None)."""
    return service is not None and service.update_state in ("updating", "rollback_started")


ADD_NODE = "add that node under `nodes`, or constrain the service to those that stand there"


def missing_tasks(fleet: Fleet, service: Service, have: int, want: int, placements: list[Placement]) -> Finding:
    """The finding that too few run, with the reasons that the swarm, or else at most three ended containers, give.

    `have` run and `want` should; `placements` are all its containers. Raises Untrusted for a name that no shell can
    take.
    """
    ended = [
        f"{location.container.name} on {location.node} {why_idle(location.container)}"
        for location in placements
        if not location.container.pid
    ]
    text, remedy = reasons(fleet, service.name)
    outside = NOT_LISTED in text
    where = " of the inventory" if outside else " that was seen" if NOT_SEEN in text else ""
    nowhere = f"{service.name} runs on no node{where}"
    saw = f"{have} of {service.name} run" if have else nowhere
    return Finding(
        saw=saw + (f": {text or '; '.join(ended[:3])}" if text or ended else ""),
        want=f"{want} running" if want != 1 or have else "running on one of them",
        why="it does not do its work",
        hint=remedy or (ADD_NODE if outside else PS if text else "start it, or take it out of `services`"),
    )
