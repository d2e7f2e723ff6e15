"""Certificates: valid, served as they lie on disk, and renewed before they end."""

from fleet.rules import Rule
from fleet.topics.certificates.declaring import are_in_the_inventory, each_serving_service
from fleet.topics.certificates.facts import Facts
from fleet.topics.certificates.observing import observe
from fleet.topics.certificates.policy import Acme, Certificate, Outside, Policy
from fleet.topics.certificates.protocols import use_sound_tls
from fleet.topics.certificates.renewing import will_renew
from fleet.topics.certificates.serving import are_far_from_expiry, are_served_as_on_disk
from fleet.topics.certificates.validity import are_valid
from fleet.topics.certificates.views import each_certificate
from fleet.topics.certificates.world import from_here
from fleet.topics.containers.facts import Facts as Containers

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

__all__ = ["RULES", "Acme", "Certificate", "Facts", "Outside", "Policy", "from_here", "observe"]
