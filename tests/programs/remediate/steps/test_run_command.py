"""Running commands: what their exit status means, and that what they print stays where it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.local import LocalLink
from remediate.steps import AlreadyBack, Lost, Require, Run, RunInContainer, Stale, StepContext, StepFailed, dump

LINK, PLACE = LocalLink(), StepContext("run", 1)


class Answering:
    """A node that gives one answer to everything, and remembers what it was asked."""

    def __init__(self, answer: Output) -> None:
        self.answer, self.asked = answer, []

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        self.asked += [command.words for command in commands]
        return [self.answer for _ in commands]

    def open(self, words: tuple[str, ...], sudo: bool = False):
        raise AssertionError(words)

    def close(self) -> None: ...


def test_a_command_that_ends_as_expected_is_done(tmp_path: Path) -> None:
    assert Run("a", ("touch", str(tmp_path / "x"))).do(LINK, PLACE).rc == 0
    assert (tmp_path / "x").exists()


def test_a_command_that_ends_otherwise_has_failed_with_its_status() -> None:
    with pytest.raises(StepFailed, match="exit 1") as failed:
        Run("a", ("false",)).do(LINK, PLACE)
    assert (failed.value.rc, failed.value.changed) == (1, True)


def test_a_command_that_only_looks_leaves_nothing_behind_when_it_fails() -> None:
    with pytest.raises(StepFailed) as failed:
        Run("a", ("false",), changes=False).do(LINK, PLACE)
    assert not failed.value.changed


@pytest.mark.parametrize("tells", [False, True])
def test_case_71_what_a_command_prints_is_dropped_unless_declared_harmless_and_then_masked(tells: bool) -> None:
    script = "echo PGPASSWORD=canary-4711 is wrong >&2; exit 3"
    with pytest.raises(StepFailed) as failed:
        Run("a", ("sh", "-c", script), tells=tells).do(LINK, PLACE)
    assert failed.value.why == ("exit 3: PGPASSWORD=*** is wrong" if tells else "exit 3")


def test_case_73_a_terminal_is_not_driven_by_what_a_command_prints() -> None:
    with pytest.raises(StepFailed) as failed:
        Run("a", ("printf", "\x1b[2J::error::x"), expect=(9,), tells=True).do(LINK, PLACE)
    assert failed.value.why == "exit 0: \\x1b[2J::error::x"


def test_case_69_no_answer_is_not_a_failure_but_unknown() -> None:
    with pytest.raises(Lost, match="connection"):
        Run("a", ("true",)).do(Answering(Output(None, lost="the connection was lost")), PLACE)


def test_the_way_back_of_a_command_is_the_one_it_names() -> None:
    step = Run("a", ("systemctl", "start", "cron"), undo=("systemctl", "stop", "cron"))
    back = step.inverse(LINK, PLACE)
    assert back is not None
    assert (back.words, back.undo) == (step.undo, step.words)
    assert Run("a", ("true",)).inverse(LINK, PLACE) is None


def test_in_a_container_words_stay_words_and_the_user_is_named() -> None:
    link = Answering(Output(0, b"true\n"))
    step = RunInContainer("a", "f" * 64, ("sh", "-c", "echo $1; x"), "rodan_postgres", user="postgres")
    step.still_true(link, PLACE)
    step.do(link, PLACE)
    assert link.asked[1] == ("docker", "exec", "-u", "postgres", "f" * 64, "sh", "-c", "echo $1; x")


@pytest.mark.parametrize("answer", [Output(1, b"", b"no such container"), Output(0, b"false\n")])
def test_a_container_that_is_another_one_by_now_is_stale(answer: Output) -> None:
    with pytest.raises(Stale, match="rodan_postgres is not the one"):
        RunInContainer("a", "f" * 64, ("true",), "rodan_postgres").still_true(Answering(answer), PLACE)


def test_a_container_that_we_may_not_ask_about_is_unknown() -> None:
    answer = Output(1, b"", b"permission denied while trying to connect to the docker daemon socket", command="docker")
    with pytest.raises(Unobservable):
        RunInContainer("a", "f" * 64, ("true",)).still_true(Answering(answer), PLACE)


def test_a_requirement_is_asked_and_its_answer_compared() -> None:
    Require("a", ("echo", "yes"), "it says yes", answer="yes").still_true(LINK)
    with pytest.raises(Stale, match="no longer so: it says yes"):
        Require("a", ("echo", "no"), "it says yes", answer="yes").still_true(LINK)
    with pytest.raises(Stale):
        Require("a", ("false",), "it works").still_true(LINK)


def test_a_requirement_without_an_answer_is_unknown() -> None:
    with pytest.raises(Unobservable):
        Require("a", ("true",), "it works").still_true(Answering(Output(None, lost="time limit")))


def test_the_plan_shows_the_sentence_and_the_command() -> None:
    step = Run("a", ("nginx", "-s", "reload it"), says="reload nginx")
    assert step.show() == "reload nginx\n  $ nginx -s 'reload it'"


def test_a_script_is_not_poured_over_the_reader() -> None:
    step = Run("a", ("sh", "-c", "line one\nline two"), says="do it")
    assert step.show() == "do it\n  $ sh -c … (25 characters)"


def test_steps_come_back_from_the_journal_as_they_were() -> None:
    from remediate.steps import load

    for step in (Run("a", ("true",), undo=("false",)), RunInContainer("a", "f" * 64, ("true",), user="x")):
        assert load(dump(step)) == step


def test_a_way_back_that_asks_first_leaves_what_no_longer_stands(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    step = Run("a", ("touch", str(mark)), undo=("rm", str(mark)), undo_while=("test", "-e", str(mark)))
    back = step.inverse(LINK, PLACE)
    assert back is not None
    with pytest.raises(AlreadyBack):
        back.still_true(LINK, PLACE)
    step.do(LINK, PLACE)
    back.still_true(LINK, PLACE)
    back.do(LINK, PLACE)
    assert not mark.exists()


@pytest.mark.parametrize(("rc", "changed"), [(1, False), (2, True)])
def test_a_failure_that_is_known_to_leave_everything_as_it_was_counts_as_no_change(rc: int, changed: bool) -> None:
    with pytest.raises(StepFailed) as failed:
        Run("a", ("sh", "-c", f"exit {rc}"), unchanged=(1,)).do(LINK, PLACE)
    assert failed.value.changed is changed
