"""The topic `swarm`: how the swarm as a whole is set up, judged once, by what its managers say."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.swarm import facts, observe, rules

TOPIC = Topic("swarm", observers=(Observer(facts.Facts, observe.observe),), rules=rules.RULES)
