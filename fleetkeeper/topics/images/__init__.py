"""The topic `images`: where the images that containers use come from, how old they are, and how they were built."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.images import facts, observe, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "images",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    root_questions=observe.root_questions,
)
