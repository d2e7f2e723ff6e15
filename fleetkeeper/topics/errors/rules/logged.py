"""The containers of a service, with what was seen of their logs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.rules.users import live_containers
from fleetkeeper.topics.errors.facts import Facts, Inside, LoggingContainer
from fleetkeeper.topics.errors.policy import Policy
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Logged:
    """A running container of a service: where it is, what it is, what was seen of its logs, and of its node."""

    node: str
    container: Container
    logs: LoggingContainer
    facts: Facts

    @property
    def inside(self) -> Inside:
        """What its processes show. Raises Unobservable where they could not be looked into."""
        return raise_if_unobservable(self.logs.inside) or Inside()


def judge_service(
    fleet: Fleet, subject: Subject, judge: Callable[[Logged], Iterable[Finding | Unobservable]]
) -> Iterator[Finding | Unobservable]:
    """What `judge` says of each running container of a service, and an Unobservable for what was not seen.

    Raises NotApplicable where the inventory does not ask for errors, not for those of this service, or for none of its
    containers.
    """
    policy = fleet.inventory.section(Policy)
    if subject.name in policy.without:
        raise NotApplicable(policy.without[subject.name])
    places, unknown = live_containers(fleet, placement.service_of(fleet, subject.name))
    yield from unknown
    for location in places:
        try:
            yield from judge(logged_container(fleet, location))
        except Unobservable as why:
            yield replace(why, why=f"{location.container.name}: {why.why}", node=location.node)


def logged_container(fleet: Fleet, location: placement.Placement) -> Logged:
    """A container with what was seen of its logs. Raises Unobservable where nothing was."""
    facts = fleet.of(location.node, Facts)
    logs = next((each for each in facts.containers if each.id == location.container.id), None)
    if logs is None or logs.inside is None:
        raise Unobservable("it started while its node was looked at", hint="look again", node=location.node)
    return Logged(location.node, location.container, logs, facts)
