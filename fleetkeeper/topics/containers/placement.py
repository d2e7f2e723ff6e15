"""Where a service runs today: found in the containers of all nodes, never assumed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Service, require_policy
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE
from fleetkeeper.topics.containers.facts import Container, Facts, Placement
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

__all__ = [
    "Placement",
    "all_placements",
    "container_names",
    "declared_service",
    "each_declared_service",
    "running_placements",
    "seen_containers",
    "service_of",
    "unseen_nodes",
    "why_idle",
]


def service_of(fleet: Fleet, service: str) -> Service:
    """The inventory's entry for a service, by its key. Raises KeyError for one that it has not.

    Raises NotApplicable with the reason when the inventory has no services.
    """
    return require_policy(fleet.inventory.services)[service]


def running_placements(fleet: Fleet, service: str) -> tuple[Placement, ...]:
    """Every running container of a service (key of the inventory's `services`), on all nodes.

    They match by swarm label, compose label, `project/service` or exact container name; never by a part of a name.
    Raises Unobservable while a node that could have one was not seen: none, one and many would all be guesses.
    """
    return tuple(instance for instance in all_placements(fleet, service) if instance.container.running)


def all_placements(fleet: Fleet, service: str) -> tuple[Placement, ...]:
    """Every container of a service, as `running_placements`, with those that do not run (created, paused, exited …).

    Raises Unobservable as `running_placements` does.
    """
    name = service_of(fleet, service).name
    for why in unseen_nodes(fleet):
        raise why
    return tuple(
        seen_container for seen_container in seen_containers(fleet) if seen_container.container.belongs_to(name)
    )


def unseen_nodes(fleet: Fleet) -> Iterator[Unobservable]:
    """The Unobservable of each node whose containers could not be seen."""
    for node in fleet.inventory.nodes:
        try:
            fleet.of(node, Facts)
        except Unobservable as why:
            yield why


def seen_containers(fleet: Fleet) -> Iterator[Placement]:
    """Every container, running or not, on the nodes whose containers were seen."""
    for node in fleet.inventory.nodes:
        try:
            facts = fleet.of(node, Facts)
        except Unobservable:
            continue
        yield from (Placement(node, container) for container in facts.containers)


def declared_service(fleet: Fleet, container: Container) -> str:
    """The key of the inventory's service that a container belongs to; empty when the inventory does not mention it."""
    services = fleet.inventory.services
    if not isinstance(services, dict):
        return ""
    return next((key for key, service in services.items() if container.belongs_to(service.name)), "")


def container_names(container: Container, key: str) -> tuple[str, ...]:
    """The names by which people know a container: PROJECT/SERVICE, the inventory's key, its service, its own.

    At least one: its id where it has no name.
    """
    compose, project = container.label(COMPOSE_SERVICE), container.label(COMPOSE_PROJECT)
    whole = f"{project}/{compose}" if compose and project else ""
    names = tuple(dict.fromkeys(name for name in (whole, key, container.service, container.name) if name))
    return names or (container.id,)


def each_declared_service(inventory: Inventory) -> Iterator[Subject]:
    """One subject for every service of the inventory. Raises NotApplicable where it has `none: why` instead."""
    yield from (Subject("service", key) for key in require_policy(inventory.services))


IDLE = {
    "created": "was created and never started",
    "running": "runs, but its first process does not show",
    "paused": "is paused",
    "removing": "is being removed",
    "dead": "is dead: the engine could not remove it",
}


def why_idle(container: Container) -> str:
    """Why a container has no processes, in words. `IDLE` has the words for the other states.

    >>> why_idle(Container("4f", "db", state="restarting", exit_code=1, restarts=7))
    'starts, ends with status 1 and is started again (7 times so far)'
    """
    match container.state:
        case "restarting":
            times = f"{container.restarts} times so far"
            return f"starts, ends with status {container.exit_code} and is started again ({times})"
        case "exited":
            return f"has ended with status {container.exit_code}"
        case state:
            return IDLE.get(state, f"is in state {state!r}")
