"""The topic `services`: what was declared runs, and cannot be moved away from its data."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.services import facts, observe, rules

TOPIC = Topic(
    "services",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    remedies=("services.have_their_own_settings",),
    root_questions=observe.root_questions,
)
