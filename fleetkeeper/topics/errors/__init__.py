"""The topic `errors`: what services report is kept, cannot fill a disk, and reaches somebody."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.errors import facts, observe, policy, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "errors",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    policy=policy.Policy,
    about="Whether the errors of services are kept, bounded and reach somebody; or `none: why`.",
    root_questions=observe.root_questions,
    init_lines=policy.init_lines,
)
