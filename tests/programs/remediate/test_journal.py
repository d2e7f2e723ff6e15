"""The journal: written before, found after a crash, and readable by nobody who should not."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from remediate.commands.run_log import report_interrupted
from remediate.journal import Journal
from tests.pure.remediate.test_journal import begin_run, make_step


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


def test_a_run_that_did_not_end_and_whose_process_is_gone_is_told_once(journal: Journal) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run))
    journal.db.execute("UPDATE runs SET pid = ?", (is_gone(),))
    assert [match.id for match in journal.interrupted()] == [run]
    journal.noticed(run)
    assert journal.interrupted() == []


def is_gone() -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid


def test_a_run_whose_killed_process_nobody_has_waited_for_is_interrupted(journal: Journal) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run))
    with subprocess.Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        journal.db.execute("UPDATE runs SET pid = ?", (child.pid,))
        assert [match.id for match in journal.interrupted()] == [run]


def test_an_undo_that_was_killed_is_told_with_the_run_that_it_was_undoing(journal: Journal) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run, inverse="{}"))
    journal.end(run, 0)
    undo = journal.begin("ops@here", "production", "/x/production.yml", "fleetkeeper 1", undoes=run)
    journal.state(run, 1, "undoing")
    journal.db.execute("UPDATE runs SET pid = ? WHERE id = ?", (is_gone(), undo))
    text: list[str] = []
    assert [left.id for left in report_interrupted(journal, text.append)] == [run]
    assert f"undoing run {run}" in text[0]
    assert "was being undone" in text[1]
    assert f"`remediate undo {run}`" in text[2]
    journal.noticed(run)
    assert report_interrupted(journal, text.append) == []


def test_a_killed_run_that_has_left_nothing_is_told_once(journal: Journal) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run))
    journal.ended(run, 1, "not done")
    journal.db.execute("UPDATE runs SET pid = ?", (is_gone(),))
    text: list[str] = []
    assert report_interrupted(journal, text.append) == []
    assert "left nothing behind" in text[-1]
    assert journal.interrupted() == []
