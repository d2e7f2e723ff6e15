"""The topic `nodes`: whether a node answers, gives the rights that it should, and has the right time."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.nodes import facts, observe, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "nodes",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    root_questions=observe.root_questions,
)
