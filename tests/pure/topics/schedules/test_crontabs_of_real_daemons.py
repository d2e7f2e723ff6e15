"""274 crontabs that three real daemons ran or did not run: what is read of them agrees, but for a few unknowns."""

from __future__ import annotations

import pytest

from tests.helpers.crontab_cases import (
    UNKNOWN,
    Decision,
    decisions_of,
    facts_of_look,
    names_that_ran,
    recorded_crontabs,
)

DAEMONS = ("debian12", "debian13", "cronie")


@pytest.fixture(scope="module", params=DAEMONS)
def daemon(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def decisions(daemon: str) -> dict[str, Decision]:
    recorded = recorded_crontabs()
    facts, unasked = facts_of_look(recorded["looks"][daemon])
    assert unasked == [], "these looks were not asked what is asked today: record them again"
    return decisions_of(facts, recorded["cases"])


def test_what_is_said_to_run_ran(daemon: str, decisions: dict[str, Decision]) -> None:
    claimed = {name for name, decision in decisions.items() if decision.runs is True}
    assert claimed - names_that_ran(daemon) == set()


def test_what_is_said_not_to_run_did_not_run(daemon: str, decisions: dict[str, Decision]) -> None:
    ran = names_that_ran(daemon)
    assert {name: decision.why for name, decision in decisions.items() if decision.runs is False and name in ran} == {}


def test_only_the_listed_cases_are_unknown_and_each_says_why(decisions: dict[str, Decision]) -> None:
    unknown = {name: decision.why for name, decision in decisions.items() if decision.runs is None}
    assert unknown.keys() <= UNKNOWN.keys()
    assert all(unknown.values())


def test_what_a_round_keeps_for_the_next_one_is_what_reading_it_again_gives(daemon: str) -> None:
    look = recorded_crontabs()["looks"][daemon]
    assert facts_of_look(look) == facts_of_look(look, rounds=False)


def test_the_set_has_many_cases_of_both_kinds_under_each_daemon(daemon: str) -> None:
    ran, cases = len(names_that_ran(daemon)), len(recorded_crontabs()["cases"])
    assert cases == 274
    assert 120 < ran < 160


def test_the_daemons_differ_where_their_manuals_say_so() -> None:
    ran = {daemon: names_that_ran(daemon) for daemon in DAEMONS}
    assert "e-mailtoempty" in ran["debian13"] - ran["debian12"]
    assert "t-two" in ran["cronie"] - ran["debian13"]
    assert "g-runuser" in ran["cronie"] - ran["debian13"]
