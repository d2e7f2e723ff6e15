"""Where services run now, and how a person enters them: one round trip, and what could not be seen is named."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from typing import Any

from fleetkeeper.commands.enter_commands import EnterCommands
from fleetkeeper.errors import NotApplicable, UsageError, nearest_name, quoted
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service
from fleetkeeper.inventory.units import show_duration
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.observer import Look, Observer
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.topics.backups import facts as backups
from fleetkeeper.topics.backups import observe as backups_observe
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers import facts as containers
from fleetkeeper.topics.containers.facts import DOCKER_NAME, Container, Placement
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.containers.placement import declared_service, seen_containers, unseen_nodes
from fleetkeeper.topics.services import facts as services
from fleetkeeper.topics.services import observe as services_observe
from fleetkeeper.topics.services.facts import Task
from fleetkeeper.topics.services.idle_reasons import reasons, swarm_facts, unseen
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.untrusted import one_line

ID = re.compile(r"[0-9a-f]{12,64}", re.ASCII)
USER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?", re.ASCII)


def observe_containers(node: Node, inventory: Inventory) -> Look:
    """The containers of a node, without their processes: one round trip; `absent` without Docker.

    Raises Unobservable when the engine does not answer.
    """
    [inspected] = yield [inspect_containers()]
    if inspected.rc == ABSENT:
        return containers.Facts("absent")
    return containers.Facts("present", parse_containers(inspection_json(inspected).partition("\n")[2]))


OBSERVERS: Mapping[str, Observer] = {
    "containers": Observer(containers.Facts, observe_containers),
    "services": Observer(services.Facts, services_observe.observe),
    "backups": Observer(backups.Facts, backups_observe.observe),
}
"""All that is asked, in one round trip: with --quick, the look at backups reads no dump."""
ENDED = 3
"""How many of the containers that have ended are told where none runs."""


def observers_within(seconds: float) -> dict[str, Observer]:
    """OBSERVERS, with no command allowed to take longer than that: an engine that hangs holds nobody up."""
    return {
        name: replace(observer, observe=partial(observe_within, observer, seconds))
        for name, observer in OBSERVERS.items()
    }


def observe_within(observer: Observer, seconds: float, node: Node, inventory: Inventory) -> Look:
    """The look of an observer, each of its commands with this limit at most. Raises what the observer raises."""
    look = observer.observe(node, inventory)
    answers: list[Output] | None = None
    while True:
        try:
            commands = next(look) if answers is None else look.send(answers)
        except StopIteration as done:
            return done.value
        answers = yield [replace(command, limit=min(command.limit, seconds)) for command in commands]


@dataclass(frozen=True)
class Location:
    """One container of a service. `enter` is the command that enters it from here, empty where there is none.

    `user` is the user that it is entered as; empty: the container's own. `state` is Docker's, with the exit code of one
    that has ended.
    """

    node: str
    container: str
    state: str
    user: str
    enter: str
    note: str = ""


@dataclass(frozen=True)
class Whereabouts:
    """One service, where it runs, and what is known about it. Empty texts: nothing is known.

    Where it does not run (`runs`), `locations` are containers of it that do not run. `backup` is about the last proven
    backup; `task_error` is what the swarm says of a task that failed.
    """

    service: str
    runs: bool
    locations: tuple[Location, ...]
    backup: str = ""
    task_error: str = ""


def whereabouts(fleet: Fleet, name: str = "", entering: EnterCommands | None = None) -> list[Whereabouts]:
    """Where the service `name` runs, and others that it may mean; empty: every service.

    The name is a key of the inventory, a name that Docker or the swarm knows, a container's name or id, or the
    beginning of any. `entering` makes the commands (None: by the inventory alone). Raises UsageError when there is none
    and every node was seen.
    """
    declared = fleet.inventory.services
    known: dict[str, Service | None] = dict(declared) if isinstance(declared, dict) else {}
    if not known:
        known = dict.fromkeys(sorted({seen.container.service for seen in seen_containers(fleet)}))
    entering = entering or EnterCommands(fleet.inventory)
    if not name:
        return [located(fleet, key, service, entering) for key, service in known.items()]
    keys = keys_named(fleet, name)
    if not keys and not dark_nodes(fleet):
        raise UsageError(f"no service is called {quoted(name)}", hint=nearest_name(name, known, "services"))
    return [located(fleet, key, known.get(key), entering) for key in keys or [name]]


def keys_named(fleet: Fleet, name: str) -> list[str]:
    """The services that a name means: each that has exactly that name, else each with a name that begins so.

    A service is given by its key in the inventory, else by the name that Docker knows; capitals do not count for the
    beginning of a name.
    """
    by_name: dict[str, dict[str, None]] = {}
    for key, names in service_names(fleet):
        for known in names:
            by_name.setdefault(known, {})[key] = None
    if name in by_name:
        return [name] if name in by_name[name] else list(by_name[name])
    begun = [keys for known, keys in by_name.items() if known.lower().startswith(name.lower())]
    return list(dict.fromkeys(key for keys in begun for key in keys))


def service_names(fleet: Fleet) -> Iterator[tuple[str, set[str]]]:
    """Pairs of a service (key of the inventory, else Docker's name) and names by which it is known."""
    declared = fleet.inventory.services
    keys = {service.name: key for key, service in declared.items()} if isinstance(declared, dict) else {}
    for name, key in keys.items():
        yield key, {key, name}
    for seen in seen_containers(fleet):
        container = seen.container
        key = declared_service(fleet, container) or container.service
        yield key, {container.service, container.name, container.id} - {""}
    for facts in swarm_facts(fleet):
        yield from ((keys.get(service.name, service.name), {service.name}) for service in facts.services)


def located(fleet: Fleet, key: str, service: Service | None, entering: EnterCommands) -> Whereabouts:
    """The whereabouts of one service; `service` is its entry in the inventory, None for one that has none.

    Its running containers, or where none runs at most three that have ended, and why the swarm starts none. Nodes that
    were not seen are left out.
    """
    name = service.name if service else key
    matches = [seen for seen in seen_containers(fleet) if seen.container.belongs_to(name)]
    running = [seen for seen in matches if seen.container.running]
    places = tuple(
        location_of(fleet.inventory.nodes[seen.node], seen.container, service, entering)
        for seen in running or sorted(matches, key=started_at, reverse=True)[:ENDED]
    )
    error = last_task_error(fleet, name) if running else reasons(fleet, name)[0] or last_task_error(fleet, name)
    return Whereabouts(key, bool(running), places, last_proven_backup(fleet, key), error)


def started_at(seen: Placement) -> str:
    """When a container was started last (ISO 8601, UTC), as Docker says; in the year 1 for one that never was.

    Empty where Docker says nothing.
    """
    return seen.container.started_at


def location_of(node: Node, container: Container, service: Service | None, entering: EnterCommands) -> Location:
    """One container of a service on its node, and the command to enter it.

    No command, "", for one that does not run, that has no name or id that Docker gives, or whose node has no known way:
    `note` says so. `service` is that of the inventory (None: it has none), whose user enters.
    """
    state = container.state if container.running or container.pid else f"{container.state}, {end_of(container)}"
    user, note = user_to_enter(container, service)
    handle = plain_handle(container)
    enter = ""
    if not container.running:
        note = "it does not run, and nobody can enter it"
    elif not handle:
        note = "its name and id are none that Docker gives: enter it by hand"
    else:
        try:
            enter = entering.enter(node, handle, user)
        except Unobservable as why:
            note = f"the way to its node is not known: {why.why}"
        if node.sudo == "audit":
            note = "; ".join(filter(None, [note, "the inventory's account may only look: enter with your own"]))
    return Location(node.name, container.name, state, user, enter, note)


def end_of(container: Container) -> str:
    """How a container that does not run has ended, in words."""
    return "it never ran" if container.state == "created" else f"exit status {container.exit_code}"


def plain_handle(container: Container) -> str:
    """The name of a container, else its id, for a command; empty when neither has the form that Docker gives."""
    if DOCKER_NAME.fullmatch(container.name):
        return container.name
    return container.id if ID.fullmatch(container.id) else ""


def user_to_enter(container: Container, service: Service | None) -> tuple[str, str]:
    """(user for `docker exec -u`, a note): that of the inventory's service, else the container's own.

    `service` is None where the inventory has none. The user is "" where neither names one (root); so is the note where
    the inventory does.
    """
    if service and service.user:
        return service.user[0], ""
    if container.user and USER.fullmatch(container.user):
        return container.user, "the inventory names no user: this is the container's own"
    return "", "the inventory names no user, and the container has none of its own: this enters as root"


def last_proven_backup(fleet: Fleet, key: str) -> str:
    """The newest backup of a service that was proven complete, and where, or why none is known.

    Empty for a service (`key` of the inventory) that `backups` is not about, and without backups.
    """
    try:
        policy = fleet.inventory.section(Policy)
        if policy.service != key:
            return ""
        node = policy.volume.node
        seen = fleet.of(node, backups.Facts)
    except NotApplicable:
        return ""
    except Unobservable as why:
        return f"not seen: {why}"
    if isinstance(seen.verified, Unobservable):
        return f"not seen: {seen.verified}"
    proven = [proof for proof in seen.verified if proof.state == "complete"]
    if not proven:
        return "none is proven from this state directory: `remediate backups verify` streams them"
    newest = max(proven, key=lambda proof: proof.mtime)
    written = datetime.fromtimestamp(newest.mtime, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{newest.name}, written {written}, in {seen.directory} on {node}"


def last_task_error(fleet: Fleet, name: str) -> str:
    """The last error of a task of a swarm service, with its node and age; empty without one, or without a manager."""
    failed = [task for facts in swarm_facts(fleet) for task in facts.tasks if task.service == name and task.error]
    if not failed:
        return ""
    last = min(failed, key=age_or_ancient)
    ago = f", {show_duration(timedelta(seconds=last.age))} ago" if last.age is not None else ""
    return f"{last.error} ({last.state}{' on ' + last.member if last.member else ''}{ago})"


def age_or_ancient(task: Task) -> float:
    """For how many seconds a task has been in its state; infinite where that is not known."""
    return inf if task.age is None else task.age


def dark_nodes(fleet: Fleet) -> dict[str, str]:
    """By node: why its containers, or its part of the swarm, could not be seen; by its cause where there is one."""
    dark: dict[str, str] = {}
    for why in (*unseen_nodes(fleet), *unseen(fleet)):
        dark.setdefault(why.node, why.cause or why.why)
    return dark


def where_lines(entries: list[Whereabouts], dark: Mapping[str, str]) -> Iterator[str]:
    """The answer as text; text of a node is put on one line. `dark` says by node why its containers were not seen.

    Without text for what there is none of, and without the notes of containers that do not run.
    """
    for entry in entries:
        if not entry.runs:
            unsure = f" that was seen; it may run on {', '.join(dark)}" if dark else ""
            yield one_line(f"{entry.service}: runs on no node{unsure}")
        for location in entry.locations:
            container = f"on {location.node}, container {location.container} ({location.state})"
            yield one_line(f"{entry.service}: {container}" if entry.runs else f"  seen   {container}")
            if location.enter:
                yield f"  enter  {one_line(location.enter)}"
            if location.note and entry.runs:
                yield f"  note   {location.note}"
        if entry.backup:
            yield one_line(f"  backup {entry.backup}")
        if entry.task_error:
            yield one_line(f"  error  {entry.task_error}")
    for node, why in dark.items():
        yield one_line(f"not seen: {node}: {why}")


def where_document(entries: list[Whereabouts], dark: Mapping[str, str]) -> dict[str, Any]:
    """The answer as JSON data. With `schema`, `services` and `not_seen`."""
    return {"schema": 1, "services": [asdict(entry) for entry in entries], "not_seen": dict(dark)}
