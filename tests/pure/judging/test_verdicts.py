"""Five outcomes, and which one wins."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node, Waiver
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import Outcome, judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.transport.commands import Unobservable

WART = Finding("a wart", "no wart", node="here")
FRECKLE = Finding("a freckle", "no freckle", node="here", severity="warning")
DARK = Unobservable("dark")
WAIVER = Waiver(rule="t.*", until=date(2026, 11, 30), owner="ada@example.org", because="it is only a wart")
TODAY = datetime(2026, 11, 22, tzinfo=UTC)


def verdict_on(*text, waivers=(), now=TODAY, enforce=(), **options):
    """The verdict on a judge that says these things, and raises what is an exception by nature."""

    def judge(fleet, subject):
        for item in text:
            if isinstance(item, NotApplicable | ZeroDivisionError):
                raise item
            yield item

    inventory = Inventory.model_construct(
        name="test", path="", nodes={"here": Node(name="here", connection="local")}, waivers=waivers, enforce=enforce
    )
    rule = Rule("t", judge, lambda inventory: (), ())
    return judge_subject(rule, Fleet(inventory, now, {}), Subject("node", "here"), **options)


@pytest.mark.parametrize(
    ("said", "waivers", "outcome"),
    [
        ([], (), Outcome.HOLDS),
        ([FRECKLE], (), Outcome.HOLDS),
        ([WART], (), Outcome.FINDING),
        ([WART, DARK], (), Outcome.FINDING),
        ([DARK], (), Outcome.UNKNOWN),
        ([FRECKLE, DARK], (), Outcome.UNKNOWN),
        ([WART], (WAIVER,), Outcome.WAIVED),
        ([WART, DARK], (WAIVER,), Outcome.UNKNOWN),
        ([NotApplicable("nobody asked")], (), Outcome.NOT_APPLICABLE),
        ([DARK, NotApplicable("nobody asked")], (), Outcome.UNKNOWN),
        ([WART, NotApplicable("nobody asked")], (), Outcome.FINDING),
    ],
)
def test_the_worst_that_was_said_wins(said, waivers, outcome) -> None:
    assert verdict_on(*said, waivers=waivers).outcome is outcome


def test_a_judge_that_stumbles_is_unknown_and_what_it_had_found_stands() -> None:
    assert verdict_on(ZeroDivisionError()).outcome is Outcome.UNKNOWN
    assert verdict_on(WART, ZeroDivisionError()).outcome is Outcome.FINDING


def test_a_warning_counts_when_strict() -> None:
    assert verdict_on(FRECKLE, strict=True).outcome is Outcome.FINDING


def test_a_waiver_holds_through_its_last_day() -> None:
    last = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)
    assert verdict_on(WART, waivers=(WAIVER,), now=last).outcome is Outcome.WAIVED
    assert verdict_on(WART, waivers=(WAIVER,), now=datetime(2026, 12, 1, tzinfo=UTC)).outcome is Outcome.FINDING


def test_an_expired_waiver_names_its_owner() -> None:
    [finding] = verdict_on(WART, waivers=(WAIVER,), now=datetime(2026, 12, 1, tzinfo=UTC)).findings
    assert "ada@example.org" in finding.hint


def test_a_waiver_of_something_else_accepts_nothing() -> None:
    other = WAIVER.model_copy(update={"node": "there"})
    assert verdict_on(WART, waivers=(other,)).outcome is Outcome.FINDING


def test_what_is_only_wrong_outside_limit_does_not_look_as_if_it_held() -> None:
    elsewhere = verdict_on(WART, nodes=("there",))
    assert elsewhere.outcome is Outcome.NOT_APPLICABLE
    assert "outside --limit" in elsewhere.not_applicable


def test_a_waiver_without_a_reason_accepts_nothing_and_says_so() -> None:
    verdict = verdict_on(WART, waivers=(WAIVER.model_copy(update={"because": " FILL in why this is accepted"}),))
    assert verdict.outcome is Outcome.FINDING
    assert "accepts nothing until its `because` is filled in" in verdict.findings[0].hint
    assert verdict_on(WART, waivers=(WAIVER.model_copy(update={"because": "we fill in later"}),)).waived


def test_a_warning_of_an_enforced_rule_is_an_error_and_others_are_not() -> None:
    assert verdict_on(FRECKLE, enforce=("t.judge",)).findings[0].severity == "error"
    assert verdict_on(FRECKLE, enforce=("t.*",)).outcome is Outcome.FINDING
    assert verdict_on(FRECKLE, enforce=("other.*",)).outcome is Outcome.HOLDS
    assert verdict_on(FRECKLE, enforce=("t.*",), waivers=(WAIVER,)).outcome is Outcome.WAIVED


def test_limit_never_hides_what_could_not_be_seen() -> None:
    assert verdict_on(Unobservable("dark", node="here"), nodes=("there",)).outcome is Outcome.UNKNOWN


BOTH = replace(WART, cis=("1.6:5.6", "1.8:5.6", "1.6:5.32", "1.8:5.32"))
DIRECTORY = WAIVER.model_copy(update={"rule": "cis:1.8:5.6"})
SOCKET = WAIVER.model_copy(update={"rule": "cis:1.6:5.32", "owner": "bob"})


def test_a_waiver_of_one_id_leaves_a_finding_open_for_the_other() -> None:
    verdict = verdict_on(BOTH, waivers=(DIRECTORY,))
    assert (verdict.outcome, [finding.cis for finding in verdict.findings]) == (Outcome.FINDING, [BOTH.cis[2:]])
    assert [(part.cis, waiver) for part, waiver in verdict.waived] == [(BOTH.cis[:2], DIRECTORY)]
    accepted = "cis:1.8:5.6 is accepted by ada@example.org until 2026-11-30; cis:1.8:5.32 is not"
    assert verdict.findings[0].hint == accepted


def test_waivers_of_all_its_ids_accept_a_finding_each_its_own() -> None:
    verdict = verdict_on(BOTH, waivers=(SOCKET, DIRECTORY))
    assert (verdict.outcome, verdict.findings) == (Outcome.WAIVED, ())
    assert [(part.cis, waiver.owner) for part, waiver in verdict.waived] == [
        (BOTH.cis[2:], "bob"),
        (BOTH.cis[:2], "ada@example.org"),
    ]


def test_a_waiver_of_an_id_that_ended_is_named_for_what_it_accepted() -> None:
    ended = SOCKET.model_copy(update={"until": date(2026, 11, 1)})
    [finding] = verdict_on(BOTH, waivers=(ended, DIRECTORY)).findings
    assert finding.hint.startswith("the waiver of bob ran out on 2026-11-01; cis:1.8:5.6 is accepted by ada@example")
    assert verdict_on(BOTH, waivers=(ended, DIRECTORY, WAIVER)).outcome is Outcome.WAIVED


def test_a_glob_over_rules_is_none_over_ids() -> None:
    assert verdict_on(BOTH, waivers=(WAIVER.model_copy(update={"rule": "c*"}),)).outcome is Outcome.FINDING
    assert verdict_on(replace(FRECKLE, cis=BOTH.cis), enforce=("c*",)).outcome is Outcome.HOLDS


def test_an_id_that_is_enforced_and_accepted_makes_no_error_of_what_is_left() -> None:
    warning = replace(BOTH, severity="warning")
    assert verdict_on(warning, enforce=("cis:1.8:5.6",)).outcome is Outcome.FINDING
    verdict = verdict_on(warning, enforce=("cis:1.8:5.6",), waivers=(DIRECTORY,))
    assert [finding.cis for finding in verdict.warnings] == [BOTH.cis[2:]]
