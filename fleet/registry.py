"""Every topic and every rule there is, by name."""

from __future__ import annotations

from types import ModuleType

from fleet.imports import later
from fleet.rules import Rule

with later("cryptography.x509"):  # for the day on which there are certificates to judge
    from fleet.topics import backups, certificates, containers, copies, databases, nodes, schedules, services, volumes

TOPICS: dict[str, ModuleType] = {
    "nodes": nodes,
    "containers": containers,
    "services": services,
    "schedules": schedules,
    "databases": databases,
    "copies": copies,
    "backups": backups,
    "volumes": volumes,
    "certificates": certificates,
}

RULES: dict[str, Rule] = {rule.id: rule for topic in TOPICS.values() for rule in topic.RULES}
