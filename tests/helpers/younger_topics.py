"""Looks of topics, or parts of one, that are younger than the recorded lab: the tests of each have some.

`tests/pure/topics/test_<topic>.py` has `looks()`, by name: "clean" is one in which nothing is wrong, and together they
hold every text that a node can say.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from fleetkeeper.judging.rule import Rule
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.registry import TOPICS, observers_in

RECORDED = frozenset(
    {
        *("nodes", "containers", "services", "schedules", "backups", "databases", "coverage", "copies", "volumes"),
        *("certificates", "listening"),
    }
)
"""The kinds of facts in the recorded looks, which are topics or parts of one."""


def younger_kind(rule: Rule) -> str:
    """The kind of facts of a rule that the recorded looks lack; "" without one."""
    return next((kind.topic for kind in rule.looks_at if kind.topic not in RECORDED), "")


def own_looks(topic: str) -> Mapping[str, Fleet]:
    """The looks of a younger topic, by name."""
    looks: Mapping[str, Fleet] = import_module(f"tests.pure.topics.test_{topic}").looks()
    return looks


def looks_of_younger_topics() -> dict[str, Fleet]:
    """All of them, each under the name of its topic and its own."""
    young = [kind for kind in observers_in(TOPICS) if kind not in RECORDED]
    return {f"{topic}, {name}": fleet for topic in young for name, fleet in own_looks(topic).items()}
