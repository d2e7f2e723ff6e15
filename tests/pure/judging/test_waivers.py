"""What is said about waivers, and when nothing is."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject, each_node
from fleetkeeper.judging.verdicts import Verdict
from fleetkeeper.judging.waivers import waiver_notes
from fleetkeeper.transport.commands import Unobservable

TODAY = date(2026, 11, 22)
FINDING = Finding("root", "django", rule="a.b", subject="web", node="n")
RULE = Rule("a", lambda fleet, subject: [], each_node, ())


def make_waiver(days: int) -> Waiver:
    return Waiver(rule="a.b", until=TODAY + timedelta(days=days), owner="ops@example.org", because="upstream")


def waived(item: Waiver) -> Verdict:
    return Verdict(RULE, Subject("service", "web"), waived=((FINDING, item),))


def test_case_75_a_waiver_with_time_left_is_not_mentioned() -> None:
    assert waiver_notes([item := make_waiver(15)], [waived(item)], TODAY) == []


@pytest.mark.parametrize(("days", "when"), [(0, "today"), (1, "tomorrow"), (14, "in 14 days")])
def test_case_75_a_fortnight_before_its_end_it_is_mentioned(days: int, when: str) -> None:
    item = make_waiver(days)
    assert waiver_notes([item], [waived(item)], TODAY) == [
        f"the waiver of a.b ends on {item.until}, {when} (ops@example.org)"
    ]


def test_case_75_run_out_it_is_mentioned_with_its_owner() -> None:
    match = Verdict(RULE, Subject("service", "web"), findings=(FINDING,))
    [text] = waiver_notes([make_waiver(-1)], [match], TODAY)
    assert text == "the waiver of a.b ran out on 2026-11-21: what it accepted counts again (ops@example.org)"


def test_waivers_whose_reason_is_not_filled_in_are_one_note_and_never_called_unneeded() -> None:
    empty = [make_waiver(days).model_copy(update={"because": "FILL IN why; seen: a wart"}) for days in (3, 100)]
    assert waiver_notes(empty, [Verdict(RULE, Subject("service", "web"))], TODAY) == [
        "2 waivers in the inventory accept nothing: the reason still says FILL IN (ops@example.org)"
    ]


def test_a_waiver_that_nothing_needs_is_mentioned() -> None:
    assert "needed by nothing" in waiver_notes([make_waiver(100)], [Verdict(RULE, Subject("service", "web"))], TODAY)[0]


def test_while_something_is_unknown_or_was_not_judged_no_waiver_is_called_unneeded() -> None:
    unknown = Verdict(RULE, Subject("service", "web"), unknown=(Unobservable("no route"),))
    assert waiver_notes([make_waiver(100)], [unknown], TODAY) == []
    assert waiver_notes([make_waiver(100)], [], TODAY, whole=False) == []
