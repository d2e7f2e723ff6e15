"""The last line of an audit: "every promise that applies holds" only where every promise was asked for."""

from __future__ import annotations

import pytest

from fleetkeeper.errors import BY_QUICK
from fleetkeeper.judging.verdicts import OUTSIDE_LIMIT
from fleetkeeper.reports.last_line import Scope, next_command

HOLDS = {"outcome": "holds", "rule": "mail.is_delivered", "reason": "", "findings": []}
LATER = {"outcome": "not_applicable", "rule": "backups.are_complete", "reason": f"{BY_QUICK}: 3 are new"}
ELSEWHERE = {"outcome": "not_applicable", "rule": "mail.is_delivered", "reason": f"it is on b, {OUTSIDE_LIMIT}"}
OUTSIDE = "what is wrong on lab is outside --limit (see above); the rest holds"
WARNED = {**HOLDS, "findings": [{"waived": None}]}


@pytest.mark.parametrize(
    ("items", "scope", "line"),
    [
        ([HOLDS], Scope("lab"), "every promise that applies holds on lab"),
        ([WARNED], Scope("lab"), "every promise that applies holds on lab, with warnings"),
        ([HOLDS, LATER], Scope("lab", unasked=94), "what was judged holds on lab: 2 of 96 promises"),
        ([WARNED], Scope("lab", unasked=1), "what was judged holds on lab, with warnings: 1 of 2 promises"),
        ([HOLDS], Scope("lab", nodes=["a"]), "what was judged holds on lab: on a only (--limit)"),
        ([HOLDS], Scope("lab", quick=True), "what was judged holds on lab: without what takes long (--quick)"),
        (
            [{**HOLDS, "outcome": "waived"}, LATER],
            Scope("lab", 2, ["b", "a"], quick=True),
            "what was judged holds, or is waived, on lab: 2 of 4 promises, on a and b only (--limit), "
            "without what takes long (--quick): backups.are_complete",
        ),
        ([HOLDS, ELSEWHERE], Scope("lab", nodes=["a"]), OUTSIDE),
        ([ELSEWHERE], Scope("lab", nodes=["a"]), OUTSIDE),
        ([HOLDS, ELSEWHERE], Scope("lab", 9, ["a"]), f"{OUTSIDE}: 2 of 11 promises, on a only (--limit)"),
    ],
)
def test_the_last_line_says_how_much_was_judged(items: list[dict], scope: Scope, line: str) -> None:
    last = next_command(items, scope)
    assert last.startswith(line)
    assert ("every promise" in last) is (scope == Scope("lab"))


@pytest.mark.parametrize("outcome", ["finding", "unknown"])
def test_a_part_that_does_not_hold_leads_to_the_same_next_command(outcome: str) -> None:
    assert next_command([{"outcome": outcome}], Scope("lab", 3)) == next_command([{"outcome": outcome}], Scope("lab"))
