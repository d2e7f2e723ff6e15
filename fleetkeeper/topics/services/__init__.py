"""The topic `services`: what was declared runs, and cannot be moved away from its data."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.services import facts, from_here, observe, policy, root_questions, rules
from fleetkeeper.topics.services.stacks import facts as stacks_facts
from fleetkeeper.topics.services.stacks import observe as stacks_observe

TOPIC = Topic(
    "services",
    observers=(
        Observer(facts.Facts, observe.observe),
        Observer(stacks_facts.Facts, stacks_observe.observe, from_here.from_here),
    ),
    rules=rules.RULES,
    policy=policy.Policy,
    section="stacks",
    section_rule="services.are_deployed_as_declared",
    about="What is deployed with `docker stack deploy` or `docker compose`, and from which files; or `none: why`.",
    remedies=("services.have_their_own_settings",),
    root_questions=root_questions.root_questions,
    init_lines=policy.init_lines,
)
