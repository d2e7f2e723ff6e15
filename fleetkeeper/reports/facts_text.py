"""Facts as text for people: what was seen of a node, topic by topic, with secrets replaced by `***`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Facts, Fleet
from fleetkeeper.looking.recording import record_entry
from fleetkeeper.redact import masked
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import printable_text

Key = tuple[str, str]


class ReadFacts(Mapping[Key, Facts | Unobservable]):
    """The facts of a look, which record in `read` the keys (node, topic) that were read."""

    def __init__(self, facts: Mapping[Key, Facts | Unobservable]) -> None:
        """A look's facts by (node, topic), which notes in `read` what is read of them."""
        self.facts = facts
        self.read: dict[Key, None] = {}

    def __getitem__(self, key: Key) -> Facts | Unobservable:
        """The facts of a (node, topic), which is noted as read."""
        self.read[key] = None
        return self.facts[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.facts)

    def __len__(self) -> int:
        return len(self.facts)


def facts_read(rule: Rule, fleet: Fleet, subject: Subject) -> str:
    """The facts that a rule reads to judge a subject, as text without secrets; empty when it reads none.

    The rule is judged once more to find out.
    """
    facts = ReadFacts(fleet.facts)
    judge_subject(rule, replace(fleet, facts=facts), subject)
    return facts_text(fleet, [key for key in facts.read if key in fleet.facts])


def facts_named(fleet: Fleet, name: str) -> str:
    """The facts of NODE, or of NODE/TOPIC, as text without secrets. Raises UsageError for an unknown name.

    In the order of the topics; NODE alone means all of them.
    """
    node = known_node(fleet.inventory, name)
    topic = name.partition("/")[2]
    topics = [seen_topic for seen_node, seen_topic in fleet.facts if seen_node == node]
    if topic and topic not in topics:
        raise UsageError(f"nothing was looked at under {name!r}", hint=nearest_name(topic, topics, "topics"))
    return facts_text(fleet, [(node, seen_topic) for seen_topic in topics if topic in ("", seen_topic)])


def known_node(inventory: Inventory, name: str) -> str:
    """The node in NODE[/TOPIC]. Raises UsageError when the inventory has no such node."""
    node = name.partition("/")[0]
    if node not in inventory.nodes:
        raise UsageError(f"{inventory.name} has no node {node!r}", hint=nearest_name(node, inventory.nodes, "nodes"))
    return node


def facts_text(fleet: Fleet, keys: Iterable[Key]) -> str:
    """The facts of these keys (node, topic), which the look must have: for each a title, and its fields as JSON.

    What looks like a secret is replaced by `***`.
    """
    return "\n".join(line for node, topic in keys for line in describe_fact(node, topic, fleet.facts[node, topic]))


def describe_fact(node: str, topic: str, fact: Facts | Unobservable) -> Iterator[str]:
    """The title of one topic's facts on a node, then their fields as JSON, without secrets.

    For an Unobservable the title says that they could not be seen, and the fields are those of the Unobservable.
    """
    fields = record_entry(node, topic, fact)
    seen = "unobservable" if "unobservable" in fields else "facts"
    yield printable_text(f"{node or 'from here'}/{topic}" + (" could not be seen" if seen == "unobservable" else ""))
    yield printable_text(json.dumps(without_secrets(fields[seen]), indent=2, ensure_ascii=False))


def without_secrets(value: Any, key: str = "") -> Any:
    """JSON data with what looks like a secret replaced by `***`, by its own text or by the name of its key.

    A copy; numbers, true and null stay.

    >>> without_secrets({"env": ["PGPASSWORD=hunter2"], "token": "abc def", "size": 3})
    {'env': ['PGPASSWORD=***'], 'token': '***', 'size': 3}
    """
    if isinstance(value, dict):
        return {masked(name): without_secrets(inner, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [without_secrets(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    return "***" if masked(f"{key}=x") != f"{key}=x" else masked(value)
