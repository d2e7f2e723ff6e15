"""The declared broker, its queues, and which container consumes each: put together from what all nodes showed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import running_placements, seen_containers, service_of
from fleetkeeper.topics.queues.facts import Broker, Consumer, Facts, LocalWorker, Queue, Reply
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.transport.commands import Unobservable

QUEUE = "queue"
"""The kind of a subject that is a declared queue."""


def each_queue(inventory: Inventory) -> Iterable[Subject]:
    """One subject for every declared queue. Raises NotApplicable where the inventory declares none."""
    return [Subject(QUEUE, name) for name in inventory.section(Policy).each]


def each_queue_and_the_broker(inventory: Inventory) -> Iterable[Subject]:
    """As `each_queue`, and the broker's service for the queues that nobody declared."""
    return [*each_queue(inventory), Subject("service", inventory.section(Policy).broker)]


@dataclass(frozen=True)
class ConsumingContainer:
    """A consumer, and the container that it is in; None where its address is that of no container that was seen."""

    consumer: Consumer
    placement: Placement | None


def brokers_of(fleet: Fleet) -> list[tuple[str, Broker]]:
    """The containers of RabbitMQ that run, each after its node's name: one, or those of a cluster.

    Raises Unobservable where none runs, a node was not seen, or several are no cluster, which all say the same.
    """
    service = fleet.inventory.section(Policy).broker
    if not running_placements(fleet, service):
        raise Unobservable(f"{service} runs nowhere: see queues.exist_as_declared")
    brokers = [(node, broker) for node in fleet.inventory.nodes for broker in fleet.of(node, Facts).brokers]
    if not brokers:
        raise Unobservable(f"{service} was not asked: it had just started", hint="look again")
    if len({what_is_shared(node, broker) for node, broker in brokers}) > 1:
        apart = f"the {len(brokers)} containers of {service} name different queues or consumers, so they are no cluster"
        raise Unobservable(apart, hint="`rabbitmqctl cluster_status` in each says to what it belongs; else look again")
    return brokers


def what_is_shared(node: str, broker: Broker) -> tuple[frozenset[str], tuple[Consumer, ...]]:
    """What each member of a cluster lists: the queues that last, and their consumers.

    Raises Unobservable for a broker that did not list them.
    """
    queues = raise_if_unobservable(broker.queues, node)
    names = frozenset(queue.name for queue in queues if not queue.temporary)
    listed = [each for each in raise_if_unobservable(broker.consumers, node) if each.queue in names]
    return names, tuple(sorted(listed, key=lambda each: (each.queue, each.address, each.worker)))


def came_or_went(fleet: Fleet, queue: str) -> bool:
    """Whether a broker lists another number of consumers of a queue than it had counted just before."""
    for _, broker in brokers_of(fleet):
        if not isinstance(broker.queues, Unobservable) and not isinstance(broker.consumers, Unobservable):
            counted = sum(each.consumers for each in broker.queues if each.name == queue)
            if counted != sum(each.queue == queue for each in broker.consumers):
                return True
    return False


def queues_of(fleet: Fleet) -> dict[str, Queue]:
    """The queues by name; each member of a cluster lists them all. Raises Unobservable as `brokers_of`."""
    queues: dict[str, Queue] = {}
    for node, broker in brokers_of(fleet):
        for queue in raise_if_unobservable(broker.queues, node):
            other = queues.get(queue.name)
            queues[queue.name] = max(other, queue, key=lambda each: each.ready) if other else queue
    return queues


def consumers_of(fleet: Fleet, queue: str) -> list[ConsumingContainer]:
    """The consumers of a queue, with their containers. Raises Unobservable where they were not seen."""
    consuming: list[ConsumingContainer] = []
    for node, broker in brokers_of(fleet):
        places = containers_by_address(fleet, broker)
        for consumer in raise_if_unobservable(broker.consumers, node):
            if consumer.queue == queue:
                container = places.get(consumer.address)
                consuming.append(ConsumingContainer(consumer, placement_of(fleet, container) if container else None))
    return consuming


def worker_names(fleet: Fleet, container: str) -> frozenset[str]:
    """The names of the workers that the broker has from a container. Raises Unobservable as `brokers_of`."""
    return frozenset(
        consumer.worker
        for node, broker in brokers_of(fleet)
        for consumer in raise_if_unobservable(broker.consumers, node)
        if consumer.worker and containers_by_address(fleet, broker).get(consumer.address) == container
    )


def addresses_of_worker(fleet: Fleet, worker: str) -> frozenset[str]:
    """The addresses from which workers of one name are connected. Raises Unobservable as `brokers_of`."""
    return frozenset(
        consumer.address
        for node, broker in brokers_of(fleet)
        for consumer in raise_if_unobservable(broker.consumers, node)
        if consumer.worker == worker
    )


def containers_by_address(fleet: Fleet, broker: Broker) -> dict[str, str]:
    """The ids of containers by their addresses on the networks that the broker is on; of two with one address none."""
    ids: dict[str, set[str]] = {}
    for node in fleet.inventory.nodes:
        for endpoint in fleet.of(node, Facts).endpoints:
            for network, address in (*endpoint.addresses.items(), *endpoint.addresses_v6.items()):
                if address and network in broker.networks:
                    ids.setdefault(address, set()).add(endpoint.container)
    return {address: min(containers) for address, containers in ids.items() if len(containers) == 1}


def placement_of(fleet: Fleet, container: str) -> Placement | None:
    """The container with an id, and its node; None for one that was gone when containers were looked at."""
    return next((each for each in seen_containers(fleet) if each.container.id == container), None)


def is_own(fleet: Fleet, placement: Placement | None, service: str) -> bool:
    """Whether a container belongs to a declared service (its key); False without a container."""
    return placement is not None and placement.container.belongs_to(service_of(fleet, service).name)


def local_workers(fleet: Fleet) -> dict[str, LocalWorker]:
    """The containers in which workers were looked for, by id."""
    return {worker.container: worker for node in fleet.inventory.nodes for worker in fleet.of(node, Facts).workers}


def replies_of(fleet: Fleet) -> dict[str, Reply]:
    """What workers answered, by name: each was asked from every node that has one.

    Raises Unobservable where none was asked, or none of those who asked got an answer.
    """
    replies: dict[str, Reply] = {}
    dark, heard = Unobservable("no worker was asked: none of the declared services has one of Celery"), False
    for node in fleet.inventory.nodes:
        answers = fleet.of(node, Facts).replies
        if isinstance(answers, Unobservable):
            dark = replace(answers, node=answers.node or node)
        elif answers is not None:
            heard = True
            replies |= {reply.worker: reply for reply in answers}
    if not heard:
        raise dark
    return replies


def declared_queue(fleet: Fleet, subject: Subject) -> tuple[str, Queue]:
    """The service that a subject's queue is declared for, and the queue.

    Raises NotApplicable where it does not exist, since another rule says so; Unobservable where it was not seen.
    """
    queue = queues_of(fleet).get(subject.name)
    if queue is None:
        raise NotApplicable("it does not exist: see queues.exist_as_declared")
    return fleet.inventory.section(Policy).each[subject.name], queue


def unwatched_queues(fleet: Fleet) -> Iterator[Queue]:
    """The queues that are not declared, have messages, and that nobody consumes; temporary ones are left out."""
    declared = fleet.inventory.section(Policy).each
    for queue in queues_of(fleet).values():
        if queue.name not in declared and queue.ready and not queue.consumers and not queue.temporary:
            yield queue
