"""Certificates: valid, served as they lie on disk, and renewed before they end."""

from fleetkeeper.judging.rules import Rule
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.certificates.external_probe import from_here
from fleetkeeper.topics.certificates.facts import Facts
from fleetkeeper.topics.certificates.observation import observe
from fleetkeeper.topics.certificates.policy import Acme, Certificate, Outside, Policy
from fleetkeeper.topics.certificates.rules.declared import are_in_the_inventory, each_serving_service
from fleetkeeper.topics.certificates.rules.protocols import use_sound_tls
from fleetkeeper.topics.certificates.rules.renewal import will_renew
from fleetkeeper.topics.certificates.rules.serving import are_far_from_expiry, are_served_as_on_disk
from fleetkeeper.topics.certificates.rules.validity import are_valid
from fleetkeeper.topics.certificates.served_certificate import each_certificate
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.protocol import Topic

READS = (Facts, Containers)
RULES: tuple[Rule, ...] = (
    Rule(topic="certificates", judge=are_valid, each=each_certificate, looks_at=READS),
    Rule(topic="certificates", judge=are_far_from_expiry, each=each_certificate, looks_at=READS),
    Rule(topic="certificates", judge=are_served_as_on_disk, each=each_certificate, looks_at=READS),
    Rule(topic="certificates", judge=will_renew, each=each_certificate, looks_at=READS),
    Rule(
        topic="certificates",
        judge=use_sound_tls,
        each=each_certificate,
        looks_at=READS,
        person="protocols and headers stand in nginx' configuration, which is kept in an image or a stack file",
    ),
    Rule(
        topic="certificates",
        judge=are_in_the_inventory,
        each=each_serving_service,
        looks_at=READS,
        person="only you know whether a name is still wanted",
    ),
)

TOPIC = Topic(
    "certificates",
    observers=(Observer(Facts, observe, from_here),),
    rules=RULES,
    policy=Policy,
    about="The names that are served with TLS, and where; or `none: why`.",
    required=True,
    remedies=(
        "certificates.are_valid",
        "certificates.are_far_from_expiry",
        "certificates.are_served_as_on_disk",
        "certificates.will_renew",
    ),
)

__all__ = ["RULES", "TOPIC", "Acme", "Certificate", "Facts", "Outside", "Policy", "from_here", "observe"]
