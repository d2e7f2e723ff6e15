"""The journal: written before, found after a crash, and readable by nobody who should not."""

from __future__ import annotations

import json
import os
import sqlite3
from pathlib import Path

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from remediate.commands.run_log import Undoing
from remediate.journal import HELPED, ROLLED_BACK, VERSION, Journal, PlanRow, StepRow
from remediate.plan_end import End
from remediate.run_process import birth_of
from remediate.steps import Run, StepContext, WriteFile, dump
from remediate.steps.swap_databases import Server, SwapDatabases
from remediate.undo import inverse_of, looks_only, undoable_steps


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "journal.sqlite")


def begin_run(journal: Journal) -> str:
    return journal.begin("ops@here", "production", "/x/production.yml", "fleetkeeper 1")


def make_step(run: str, number: int = 1, inverse: str | None = None) -> StepRow:
    return StepRow(run, number, 1, "a", "write /x", "{}", inverse, "", "", "", None, "", "", None)


def make_plan(run: str, outcome: str = "", memory: str = "m") -> PlanRow:
    return PlanRow(run, 1, "x.y", "web", "the steps", memory, outcome, "it did not help")


def test_what_is_written_is_there_for_the_next_process(journal: Journal) -> None:
    run = begin_run(journal)
    journal.plan(make_plan(run))
    journal.starting(make_step(run))
    again = Journal(journal.path)
    assert [row.state for row in again.steps(run)] == ["starting"]
    assert [row.rule for row in again.plans(run)] == ["x.y"]
    assert again.run(run).who == "ops@here"


def test_a_run_whose_process_still_lives_is_not_called_interrupted(journal: Journal) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run))
    make_parents(journal)
    assert journal.interrupted() == []


def make_parents(journal: Journal, started: str = "2001-01-01T00:00:00+00:00") -> None:
    """Have all runs be those of the process that started this one, and have begun then by the clock of that time."""
    journal.db.execute("UPDATE runs SET pid = ?, started = ?", (os.getppid(), started))
    journal.db.execute("UPDATE processes SET birth = ?", (birth_of(os.getppid()),))


@pytest.mark.parametrize("started", ["2001-01-01T00:00:00+00:00", "2099-01-01T00:00:00+00:00"])
def test_a_clock_that_was_set_while_it_runs_does_not_make_a_run_look_dead(journal: Journal, started: str) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run))
    make_parents(journal, started)
    assert journal.interrupted() == []


def test_a_journal_of_before_the_births_of_processes_is_read_and_gets_them(tmp_path: Path) -> None:
    older = Journal(tmp_path / "older.sqlite")
    run = begin_run(older)
    older.starting(make_step(run))
    older.db.execute("UPDATE runs SET pid = ?", (os.getppid(),))
    older.db.execute("DROP TABLE processes")
    older.close()
    journal = Journal(older.path)
    assert journal.interrupted() == []
    journal.db.execute("UPDATE runs SET started = '2001-01-01T00:00:00+00:00'")
    assert [match.id for match in journal.interrupted()] == [run]
    begin_run(journal)


def test_the_last_run_is_the_one_that_was_begun_last_though_the_clock_was_set_back(journal: Journal) -> None:
    before, after = begin_run(journal), begin_run(journal)
    for run, outcome in ((before, ROLLED_BACK), (after, HELPED)):
        journal.plan(make_plan(run, outcome))
        journal.starting(make_step(run))
        journal.end(run, 0)
    journal.db.execute("UPDATE runs SET started = '2099-01-01T00:00:00+00:00' WHERE id = ?", (before,))
    assert journal.run("last").id == after
    assert [run.id for run in journal.runs()] == [after, before]
    assert journal.rolled_back("production", "x.y", "web", "m") is None


def test_a_process_that_merely_has_the_number_of_the_killed_one_does_not_hide_it(journal: Journal) -> None:
    run = begin_run(journal)
    journal.starting(make_step(run))
    journal.db.execute("UPDATE runs SET pid = ?", (os.getppid(),))
    assert [match.id for match in journal.interrupted()] == [run]


def test_a_run_that_started_nothing_or_came_to_its_end_is_not_interrupted(journal: Journal) -> None:
    begin_run(journal)
    ended = begin_run(journal)
    journal.starting(make_step(ended))
    journal.end(ended, 3)
    assert journal.interrupted() == []
    assert journal.run("last").exit == 3


def test_a_run_is_found_by_the_beginning_of_its_id_and_an_unknown_one_is_a_usage_error(journal: Journal) -> None:
    run = begin_run(journal)
    assert journal.run(run[:18]).id == run
    with pytest.raises(UsageError, match="there is no run"):
        journal.run("1999")


def test_only_what_was_rolled_back_is_remembered(journal: Journal) -> None:
    run = begin_run(journal)
    journal.plan(make_plan(run))
    for outcome in ("fixed", "failed", "applied, still failing"):
        journal.judged(run, 1, outcome, "why")
        assert journal.rolled_back("production", "x.y", "web", "m") is None
    journal.judged(run, 1, ROLLED_BACK, "it did not help")
    rolled_back = journal.rolled_back("production", "x.y", "web", "m")
    assert rolled_back is not None
    assert rolled_back[1] == "it did not help"
    for other in (("staging", "x.y", "web", "m"), ("production", "x.z", "web", "m"), ("production", "x.y", "web", "n")):
        assert journal.rolled_back(*other) is None


