"""Where services run now, and how a person enters them: one round trip, and what could not be seen is named."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleetkeeper.errors import NotApplicable, UsageError, nearest_name
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Service
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.observer import Look, Observer
from fleetkeeper.readers.docker.engine import ABSENT, inspect_containers, inspection_json
from fleetkeeper.topics.backups import facts as backups
from fleetkeeper.topics.backups import observe as backups_observe
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers import facts as containers
from fleetkeeper.topics.containers.facts import DOCKER_NAME, Container
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.containers.placement import seen_containers, unseen_nodes
from fleetkeeper.topics.services import facts as services
from fleetkeeper.topics.services import observe as services_observe
from fleetkeeper.transport.commands import Unobservable
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

    `backup` is about the last proven backup; `task_error` is what the swarm says of a task that failed.
    """

    service: str
    locations: tuple[Location, ...]
    backup: str = ""
    task_error: str = ""


def whereabouts(fleet: Fleet, name: str = "") -> list[Whereabouts]:
    """Where the service `name` runs (a key of the inventory, or a name that Docker knows); empty: every service.

    Raises UsageError when neither the inventory nor a container has that name, and every node was seen.
    """
    declared = fleet.inventory.services
    known: dict[str, Service | None] = dict(declared) if isinstance(declared, dict) else {}
    if not known:
        known = dict.fromkeys(sorted({seen.container.service for seen in seen_containers(fleet)}))
    if name and name not in known:
        matches = [seen for seen in seen_containers(fleet) if seen.container.belongs_to(name)]
        if not matches and not list(unseen_nodes(fleet)):
            raise UsageError(f"no service is called {name!r}", hint=nearest_name(name, known, "services"))
        key = next((key for key, service in known.items() if service and service.name == name), name)
        return [located(fleet, key, known.get(key))]
    return [located(fleet, key, service) for key, service in known.items() if name in ("", key)]


def located(fleet: Fleet, key: str, service: Service | None) -> Whereabouts:
    """The whereabouts of one service; `service` is its entry in the inventory, None for one that has none.

    Its running containers, or where none runs those that have ended. Nodes that were not seen are left out.
    """
    name = service.name if service else key
    matches = [seen for seen in seen_containers(fleet) if seen.container.belongs_to(name)]
    running = [seen for seen in matches if seen.container.running]
    places = tuple(
        location_of(fleet.inventory, fleet.inventory.nodes[seen.node], seen.container, service)
        for seen in running or matches
    )
    return Whereabouts(key, places, last_proven_backup(fleet, key), last_task_error(fleet, name))


def location_of(inventory: Inventory, node: Node, container: Container, service: Service | None) -> Location:
    """One container of a service on its node, and the command to enter it.

    No command, "", for one that does not run, or whose name and id are none that Docker gives: `note` says so.
    """
    state = container.state if container.running else f"{container.state}, exit status {container.exit_code}"
    user, note = user_to_enter(container, service)
    handle = plain_handle(container)
    enter = enter_command(inventory, node, handle, user) if container.running and handle else ""
    if container.running and not handle:
        note = "its name and id are none that Docker gives: enter it by hand"
    return Location(node.name, container.name, state, user, enter, note)


def plain_handle(container: Container) -> str:
    """The name of a container, else its id, for a command; empty when neither has the form that Docker gives."""
    if DOCKER_NAME.fullmatch(container.name):
        return container.name
    return container.id if ID.fullmatch(container.id) else ""


def user_to_enter(container: Container, service: Service | None) -> tuple[str, str]:
    """(user for `docker exec -u`, a note): that of the inventory, else the container's own, which may be root."""
    if service and service.user:
        return service.user[0], ""
    if container.user and USER.fullmatch(container.user):
        return container.user, "the inventory names no user: this is the container's own"
    return "", "the inventory names no user, and the container has none of its own: this enters as root"


def enter_command(inventory: Inventory, node: Node, handle: str, user: str) -> str:
    """The command, to be pasted here, that enters a container of a node as a user (empty: the container's own).

    `handle` is the container's name or id. For another connection than SSH it is for the node itself, as it says.
    """
    sudo = ["sudo"] if node.sudo is True else []
    as_user = ["-u", user] if user else []
    inside = [*sudo, "docker", "exec", "-it", *as_user, handle, "sh"]
    if node.connection == "local":
        return shlex.join(inside)
    if node.connection not in ("", "ssh"):
        return f"{shlex.join(inside)}   # on {node.name} ({node.connection})"
    return shlex.join([*ssh_words(inventory, node), shlex.join(inside)])


def ssh_words(inventory: Inventory, node: Node) -> list[str]:
    """The words of `ssh` that reach a node as the inventory says, with a terminal and the keys of its known_hosts.

    The node's jump must be as `ssh -J` takes it: see `with_jumps_resolved`. Without an address or user in the inventory
    ssh's own configuration decides.
    """
    kept = Path(inventory.known_hosts or Path(inventory.path).with_name("known_hosts"))
    keys = ["-o", f'UserKnownHostsFile="{kept}" ~/.ssh/known_hosts'] if kept.is_file() else []
    port = ["-p", str(node.port)] if node.port else []
    identity = ["-i", node.identity] if node.identity else []
    jump = ["-J", node.jump] if node.jump else []
    user = f"{node.user}@" if node.user else ""
    return ["ssh", "-t", *keys, *port, *identity, *jump, f"{user}{node.address}"]


def with_jumps_resolved(inventory: Inventory) -> Inventory:
    """The inventory whose nodes name a jump as `ssh -J` takes it, instead of by the name of another node."""

    def hop(name: str | None) -> str | None:
        """A node's jump as `ssh -J` takes it: all hops with commas, from the nearest to us; None without one."""
        if name is None or "@" in name or name not in inventory.nodes:
            return name
        node = inventory.nodes[name]
        user, port = f"{node.user}@" if node.user else "", f":{node.port}" if node.port else ""
        before = hop(node.jump)
        return f"{before + ',' if before else ''}{user}{node.address}{port}"

    nodes = {name: node.model_copy(update={"jump": hop(node.jump)}) for name, node in inventory.nodes.items()}
    return inventory.model_copy(update={"nodes": nodes})


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
    """The first error of a task of a swarm service, with its node; empty without one, or where no manager was seen.

    In the order of the nodes in the inventory.
    """
    for node in fleet.inventory.nodes:
        try:
            tasks = fleet.of(node, services.Facts).tasks
        except Unobservable:
            continue
        for task in tasks:
            if task.service == name and task.error:
                return f"{task.error} ({task.state}{' on ' + task.member if task.member else ''})"
    return ""


def dark_nodes(fleet: Fleet) -> dict[str, str]:
    """By node: why its containers could not be seen."""
    return {why.node: str(why) for why in unseen_nodes(fleet)}


def where_lines(entries: list[Whereabouts], dark: Mapping[str, str]) -> Iterator[str]:
    """The answer as text; text of a node is put on one line. `dark` says by node why its containers were not seen.

    Without text for what there is none of.
    """
    for entry in entries:
        if not entry.locations:
            unsure = f"; it may run on {', '.join(dark)}" if dark else ""
            yield one_line(f"{entry.service}: runs on no node that was seen{unsure}")
        for location in entry.locations:
            yield one_line(f"{entry.service}: on {location.node}, container {location.container} ({location.state})")
            if location.enter:
                yield f"  enter  {one_line(location.enter)}"
            if location.note:
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
