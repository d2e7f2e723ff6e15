"""The topic `certificates`: they are valid, served as they are on disk, and renewed before they end."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.certificates import external_probe, facts, init_lines, observe, policy, root_questions, rules
from fleetkeeper.topics.certificates.listening import facts as listening_facts
from fleetkeeper.topics.certificates.listening import observe as listening_observe
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "certificates",
    observers=(
        Observer(facts.Facts, observe.observe, external_probe.from_here),
        Observer(listening_facts.Facts, listening_observe.observe),
    ),
    rules=rules.RULES,
    policy=policy.Policy,
    about="The names that are served with TLS, and where; or `none: why`.",
    required=True,
    remedies=(
        "certificates.are_valid",
        "certificates.are_far_from_expiry",
        "certificates.are_served_as_on_disk",
        "certificates.will_renew",
    ),
    root_questions=root_questions.root_questions,
    init_lines=init_lines.init_lines,
)
