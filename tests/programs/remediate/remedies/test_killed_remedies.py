"""Every remedy killed for good before and after each of its steps, and with its cable cut: nothing is left unsaid.

The worlds are trees of files with real programs (tests/remedy_scenarios). After each kill the next run tells what had
been started; the way back restores the tree byte by byte, or what has no way back is said; and the rest is mended.
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
    LIKE_OTHERS,
    LONGEST,
    WORLDS,
    Playing,
    Scenario,
    dumps,
    play_scenario,
    remedies_without_a_world,
)


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of the worlds of dumps stands still during a test, and no longer."""
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


def kill_midway(world: Scenario, moment: int) -> tuple[Playing, bool]:
    """The world after a fix that was killed, seen by the next run; False when the fix had ended by then."""
    play = play_scenario(world, Mortal)
    assert isinstance(play.journal, Mortal)
    play.journal.moment = moment
    try:
        play.fix()
    except Cut:
        for link in world.links.values():
            link.die()
        return play_scenario(world), True
    return play_scenario(world), False


def undo_run(play: Playing, run: str) -> Exit:
    link_to = play.world.links.__getitem__
    return Undoing(play.journal, play.journal.run(run), link_to, context=step_context(play.world.folder)).all(yes=True)


def mended(play: Playing) -> bool:
    """Whether the next fix leaves nothing to do."""
    return all(ended.end in {End.FIXED, End.ALREADY} for ended in play.fix()) and not play.propose().planned


def test_every_remedy_is_killed_below_in_each_shape_that_its_plans_have() -> None:
    assert remedies_without_a_world() == set()


def test_every_remedy_is_killed_on_the_lab_too() -> None:
    rules = {rule for fault in KILLED for rule in KILLED[fault]}
    assert set(KILLED) <= set(FAULTS)
    assert {REMEDIES[rule] for rule in rules} == set(REMEDIES.values())


def marked(long: Collection[type[Scenario]]) -> list[object]:
    """All worlds; some of them only when there is time."""
    return [pytest.param(kind, marks=pytest.mark.long) if kind in long else kind for kind in WORLDS]


@pytest.mark.parametrize("kind", marked(LONGEST))
def test_killed_around_each_step_it_is_told_taken_back_and_mended(kind: type[Scenario], tmp_path: Path) -> None:
    whole = kind(tmp_path / "whole")
    assert mended(play_scenario(whole))
    for moment in range(100):
        world = kind(tmp_path / str(moment))
        before = world.tree()
        play, was_killed = kill_midway(world, moment)
        if not was_killed:
            assert moment == 3 * len(play.journal.steps(play.journal.runs()[0].id)) > 0
            return
        text: list[str] = []
        runs = report_interrupted(play.journal, text.append)
        run = play.journal.run("last").id
        assert run in text[0]
        assert len(play.journal.steps(run)) == moment // 3 + 1
        assert runs or (world.tree() == before and "left nothing behind" in text[1])
        if runs and (moment % 3 != DONE or kind.undone):
            taken_back(play, run, before)
        assert mended(play), moment
        assert set(world.tree()) == set(whole.tree())
        assert world.end() == whole.end()


def taken_back(play: Playing, run: str, before: object) -> None:
    """Undo a run: everything is as it was, or what is not was said to have no way back."""
    code = undo_run(play, run)
    steps = play.journal.steps(run)
    final = [step for step in steps if step.inverse is None and '"changes": false' not in step.step]
    if not final or play.world.undone:
        assert code == Exit.NOTHING_LEFT
        assert play.world.tree() == before
    assert play.journal.interrupted() == []


@pytest.mark.parametrize("kind", [kind for kind in marked(LONGEST) if not isinstance(kind, type) or kind.undone])
def test_killed_and_not_taken_back_the_next_run_mends_the_rest(kind: type[Scenario], tmp_path: Path) -> None:
    whole = kind(tmp_path / "whole")
    assert mended(play_scenario(whole))
    for moment in range(100):
        world = kind(tmp_path / str(moment))
        play, was_killed = kill_midway(world, moment)
        if not was_killed:
            return
        assert mended(play), moment
        assert world.end() == whole.end(), moment


class Lost:
    """A cable that is cut at one moment: the streams that are open end, and what is sent then has no answer."""

    def __init__(self, world: Scenario, moment: int) -> None:
        self.world, self.left = world, moment

    def __call__(self, words: tuple[str, ...]) -> None:
        self.left -= 1
        if self.left == -1:
            for link in self.world.links.values():
                link.die()
            raise Unobservable("the cable was cut", node="a")


@pytest.mark.parametrize("kind", marked(LIKE_OTHERS))
def test_case_69_its_cable_cut_at_each_step_it_says_so_and_the_next_run_mends_the_rest(
    kind: type[Scenario], tmp_path: Path
) -> None:
    for moment in range(100):
        world = kind(tmp_path / str(moment))
        before = world.tree()
        play = play_scenario(world)
        cut = Lost(world, moment)
        for link in world.links.values():
            link.before = link.after = cut
        [ended] = play.fix()
        if cut.left >= 0:
            return
        if ended.end not in {End.FIXED, End.ALREADY}:
            assert ended.why
            assert world.tree() == before or left_behind(play) or not kind.undone, moment
        assert mended(play), moment


def left_behind(play: Playing) -> list[StepRow]:
    """Steps that the journal does not call undone: `remediate undo` goes on with them."""
    run = play.journal.runs()[0].id
    return [step for step in play.journal.steps(run) if step.inverse and step.state != "undone"]
