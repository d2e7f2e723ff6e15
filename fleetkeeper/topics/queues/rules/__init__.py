"""The rules about queues."""

from fleetkeeper.judging.rule import Rule
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.queues.broker_view import each_queue, each_queue_and_the_broker
from fleetkeeper.topics.queues.facts import Facts
from fleetkeeper.topics.queues.rules.consumed import are_consumed, exist_as_declared
from fleetkeeper.topics.queues.rules.moving import answer, move

RULES: tuple[Rule, ...] = (
    Rule(
        "queues",
        exist_as_declared,
        each_queue,
        (Containers, Facts),
        person="a worker makes its queue when it starts; which name is right is decided where jobs are sent",
    ),
    Rule("queues", are_consumed, each_queue_and_the_broker, (Containers, Facts)),
    Rule(
        "queues",
        move,
        each_queue,
        (Containers, Facts),
        person="more workers, or an end to a job that does not end, are decided by whoever runs these jobs",
    ),
    Rule("queues", answer, each_queue, (Containers, Facts)),
)
