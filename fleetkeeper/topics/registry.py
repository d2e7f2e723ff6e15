"""Every topic and every rule there is, by name."""

from __future__ import annotations

from types import ModuleType

from fleetkeeper.imports import later
from fleetkeeper.judging.rules import Rule

with later("cryptography.x509"):  # for the day on which there are certificates to judge
    from fleetkeeper.topics import backups, certificates, containers, nodes, schedules, services, volumes
    from fleetkeeper.topics.backups import database, second_copy

TOPICS: dict[str, ModuleType] = {
    "nodes": nodes,
    "containers": containers,
    "services": services,
    "schedules": schedules,
    "databases": database,
    "copies": second_copy,
    "backups": backups,
    "volumes": volumes,
    "certificates": certificates,
}

RULES: dict[str, Rule] = {rule.id: rule for topic in TOPICS.values() for rule in topic.RULES}
