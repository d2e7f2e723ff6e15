"""The rules about certificates."""

from fleetkeeper.judging.rule import Rule, the_fleet
from fleetkeeper.topics.certificates.facts import Facts
from fleetkeeper.topics.certificates.listening.facts import Facts as Listening
from fleetkeeper.topics.certificates.rules.declared import are_in_the_inventory, each_serving_service
from fleetkeeper.topics.certificates.rules.listening import cover_every_tls_port
from fleetkeeper.topics.certificates.rules.protocols import use_sound_tls
from fleetkeeper.topics.certificates.rules.renewal import will_renew
from fleetkeeper.topics.certificates.rules.serving import are_far_from_expiry, are_served_as_on_disk
from fleetkeeper.topics.certificates.rules.validity import are_valid
from fleetkeeper.topics.certificates.served_certificate import each_certificate
from fleetkeeper.topics.containers.facts import Facts as Containers

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
    Rule(
        topic="certificates",
        judge=cover_every_tls_port,
        each=the_fleet,
        looks_at=(Listening, Containers),
        person="only you know what was meant to be served there",
    ),
)
