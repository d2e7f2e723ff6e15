"""The topic `queues`: a job that is sent is a job that runs, since the declared workers take it from its queue."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.queues import facts, init_lines, observe, policy, rules

TOPIC = Topic(
    "queues",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    policy=policy.Policy,
    remedies=("queues.answer", "queues.are_consumed"),
    about="RabbitMQ's queues, and which service takes the jobs from each; or `none: why`.",
    root_questions=observe.root_questions,
    root_questions_about=observe.root_questions_about_queues,
    init_lines=init_lines.init_lines,
)
