"""The spec of a swarm service, and the manager on which it can be changed."""

from __future__ import annotations

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import SwarmService


def manager_and_service(fleet: Fleet, name: str) -> tuple[str, SwarmService | None]:
    """(manager node, the service as its spec is); ("", None) when no manager has it.

    The first manager in the inventory's order counts. Raises Unobservable for an unseen node before it.
    """
    for node in fleet.inventory.nodes:
        facts = fleet.of(node, Services)
        for service in facts.services:
            if facts.swarm == "manager" and service.name == name:
                return node, service
    return "", None
