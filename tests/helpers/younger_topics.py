"""Looks of topics that are younger than the recorded lab: the tests of each have some.

`tests/pure/topics/test_<topic>.py` has `looks()`, by name: "clean" is one in which nothing is wrong, and together they
hold every text that a node can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.registry import TOPICS

RECORDED = frozenset({"nodes", "containers", "services", "schedules", "backups", "volumes", "certificates"})


def own_looks(topic: str) -> Mapping[str, Fleet]:
    """The looks of a younger topic, by name."""
    looks: Mapping[str, Fleet] = import_module(f"tests.pure.topics.test_{topic}").looks()
    return looks


def looks_of_younger_topics() -> dict[str, Fleet]:
    """All of them, each under the name of its topic and its own."""
    young = [topic for topic in TOPICS if topic not in RECORDED]
    return {f"{topic}, {name}": fleet for topic in young for name, fleet in own_looks(topic).items()}
