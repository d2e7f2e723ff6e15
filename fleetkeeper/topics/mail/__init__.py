"""The topic `mail`: a mailer on each node delivers cron's mail, or the inventory has a reason why not."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.mail import observe, policy, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "mail",
    observers=(Observer(observe.Facts, observe.observe),),
    rules=rules.RULES,
    policy=policy.Policy,
    about="Whether every node delivers cron's mail; or `none: why`.",
    root_questions=observe.root_questions,
    init_lines=policy.init_lines,
)
