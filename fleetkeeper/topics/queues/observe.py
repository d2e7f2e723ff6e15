"""How a broker and its workers are looked at: by their own programs, in their own containers, without a password."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node, Service, require_policy
from fleetkeeper.readers.docker.inspection import ABSENT, inspect_containers, inspection_json
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.queues.facts import Facts
from fleetkeeper.topics.queues.parse import parse_broker, parse_endpoints, parse_workers
from fleetkeeper.topics.queues.policy import Policy
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

ASK_BROKER = "fleetkeeper/topics/queues/scripts/ask_broker.sh"
ASK_WORKERS = "fleetkeeper/topics/queues/scripts/ask_workers.sh"
BROKER_LIMIT = 90.0
"""Seconds for four starts of rabbitmqctl: an Erlang VM each, which takes long in a container with little CPU."""
WORKERS_LIMIT = 60.0
WORKER_LIMIT = 5.0
"""Seconds for all workers' answers, and more for each container in which a worker is looked for."""


def ask_broker(policy: Policy, container: str) -> Command:
    """The command that prints the queues, consumers and channels of RabbitMQ in a container, for `parse_broker`."""
    words = ("sh", "-c", load_script(ASK_BROKER), "rabbitmqctl", policy.host, container)
    return Command(words, sudo=True, limit=BROKER_LIMIT)


def ask_workers(policy: Policy, containers: Sequence[str]) -> Command:
    """The command that asks the workers of Celery from inside these containers, for `parse_workers`."""
    words = ("sh", "-c", load_script(ASK_WORKERS), "celery inspect", policy.app or "", policy.directory or "")
    limit = WORKERS_LIMIT + WORKER_LIMIT * len(containers)
    return Command((*words, *containers), sudo=True, limit=limit)


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip, and a second one where the broker or a declared worker runs on the node.

    Nothing without Docker. Raises NotApplicable where the inventory declares no queues, Unobservable when `docker
    inspect` gave no answer, or one that makes no sense.
    """
    policy, services = inventory.section(Policy), require_policy(inventory.services)
    [inspected] = yield [inspect_containers()]
    if inspected.rc == ABSENT:
        return Facts()
    printed = inspection_json(inspected).partition("\n")[2]
    endpoints, containers = parse_endpoints(printed), parse_containers(printed)
    brokers = ids_of(containers, [services[policy.broker]])
    workers = ids_of(containers, [services[key] for key in dict.fromkeys(policy.each.values())])
    if not brokers and not workers:
        return Facts(endpoints=endpoints)
    commands = [ask_broker(policy, container) for container in brokers]
    answers = yield [*commands, *([ask_workers(policy, workers)] if workers else [])]
    networks = {endpoint.container: tuple(endpoint.addresses) for endpoint in endpoints}
    seen = [parse_broker(*pair, networks.get(pair[0], ())) for pair in zip(brokers, answers, strict=False)]
    local, replies = parse_workers(answers[-1], workers) if workers else ((), None)
    return Facts(tuple(seen), endpoints, local, replies)


def ids_of(containers: Sequence[Container], services: Sequence[Service]) -> tuple[str, ...]:
    """The ids of the running containers of these services: of all, however many there are."""
    return tuple(
        container.id
        for container in containers
        if container.running and any(container.belongs_to(service.name) for service in services)
    )


def root_questions() -> Iterator[RootQuestion]:
    """The commands about queues that an audit runs as root whatever the inventory says: the list of containers."""
    yield inspect_containers().words


def root_questions_about_queues(inventory: Inventory) -> Iterator[RootQuestion]:
    """The commands about one inventory's queues that an audit runs as root.

    Raises NotApplicable for one that declares none.
    """
    policy = inventory.section(Policy)
    yield (*ask_broker(policy, "").words[:-1], Argument("id"))
    yield (*ask_workers(policy, ()).words, Argument("id", many=True))
