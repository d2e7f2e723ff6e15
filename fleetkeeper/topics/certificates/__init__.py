"""The topic `certificates`: they are valid, served as they are on disk, and renewed before they end."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.certificates import external_probe, facts, init_lines, node_commands, observe, policy, rules
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "certificates",
    observers=(Observer(facts.Facts, observe.observe, external_probe.from_here),),
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
    root_questions=node_commands.root_questions,
    init_lines=init_lines.init_lines,
)
