"""Which members of the swarm have a GPU by the inventory, and what Docker calls the services that need one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Member
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


def each_gpu_node(inventory: Inventory) -> Iterable[Subject]:
    """One subject for every node that has a GPU by the inventory. Raises NotApplicable without the section."""
    return [Subject("node", name, name) for name in inventory.section(Policy).nodes]


def each_gpu_service(inventory: Inventory) -> Iterable[Subject]:
    """One subject for every service that needs a GPU by the inventory. Raises NotApplicable without the section."""
    return [Subject("service", key) for key in inventory.section(Policy).services]


def service_names(fleet: Fleet) -> dict[str, str]:
    """What Docker calls each declared service that needs a GPU, by its key."""
    services = require_policy(fleet.inventory.services)
    return {key: services[key].name for key in fleet.inventory.section(Policy).services}


def seen_managers(fleet: Fleet) -> Iterator[tuple[str, Services]]:
    """The nodes that are managers of a swarm and were seen, each with what it says of the swarm."""
    for node in fleet.inventory.nodes:
        facts = fleet.facts.get((node, Services.topic))
        if isinstance(facts, Services) and facts.swarm == "manager":
            yield node, facts


def members_with_gpus(fleet: Fleet, manager: Services) -> dict[str, Member | Unobservable | None]:
    """The members of a manager's swarm that the nodes with GPUs are, by the node's name.

    None for a node that is in no swarm, or in another; an Unobservable for one whose part in a swarm was not seen.
    """
    members = {member.id: member for member in manager.members}
    return {node: member_of(fleet, node, members) for node in fleet.inventory.section(Policy).nodes}


def member_of(fleet: Fleet, node: str, members: dict[str, Member]) -> Member | Unobservable | None:
    """The member that a node is, of those by their ids; None for none, an Unobservable where that was not seen."""
    try:
        return members.get(fleet.of(node, Services).node_id)
    except Unobservable as why:
        return why
