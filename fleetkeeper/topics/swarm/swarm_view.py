"""Each swarm as its managers that were seen have it; unknown where there is one and none of them was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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
    """What was seen of one swarm, by the names of nodes: of managers, and of all that belong to it.

    `dark` are the nodes whose part in a swarm could not be seen.
    """

    managers: dict[str, Facts]
    nodes: dict[str, Facts]
    dark: tuple[Unobservable, ...]

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The swarm by what the first of its managers says; empty where none says anything of it."""
        return tuple(facts.cluster for facts in self.managers.values() if facts.cluster)[:1]

    @property
    def size(self) -> int:
        """How many nodes it has, by what its managers count."""
        return max((facts.nodes for facts in self.managers.values()), default=0)

    def unseen_managers(self) -> Iterator[Unobservable]:
        """An Unobservable where a swarm has more managers than were seen: of the others nothing is known."""
        lacking = max(facts.managers for facts in self.managers.values()) - len(self.managers)
        if lacking > 0:
            why = f"{count_of(lacking, 'manager')} of the swarm could not be seen"
            yield Unobservable(why, hint="add every manager under `nodes`")


@dataclass(frozen=True)
class Swarms:
    """The swarms of an inventory, each once, by what its managers say; `strays` is what could not be judged of others.

    A stray is a node of a swarm none of whose managers is in the inventory.
    """

    views: tuple[SwarmView, ...]
    strays: tuple[Unobservable, ...] = ()


def swarms_of(fleet: Fleet) -> Swarms:
    """The swarms that the inventory's nodes belong to.

    Raises NotApplicable where none of them is in one; Unobservable where no manager was seen of any that is there, or
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
    if not managers and dark:
        raise dark[0]
    if not managers and nodes:
        raise without_manager(nodes)
    if not managers:
        raise NotApplicable(NO_SWARM)
    by_id: dict[str, dict[str, Facts]] = {}
    for node, facts in managers.items():
        by_id.setdefault(facts.cluster.id if facts.cluster else "", {})[node] = facts
    workers = {node: facts for node, facts in nodes.items() if node not in managers}
    placed = {name: workers_of(own, workers, alone=len(by_id) == 1) for name, own in by_id.items()}
    strays = [node for node in workers if not any(node in own for own in placed.values())]
    views = tuple(SwarmView(own, {**own, **placed[name]}, tuple(dark)) for name, own in by_id.items())
    return Swarms(views, (without_manager(strays),) if strays else ())


def workers_of(managers: Mapping[str, Facts], workers: Mapping[str, Facts], *, alone: bool) -> dict[str, Facts]:
    """The workers that belong to the swarm of some managers: they know one of the same managers.

    Where one does not say which it knows, it belongs to the swarm that stands `alone`.
    """
    ids = frozenset[str]().union(*(facts.manager_ids for facts in managers.values()))
    return {
        node: facts
        for node, facts in workers.items()
        if ids & facts.manager_ids or (alone and not (ids and facts.manager_ids))
    }


def without_manager(nodes: Iterable[str]) -> Unobservable:
    """Why nothing is known of the swarm of some nodes."""
    names = ", ".join(sorted(nodes))
    lonely = f"{names} belong to a swarm, and none of its managers is in the inventory"
    return Unobservable(lonely, hint="add a manager under `nodes`")


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
