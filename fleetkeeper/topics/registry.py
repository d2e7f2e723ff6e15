"""Every topic and every rule there is, by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from fleetkeeper.inventory import load as inventory_files
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Rule
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics import (
    backups,
    benchmark,
    certificates,
    containers,
    engine,
    errors,
    gpus,
    images,
    mail,
    nodes,
    queues,
    schedules,
    services,
    swarm,
    volumes,
)
from fleetkeeper.topics.custom_topics import import_topic
from fleetkeeper.topics.protocol import Topic

TOPICS: dict[str, Topic] = {
    "nodes": nodes.TOPIC,
    "containers": containers.TOPIC,
    "services": services.TOPIC,
    "schedules": schedules.TOPIC,
    "backups": backups.TOPIC,
    "volumes": volumes.TOPIC,
    "certificates": certificates.TOPIC,
    "mail": mail.TOPIC,
    "gpus": gpus.TOPIC,
    "queues": queues.TOPIC,
    "errors": errors.TOPIC,
    "engine": engine.TOPIC,
    "images": images.TOPIC,
    "swarm": swarm.TOPIC,
    "benchmark": benchmark.TOPIC,
}


def load_inventory(path: Path, text: str | bytes | None = None) -> Inventory:
    """The inventory in a file, checked with our topics and its own; see `fleetkeeper.inventory.load.load`.

    `text` is used in place of the file's content, None to read the file. The code of its own topics is run. Raises
    InventoryError when it is invalid.
    """
    return inventory_files.load(path, TOPICS, import_topic, text)


def topics_of(inventory: Inventory) -> dict[str, Topic]:
    """Our topics and the inventory's own, by name."""
    return {**TOPICS, **inventory.custom_topics}


def rules_of(inventory: Inventory) -> dict[str, Rule]:
    """Every rule that applies to an inventory, by id."""
    return rules_in(topics_of(inventory))


def rules_in(topics: Mapping[str, Topic]) -> dict[str, Rule]:
    """The rules of some topics, by id."""
    return {rule.id: rule for topic in topics.values() for rule in topic.rules}


def rules_with_remedy(inventories: Iterable[Inventory]) -> frozenset[str]:
    """The ids of the rules of some inventories that a remedy answers."""
    return frozenset(rule for each in inventories for topic in topics_of(each).values() for rule in topic.remedies)


def observers_in(topics: Mapping[str, Topic]) -> dict[str, Observer]:
    """The observers of some topics, by the key of their facts."""
    return {observer.name: observer for topic in topics.values() for observer in topic.observers}


RULES: dict[str, Rule] = rules_in(TOPICS)
