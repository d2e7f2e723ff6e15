"""The topic `containers`: what runs on each node, as which user, and how far it is isolated from the node."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.containers import facts, observe, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "containers",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    remedies=("containers.run_as_their_own_user",),
    root_questions=observe.root_questions,
)
