"""Every remedy killed for good before and after each of its steps, and with its connection cut: nothing is left unsaid.

The scenarios are trees of files with real programs (tests/remedy_scenarios). After each kill the next run tells what
had been started; the way back restores the tree byte by byte, or what has no way back is said; and the rest is mended.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fleetkeeper.exit_codes import Exit
from fleetkeeper.transport.commands import Unobservable
from lab.faults import FAULTS
from remediate.commands.run_log import Undoing, report_interrupted
from remediate.journal import Journal, StepRow
from remediate.plan_end import End
from remediate.remedies import REMEDIES
from tests.helpers.local_nodes import Cut, step_context
from tests.lab.test_killed_remedies import KILLED
from tests.remedy_scenarios import (
    LONGEST,
    SAMPLE,
    SCENARIOS,
    Scenario,
    ScenarioRun,
    begin_scenario,
    dumps,
    remedies_without_a_scenario,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the scenarios of dumps stands still during a test, and no longer."""
    monkeypatch.setattr(dumps, "NOW", datetime.now(UTC))


class Mortal(Journal):
    """A journal of a controller that is killed at one of the moments around its steps."""

    moment: int | None = None

    def starting(self, row: StepRow) -> None:
        super().starting(row)
        self.passes()

    def left(self, run: str, step: int, before: str, after: str) -> None:
        self.passes()
        super().left(run, step, before, after)

    def ended(self, run: str, step: int, state: str, rc: int | None = None, text: str = "") -> None:
        super().ended(run, step, state, rc, text)
        self.passes()

    def passes(self) -> None:
        if self.moment is not None:
            self.moment -= 1
            if self.moment < 0:
                raise Cut


STARTED, DONE, JOURNALLED = range(3)
"""The moments around each step: its way back is written down; it is done; the journal knows."""


def kill_midway(scenario: Scenario, moment: int) -> tuple[ScenarioRun, bool]:
    """The scenario after a fix that was killed, seen by the next run; False when the fix had ended by then."""
    attempt = begin_scenario(scenario, Mortal)
    assert isinstance(attempt.journal, Mortal)
    attempt.journal.moment = moment
    try:
        attempt.fix()
    except Cut:
        for link in scenario.links.values():
            link.die()
        return begin_scenario(scenario), True
    return begin_scenario(scenario), False


def undo_run(attempt: ScenarioRun, run: str) -> Exit:
    link_to = attempt.scenario.links.__getitem__
    return Undoing(
        attempt.journal, attempt.journal.run(run), link_to, context=step_context(attempt.scenario.folder)
    ).show_and_undo(yes=True)


def mended(attempt: ScenarioRun) -> bool:
    """Whether the next fix leaves nothing to do."""
    return all(ended.end in {End.FIXED, End.ALREADY} for ended in attempt.fix()) and not attempt.propose().planned


def test_every_remedy_is_killed_below_in_each_shape_that_its_plans_have() -> None:
    assert remedies_without_a_scenario() == set()


NOT_IN_THE_LAB = {"gpus.are_given_to_containers"}
"""Rules whose remedies the lab has no fault for: no systemd keeps the control groups of its nodes."""


def test_every_remedy_is_killed_on_the_lab_too() -> None:
    rules = {rule for fault in KILLED for rule in KILLED[fault]} | NOT_IN_THE_LAB
    assert set(KILLED) <= set(FAULTS)
    assert {REMEDIES[rule] for rule in rules} == set(REMEDIES.values())


def marked(long: Collection[type[Scenario]]) -> list[object]:
    """All scenarios; some of them only when there is time."""
    return [pytest.param(kind, marks=pytest.mark.long) if kind in long else kind for kind in SCENARIOS]


OTHERS = {*SCENARIOS} - SAMPLE


@pytest.mark.parametrize("kind", marked(LONGEST))
def test_killed_around_each_step_it_is_told_taken_back_and_mended(kind: type[Scenario], tmp_path: Path) -> None:
    whole = kind(tmp_path / "whole")
    assert mended(begin_scenario(whole))
    for moment in range(100):
        scenario = kind(tmp_path / str(moment))
        before = scenario.tree()
        attempt, was_killed = kill_midway(scenario, moment)
        if not was_killed:
            assert moment == 3 * len(attempt.journal.steps(attempt.journal.runs()[0].id)) > 0
            return
        text: list[str] = []
        runs = report_interrupted(attempt.journal, text.append)
        run = attempt.journal.run("last").id
        assert run in text[0]
        assert len(attempt.journal.steps(run)) == moment // 3 + 1
        assert runs or (scenario.tree() == before and "left nothing behind" in text[1])
        if runs and (moment % 3 != DONE or kind.undone):
            taken_back(attempt, run, before)
        assert mended(attempt), moment
        assert set(scenario.tree()) == set(whole.tree())
        assert scenario.end() == whole.end()


def taken_back(attempt: ScenarioRun, run: str, before: object) -> None:
    """Undo a run: everything is as it was, or what is not was said to have no way back."""
    code = undo_run(attempt, run)
    steps = attempt.journal.steps(run)
    final = [step for step in steps if step.inverse is None and '"changes": false' not in step.step]
    if not final or attempt.scenario.undone:
        assert code == Exit.NOTHING_LEFT
        assert attempt.scenario.tree() == before
    assert attempt.journal.interrupted() == []


@pytest.mark.parametrize("kind", [kind for kind in marked(OTHERS) if not isinstance(kind, type) or kind.undone])
def test_killed_and_not_taken_back_the_next_run_mends_the_rest(kind: type[Scenario], tmp_path: Path) -> None:
    whole = kind(tmp_path / "whole")
    assert mended(begin_scenario(whole))
    for moment in range(100):
        scenario = kind(tmp_path / str(moment))
        attempt, was_killed = kill_midway(scenario, moment)
        if not was_killed:
            return
        assert mended(attempt), moment
        assert scenario.end() == whole.end(), moment


class Lost:
    """A connection that is cut at one moment: the streams that are open end, and what is sent then has no answer."""

    def __init__(self, scenario: Scenario, moment: int) -> None:
        self.scenario, self.left = scenario, moment

    def __call__(self, words: tuple[str, ...]) -> None:
        self.left -= 1
        if self.left == -1:
            for link in self.scenario.links.values():
                link.die()
            raise Unobservable("the connection was cut", node="a")


@pytest.mark.parametrize("kind", marked(OTHERS))
def test_case_69_its_connection_cut_at_each_step_it_says_so_and_the_next_run_mends_the_rest(
    kind: type[Scenario], tmp_path: Path
) -> None:
    for moment in range(100):
        scenario = kind(tmp_path / str(moment))
        before = scenario.tree()
        attempt = begin_scenario(scenario)
        cut = Lost(scenario, moment)
        for link in scenario.links.values():
            link.before = link.after = cut
        [ended] = attempt.fix()
        if cut.left >= 0:
            return
        if ended.end not in {End.FIXED, End.ALREADY}:
            assert ended.why
            assert scenario.tree() == before or left_behind(attempt) or not kind.undone, moment
        assert mended(attempt), moment


def left_behind(attempt: ScenarioRun) -> list[StepRow]:
    """Steps that the journal does not call undone: `remediate undo` goes on with them."""
    run = attempt.journal.runs()[0].id
    return [step for step in attempt.journal.steps(run) if step.inverse and step.state != "undone"]
