"""The decorator `promise` for checks, the object that a check asserts, and the collected checks with their faults.

@promise(rules.are_fresh)
def test_are_fresh(verdict: JudgedPromise) -> None:
    assert verdict.holds
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from fleetkeeper.audit import Audit
    from fleetkeeper.judging.rule import Rule
    from fleetkeeper.judging.verdicts import Verdict

Check = TypeVar("Check", bound=Callable[..., Any])
Named = Callable[..., Any] | str
"""How a check names its rule: by the rule's judge function, or by the rule's id."""


def promise(rule: Named) -> Callable[[Check], Check]:
    """A decorator that marks a test as the check of a rule, given as the rule's judge function or its id.

    Raises TypeError when it is applied to a test without a rule (`@promise` without parentheses).
    """
    if not isinstance(rule, str) and getattr(rule, "__name__", "").startswith("test"):
        raise TypeError("@promise needs a rule: write @promise(rules.are_fresh)")
    return pytest.mark.promise.with_args(rule)


class JudgedPromise:
    """The value of the fixture `verdict`: the verdict of a rule about one subject, and the subject's node.

    `node` is "" where the inventory does not name it; `find_node` then finds it from the facts.
    """

    def __init__(self, verdict: Verdict, node: str, find_node: Callable[[], str]) -> None:
        """`node` is the subject's node, "" where it is not known: then `find_node` gives it, or raises UsageError."""
        self.verdict = verdict
        self.node, self.find_node = node, find_node

    @property
    def holds(self) -> bool:
        """True when the rule has no finding here. Otherwise the check ends with what was seen.

        It fails then, or xfails when every finding is waived.
        """
        from fleetkeeper.reports import terminal

        __tracebackhide__ = True
        if self.verdict.findings:
            pytest.fail(terminal.check_message(self.verdict), pytrace=False)
        if self.verdict.waived:
            tolerate_waived(terminal.waived_message(self.verdict))
        return True

    @property
    def host(self) -> Host:
        """Testinfra's host of the subject's node: itself, a volume's, or the only one where a service was seen running.

        Raises UsageError, with the reason, when there is not exactly one such node.
        """
        return host_of(self.node or self.find_node())


HOST_BY_NAME = "take the host of a node by its name: `testinfra.get_host('fleet://NODE')`"


def host_of(node: str) -> Host:
    """Testinfra's host of the node of this name: NODE, or INVENTORY:NODE in a run with several inventories."""
    import testinfra

    return testinfra.get_host(f"fleet://{node}")


def tolerate_waived(reason: str) -> None:
    """End the test as xfailed with this reason; under --runxfail, where `pytest.xfail` does nothing, fail it."""
    __tracebackhide__ = True
    pytest.xfail(reason)
    pytest.fail(reason, pytrace=False)


@dataclass
class Checks:
    """The collected checks: tests by rule id (`by_rule`), and messages about wrong checks (`faults`).

    `rules` are all rules of the run's inventories, by id.
    """

    rules: Mapping[str, Rule]
    by_rule: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def rule_of(self, test: pytest.Function) -> str:
        """The id of the rule that a test checks, noted in `by_rule`; "" and a message in `faults` if there is none."""
        marker = test.get_closest_marker("promise")
        where = test.nodeid.partition("[")[0]
        if marker is None:
            self.faults.append(f"{where} takes `verdict` and names no rule{self.hint(test.name, '@promise(…)')}")
            return ""
        [named] = marker.args
        rule = rule_id(named, self.rules.values())
        if rule:
            self.by_rule.setdefault(rule, []).append(where)
        else:
            name = named if isinstance(named, str) else named.__qualname__
            self.faults.append(f"{where} names {name}, which is no rule of these inventories{self.hint(name)}")
        return rule

    def hint(self, name: str, write: str = "") -> str:
        """A hint line with the rule nearest to a test's or rule's name; `write` is a decorator to propose.

        `name` is such as `test_are_fresh`, `are_fresh` or `backups.are_fresh`.
        """
        from fleetkeeper.errors import nearest_name

        name = name.removeprefix("test_")
        rules = self.rules if "." in name else {rule.name for rule in self.rules.values()}
        hint = nearest_name(name, rules, "rules")
        return f"\n  hint: write {write} above it; {hint}" if write else f"\n  hint: {hint}"

    def twofold(self) -> Iterator[str]:
        """A message for each rule that more than one test checks."""
        for rule, checks in self.by_rule.items():
            if len(set(checks)) > 1:
                yield f"{rule} has two checks: {' and '.join(dict.fromkeys(checks))}\n  hint: keep one of them"

    def missing(self) -> Iterator[str]:
        """A message for each rule that no test checks; nothing when all are checked."""
        for rule in self.rules.values():
            if rule.id not in self.by_rule:
                yield (
                    f"no test here judges {rule.id}\n  hint: name the folder of its check on the command line, or "
                    f"write one: @promise({rule.name}) above a test that asserts verdict.holds"
                )


def rule_id(named: Named, rules: Collection[Rule]) -> str:
    """The id of the rule that a check names, by id or judge function; "" when there is none.

    A topic's file may have been imported twice, by us and by the check: then functions are compared by file and name.
    """
    exact = (rule.id for rule in rules if rule.id == named or rule.judge is named)
    alike = (rule.id for rule in rules if file_and_line(rule.judge) == file_and_line(named) != ("", ""))
    return next(exact, "") or next(alike, "")


def file_and_line(function: object) -> tuple[str, str]:
    """The file and the qualified name of a function; ("", "") for an object without code of its own."""
    code = getattr(function, "__code__", None)
    return (code.co_filename, code.co_qualname) if code else ("", "")


def name_ids(items: Sequence[pytest.Item], audit: Audit | None, rules: Mapping[str, Rule]) -> None:
    """Let -k select a check by the ids of the CIS Docker Benchmark that its rule judges: `cis:5.26`, `cis:1.6:2.14`.

    Without an edition they are of the one that the check's inventory names.
    """
    for item in items if audit else ():
        judged = getattr(getattr(item, "callspec", None), "params", {}).get("verdict")
        if audit and isinstance(judged, tuple):
            edition = audit.inventories[judged[0]].edition
            for name in rules[judged[1]].cis:
                item.extra_keyword_matches.update({f"cis:{name}", f"cis:{name.removeprefix(f'{edition}:')}"})