def test_what_has_helped_since_is_tried_again(journal: Journal) -> None:
    for outcome in (ROLLED_BACK, End.FIXED.value):
        run = begin_run(journal)
        journal.plan(make_plan(run))
        journal.judged(run, 1, outcome, "why")
    assert journal.rolled_back("production", "x.y", "web", "m") is None


def test_of_two_runs_of_one_second_the_later_one_is_the_last(journal: Journal) -> None:
    runs = [begin_run(journal) for _ in range(5)]
    for run in runs:
        journal.starting(make_step(run))
    journal.db.execute("UPDATE runs SET started = '2026-01-01T00:00:00+00:00'")
    assert journal.run("last").id == runs[-1]
    assert [run.id for run in journal.runs()] == runs[::-1]


def test_two_runs_of_one_second_have_different_ids(journal: Journal) -> None:
    assert begin_run(journal) != begin_run(journal)


def test_a_journal_of_a_newer_program_is_refused_with_a_way_out(journal: Journal) -> None:
    journal.db.execute(f"PRAGMA user_version = {VERSION + 1}")
    journal.close()
    content = journal.path.read_bytes()
    with pytest.raises(UsageError, match=f"journal.sqlite has version {VERSION + 1}, and this .* to {VERSION}") as why:
        Journal(journal.path)
    assert "upgrade fleetkeeper" in why.value.hint
    assert journal.path.read_bytes() == content


def test_another_database_is_no_journal_and_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    for statement in ("CREATE TABLE runs (id TEXT)", "DROP TABLE runs", "PRAGMA user_version = -1"):
        with sqlite3.connect(path) as db:
            db.execute(statement)
        db.close()
        content = path.read_bytes()
        if statement.startswith("DROP"):
            continue
        with pytest.raises(UsageError, match="is no journal of fleetkeeper"):
            Journal(path)
        assert path.read_bytes() == content


def test_a_file_that_is_no_journal_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_text("these are not the bytes of a database, and there are many of them" * 9)
    with pytest.raises(UsageError, match="cannot be used"):
        Journal(tmp_path / "journal.sqlite")


@pytest.mark.parametrize("inverse", ["{", "[]", '{"kind": "turn_back_time"}', '{"kind": "put_back", "node": "a"}'])
def test_a_way_back_that_another_program_wrote_is_refused_with_its_step_and_run(inverse: str) -> None:
    with pytest.raises(UsageError, match=r"way back of step 1 of run r \(write /x\) is not understood") as why:
        inverse_of(make_step("r", inverse=inverse))
    assert "upgrade fleetkeeper" in why.value.hint


def test_it_is_synchronous_to_the_disk_and_write_ahead(journal: Journal) -> None:
    [mode] = journal.db.execute("PRAGMA journal_mode").fetchone()
    [synchronous] = journal.db.execute("PRAGMA synchronous").fetchone()
    assert (mode, synchronous) == ("wal", 2)


def test_two_processes_write_at_the_same_time(journal: Journal) -> None:
    other = Journal(journal.path)
    runs = {begin_run(item) for item in (journal, other, journal, other)}
    assert {run.id for run in journal} == runs


def test_an_older_journal_without_our_tables_gets_them(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "journal.sqlite").close()
    assert Journal(tmp_path / "journal.sqlite").runs() == []


def test_a_step_that_only_looked_leaves_nothing_to_undo() -> None:
    import json

    looked = Run("a", ("nginx", "-t"), changes=False)
    ran = Run("a", ("nginx", "-s", "reload"))
    rows = [
        StepRow("r", n, 1, "a", "", json.dumps(dump(item)), None, "done", "", "", 0, "", "", None)
        for n, item in enumerate((looked, ran))
    ]
    assert [looks_only(row) for row in rows] == [True, False]
    assert [row.number for row in undoable_steps(rows)] == [1]


def test_the_way_back_of_a_written_file_holds_paths_and_digests_only() -> None:
    write = WriteFile("a", "/etc/x", b"canary-4711", "absent")
    back = dump(write.inverse(None, StepContext("r", 1)))  # type: ignore[arg-type]
    assert "canary" not in str(back)
    assert back["kept"] == "/var/lib/fleetkeeper/r/1/old"


def test_the_journals_word_for_a_step_keeps_names_and_drops_lines() -> None:
    from remediate.steps import EditCrontab, UpdateService, journal_form

    edit = journal_form(EditCrontab("a", "ops", "x.y", ("canary one",), "absent", without=("canary two",)))
    assert "canary" not in str(edit)
    assert edit["lines"].startswith("1 line, sha256:")
    assert journal_form(UpdateService("a", "web", "django", "root", "web:1"))["was"] == "root"
    assert journal_form(Run("a", ("x", "--token", "canary")))["words"] == "x --token ***"


def test_the_undo_of_a_restore_on_a_node_that_is_gone_is_said_to_be_impossible(journal: Journal) -> None:
    """It ended in a traceback: what would be lost was counted on a node that the inventory has no more."""

    def link_to(node: str) -> Link:
        raise Unobservable("production has no such node any more", node=node)

    back = SwapDatabases(Server("a", "4f" * 32, "postgres", "rodan", "rodan"), "rodan_before_1", "rodan_restored_1")
    row = make_step(begin_run(journal), inverse=json.dumps(dump(back)))
    undoing = Undoing(journal, journal.runs()[0], link_to)
    assert undoing.losses_of(row) == ()
    assert undoing.state_of(row).startswith("cannot be undone on a:")
