"""The swarm as its managers that were seen have it; unknown where there is one and none of them was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.units import count_of
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.swarm.facts import Cluster, Facts
from fleetkeeper.transport.commands import Unobservable

NO_SWARM = "no swarm here"


@dataclass(frozen=True)
class SwarmView:
    """What was seen of the swarm, by the names of nodes: of managers, and of all that belong to it.

    `dark` are the nodes whose part in a swarm could not be seen.
    """

    managers: dict[str, Facts]
    nodes: dict[str, Facts]
    dark: tuple[Unobservable, ...]

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The swarms, each once, by what the first of its managers says."""
        by_id: dict[str, Cluster] = {}
        for facts in self.managers.values():
            if facts.cluster:
                by_id.setdefault(facts.cluster.id, facts.cluster)
        return tuple(by_id.values())

    @property
    def size(self) -> int:
        """How many nodes it has, by what its managers count."""
        return max((facts.nodes for facts in self.managers.values()), default=0)

    def unseen_managers(self) -> Iterator[Unobservable]:
        """An Unobservable where a swarm has more managers than were seen: of the others nothing is known."""
        for cluster in self.clusters:
            own = [facts for facts in self.managers.values() if facts.cluster and facts.cluster.id == cluster.id]
            lacking = max(facts.managers for facts in own) - len(own)
            if lacking > 0:
                why = f"{count_of(lacking, 'manager')} of the swarm could not be seen"
                yield Unobservable(why, hint="add every manager under `nodes`")


def view_of_swarm(fleet: Fleet) -> SwarmView:
    """The swarm that the inventory's nodes belong to.

    Raises NotApplicable where none of them is in one; Unobservable where no manager was seen of one that is there, or
    may be there.
    """
    seen, dark = dict[str, Facts](), list[Unobservable]()
    for node in fleet.inventory.nodes:
        try:
            seen[node] = fleet.of(node, Facts)
        except Unobservable as why:
            dark.append(why)
    nodes = {node: facts for node, facts in seen.items() if facts.role in ("manager", "worker")}
    managers = {node: facts for node, facts in nodes.items() if facts.role == "manager"}
    if not managers and nodes and not dark:
        names = ", ".join(sorted(nodes))
        lonely = f"{names} belong to a swarm, and none of its managers is in the inventory"
        raise Unobservable(lonely, hint="add a manager under `nodes`")
    if not managers and dark:
        raise dark[0]
    if not managers:
        raise NotApplicable(NO_SWARM)
    return SwarmView(managers, nodes, tuple(dark))


def services_of_managers(fleet: Fleet, view: SwarmView) -> Iterator[Services]:
    """What the managers say of members and services. Raises Unobservable where none of them was asked."""
    dark: Unobservable | None = None
    count = 0
    for node in view.managers:
        try:
            facts = fleet.of(node, Services)
        except Unobservable as why:
            dark = why
            continue
        if facts.swarm == "manager":
            count += 1
            yield facts
    if not count:
        raise dark or Unobservable("no manager said which services there are")
