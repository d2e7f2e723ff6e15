"""Nodes: can they be asked, with the rights we are meant to have, and is their clock right."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.nodes import facts, observe, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "nodes",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    root_questions=observe.root_questions,
)
