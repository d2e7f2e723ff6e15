"""The topic `engine`: how the Docker engine of each node is set up, who reaches it, and what records that."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.engine import facts, observe, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "engine",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    root_questions=observe.root_questions,
)
