"""Rules, their subjects, and the selection of rules by name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from fleetkeeper.errors import UsageError, line_of, nearest_name
from fleetkeeper.inventory.benchmark_ids import NO_ID, PREFIX, as_written, why_no_id, with_edition
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.fleet import Fleet


@dataclass(frozen=True, order=True)
class Subject:
    """A thing that a rule judges: `kind` is node, service, certificate, volume, queue or fleet (or verdicts.NOTHING).

    `node` is where it is, if the inventory says so; subjects that differ only in `node` are equal.
    """

    kind: str
    name: str
    node: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.name


Judge = Callable[["Fleet", Subject], Iterable[Finding | Unobservable | Part]]
Each = Callable[["Inventory"], Iterable[Subject]]


@dataclass(frozen=True)
class Rule:
    """One rule. Its judge is pure; the first line of the judge's docstring is the promise itself.

    `each` gives the rule's subjects in an inventory.
    `looks_at` are the classes of facts that it reads: while any of them could not be observed, the verdict is unknown.
    `person` says why there is no remedy, for a rule whose findings only a person can resolve. `cis` are the ids of the
    CIS Docker Benchmark that it judges, in both editions.
    """

    topic: str
    judge: Judge
    each: Each
    looks_at: tuple[type[Any], ...]
    person: str = ""
    cis: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of the judge function, which is the last part of the id."""
        return self.judge.__name__

    @property
    def id(self) -> str:
        """The stable public name, `topic.rule`: the same in pytest, reports, waivers, remedies and docs."""
        return f"{self.topic}.{self.name}"

    @property
    def promise(self) -> str:
        """What the rule promises, in one sentence: the first line of its judge's docstring."""
        return (inspect.getdoc(self.judge) or "").partition("\n")[0]

    @property
    def line(self) -> str:
        """`FILE:LINE` of the judge function; "" when it has no code of its own."""
        code = getattr(inspect.unwrap(self.judge), "__code__", None)
        return line_of(code.co_filename, code.co_firstlineno) if code else ""

    @property
    def explanation(self) -> str:
        """The rest of the judge's docstring: why it matters, how it is judged, and the source of the rule."""
        return (inspect.getdoc(self.judge) or "").partition("\n")[2].strip()


def each_node(inventory: Inventory) -> Iterable[Subject]:
    """One subject for every node of the inventory."""
    return (Subject("node", name) for name in inventory.nodes)


def the_fleet(inventory: Inventory) -> Iterable[Subject]:
    """One subject for the fleet as a whole, with the inventory's name."""
    return (Subject("fleet", inventory.name),)


def named_rules(names: Collection[str], rules: Mapping[str, Rule], edition: str) -> frozenset[str]:
    """The ids of the rules that the names match, as `matching_rules`; a name may also be `cis:ID`.

    That stands for the rules that judge this id of the CIS Docker Benchmark, of `edition` unless it names one. Raises
    UsageError for a name that matches none.
    """
    ids = [name for name in names if name.startswith(PREFIX)]
    matches = set(matching_rules((name for name in names if name not in ids), rules))
    for name in ids:
        glob = with_edition(name, edition)
        judging = {rule.id for rule in rules.values() if any(fnmatchcase(each, glob) for each in as_written(rule.cis))}
        if not judging:
            hint = "write it as cis:5.26 or cis:1.6:2.14; `fleetkeeper cis` shows which are judged"
            why = why_no_id(name, edition)
            raise UsageError(why if why not in ("", NO_ID) else f"{name}: no rule judges that", hint)
        matches |= judging
    return frozenset(matches)


def matching_rules(names: Iterable[str], rules: Iterable[str]) -> frozenset[str]:
    """The ids among `rules` that the names match; a name is an id, a topic, or a glob over ids.

    Raises UsageError for a name that matches none.
    """
    ids = list(rules)
    matches: set[str] = set()
    for name in names:
        matching = {rule for rule in ids if fnmatchcase(rule, name) or rule.partition(".")[0] == name}
        if not matching:
            raise UsageError(f"{name}: no such rule", hint=nearest_name(name, ids, "rules"))
        matches |= matching
    return frozenset(matches)
