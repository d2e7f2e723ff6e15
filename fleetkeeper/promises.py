"""What a check is made of: the rule that it names, and the verdict that it asserts.

@promise(rules.are_fresh)
def test_are_fresh(verdict: Judged) -> None:
    assert verdict.holds
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

if TYPE_CHECKING:
    from testinfra.host import Host

    from fleetkeeper.judging.rule import Rule
    from fleetkeeper.judging.verdicts import Verdict

Check = TypeVar("Check", bound=Callable[..., Any])
Named = Callable[..., Any] | str
"""How a check names its rule: by the function that judges, or by the rule's id."""


def promise(rule: Named) -> Callable[[Check], Check]:
    """Make a test the check of a rule, which is named by the function that judges it or by its id."""
    if not isinstance(rule, str) and getattr(rule, "__name__", "").startswith("test"):
        raise TypeError("@promise needs a rule: write @promise(rules.are_fresh)")
    return pytest.mark.promise.with_args(rule)


class JudgedPromise:
    """What the fixture `verdict` hands to a check: what a rule says about one subject."""

    def __init__(self, verdict: Verdict, node: str, find_node: Callable[[], str]) -> None:
        self.verdict = verdict
        self.node, self.find_node = node, find_node

    @property
    def holds(self) -> bool:
        """True when the promise holds. Otherwise the check ends here: it fails with what was seen, or xfails when all
        of it is waived."""
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

        Raises UsageError where there is not one such node, and says why.
        """
        return host_of(self.node or self.find_node())


HOST_BY_NAME = "take the host of a node by its name: `testinfra.get_host('fleet://NODE')`"


def host_of(node: str) -> Host:
    """Testinfra's host of a node, by its name in this run (NODE, or INVENTORY:NODE)."""
    import testinfra

    return testinfra.get_host(f"fleet://{node}")


def tolerate_waived(reason: str) -> None:
    """xfail; with --runxfail, which makes `pytest.xfail` do nothing, fail: never pass."""
    __tracebackhide__ = True
    pytest.xfail(reason)
    pytest.fail(reason, pytrace=False)


@dataclass
class Checks:
    """The checks that were collected: which test judges which rule, and what is wrong with them."""

    rules: Mapping[str, Rule]
    by_rule: dict[str, list[str]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def rule_of(self, test: pytest.Function) -> str:
        """The id of the rule that a test is the check of; empty, and noted, when there is none."""
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
        from fleetkeeper.errors import nearest_name

        name = name.removeprefix("test_")
        rules = self.rules if "." in name else {rule.name for rule in self.rules.values()}
        hint = nearest_name(name, rules, "rules")
        return f"\n  hint: write {write} above it; {hint}" if write else f"\n  hint: {hint}"

    def twofold(self) -> Iterator[str]:
        """Rules that two tests judge."""
        for rule, checks in self.by_rule.items():
            if len(set(checks)) > 1:
                yield f"{rule} has two checks: {' and '.join(dict.fromkeys(checks))}\n  hint: keep one of them"

    def missing(self) -> Iterator[str]:
        """Rules that no test judges."""
        for rule in self.rules.values():
            if rule.id not in self.by_rule:
                yield (
                    f"no test here judges {rule.id}\n  hint: name the folder of its check on the command line, or "
                    f"write one: @promise({rule.name}) above a test that asserts verdict.holds"
                )


def rule_id(named: Named, rules: Collection[Rule]) -> str:
    """The id of the rule that a check means; empty when there is none.

    A topic's file may have been imported twice, by us and by the check: then its functions are alike by their place.
    """
    exact = (rule.id for rule in rules if rule.id == named or rule.judge is named)
    alike = (rule.id for rule in rules if file_and_line(rule.judge) == file_and_line(named) != ("", ""))
    return next(exact, "") or next(alike, "")


def file_and_line(function: object) -> tuple[str, str]:
    """The file and the qualified name of a function; empty for what has no code of its own."""
    code = getattr(function, "__code__", None)
    return (code.co_filename, code.co_qualname) if code else ("", "")
