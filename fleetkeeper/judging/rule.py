"""Promises: what a rule is, what it can say, and the words for it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fleetkeeper.errors import UsageError, line_of, nearest_name
from fleetkeeper.judging.finding import Finding
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.fleet import Fleet


@dataclass(frozen=True, order=True)
class Subject:
    """What a promise is about: `kind` is node, service, certificate, volume or fleet.

    `node` is where it is, if the inventory says so; the same thing on another node is the same subject.
    """

    kind: str
    name: str
    node: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name


Judge = Callable[["Fleet", Subject], Iterable[Finding | Unobservable]]
Each = Callable[["Inventory"], Iterable[Subject]]


@dataclass(frozen=True)
class Rule:
    """One promise. Its judge is pure; the first line of the judge's docstring is the promise itself.

    `looks_at` are the classes of facts that it reads: while any of them could not be seen, it is unknown.
    `person` says why there is no remedy, for a rule that only a person can answer.
    """

    topic: str
    judge: Judge
    each: Each
    looks_at: tuple[type[Any], ...]
    person: str = ""

    @property
    def name(self) -> str:
        return self.judge.__name__

    @property
    def id(self) -> str:
        """The stable public name, `topic.rule`: the same in pytest, reports, waivers, remedies and docs."""
        return f"{self.topic}.{self.name}"

    @property
    def promise(self) -> str:
        """The rule in one sentence."""
        return (inspect.getdoc(self.judge) or "").partition("\n")[0]

    @property
    def line(self) -> str:
        """Where it is judged: file and line."""
        code = getattr(inspect.unwrap(self.judge), "__code__", None)
        return line_of(code.co_filename, code.co_firstlineno) if code else ""

    @property
    def explanation(self) -> str:
        """Why it matters, how it is judged, and the source of the rule."""
        return (inspect.getdoc(self.judge) or "").partition("\n")[2].strip()


def each_node(inventory: Inventory) -> Iterable[Subject]:
    """One subject for every node of the inventory."""
    return (Subject("node", name) for name in inventory.nodes)


def the_fleet(inventory: Inventory) -> Iterable[Subject]:
    """One subject for the environment as a whole."""
    return (Subject("fleet", inventory.name),)


def matching_rules(names: Iterable[str], rules: Iterable[str]) -> frozenset[str]:
    """The ids that names stand for: ids, topics, or globs over ids.

    Raises UsageError for a name that is none of them.
    """
    known_names = list(rules)
    matches: set[str] = set()
    for name in names:
        matching = {rule for rule in known_names if fnmatchcase(rule, name) or rule.partition(".")[0] == name}
        if not matching:
            raise UsageError(f"{name}: no such rule", hint=nearest_name(name, known_names, "rules"))
        matches |= matching
    return frozenset(matches)
