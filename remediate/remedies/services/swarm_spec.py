"""What the swarm was told about a service, and by which of its managers it can be told something else."""

from __future__ import annotations

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import SwarmService


def told_by(fleet: Fleet, name: str) -> tuple[str, SwarmService | None]:
    """The manager to ask, and the service as the swarm was told to run it. Raises Unobservable for an unseen node."""
    for node in fleet.inventory.nodes:
        facts = fleet.of(node, Services)
        for service in facts.services:
            if facts.swarm == "manager" and service.name == name:
                return node, service
    return "", None
