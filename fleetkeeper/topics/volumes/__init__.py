"""The topic `volumes`: how much they take, how much they may take, and how much is free on their disks."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.volumes import facts, observe, rules

TOPIC = Topic(
    "volumes",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    remedies=("volumes.are_within_budget",),
    root_questions_about=observe.root_questions_about,
)
