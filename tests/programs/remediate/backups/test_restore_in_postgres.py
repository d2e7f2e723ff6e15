"""Restores from the first look to the way back, on a real server: what is said is what was done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import DEVNULL, Popen

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.transport.commands import Command, Output
from remediate.backups import restore as restoring
from remediate.backups.restore import restore
from remediate.commands.run_log import report_interrupted
from remediate.steps import RestoreDatabase
from remediate.steps.swap_databases import Server
from tests.helpers.local_nodes import step_context
from tests.helpers.postgres import THERE, PrivateServer, private_server
from tests.helpers.restorable_database import LIVE, Database

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as own:
        yield own


@pytest.fixture
def world(server: PrivateServer, tmp_path: Path) -> Iterator[Database]:
    """A live database of rows 1 and 2 with a backup, and row 3 entered since."""
    made = Database(server, tmp_path)
    server.sql("INSERT INTO t VALUES (1), (2)", LIVE)
    made.dump()
    server.sql("INSERT INTO t VALUES (3)", LIVE)
    yield made
    made.journal.close()
    for name in server.databases():
        server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def newest(world: Database) -> str:
    return world.files[0].name


def last_run(world: Database) -> str:
    return world.journal.runs(1)[0].id


def besides(world: Database) -> list[str]:
    return sorted(name.split("_")[1] for name in world.server.databases() if name != LIVE)


def while_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], answer: bool = True) -> None:
    """What happens while a person reads what would be lost."""

    def agreed(live: str) -> bool:
        act()
        return answer

    monkeypatch.setattr(restoring, "person_agrees", agreed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)


def test_a_restore_is_one_run_whose_undo_tells_what_was_entered_since_and_keeps_it(
    world: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(world.desk(), newest(world), LIVE) is Exit.NOTHING_LEFT
    assert world.rows() == {1, 2}
    out = capsys.readouterr().out
    assert "lost: at least 1 row of public.t" in out
    assert f"`remediate undo {last_run(world)}`" in out
    assert "by a restore" in world.records.read_text()
    world.server.sql("CREATE TABLE orders AS SELECT generate_series(1, 5000) id; INSERT INTO t VALUES (9)", LIVE)
    [run] = [run for run in world.journal.runs() if not run.undoes][:1]
    assert world.undo(run.id) is Exit.NOTHING_LEFT
    out = capsys.readouterr().out
    assert "undo loses 5000 rows in public.orders, a new table, entered since in live" in out
    assert "undo loses 1 row in public.t, entered since in live" in out
    assert out.count("is kept: ") == 2, "before it is asked, and at the end"
    assert "back to live" in out
    assert world.rows() == {1, 2, 3}
    assert besides(world) == ["restored"]
    [kept] = [name for name in world.server.databases() if name != LIVE]
    assert world.server.sql("SELECT count(*) FROM orders", kept) == "5000"


def test_a_container_that_is_replaced_while_a_person_reads_ends_it_and_nothing_is_accepted(
    world: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    while_reading(monkeypatch, world.replaced)
    assert restore(world.desk(), newest(world), "") is Exit.FINDINGS_REMAIN
    out = capsys.readouterr().out
    assert "nothing was changed" in out
    assert "is now what" not in out
    assert "was never live" in out, "the restored one is told, and how it is dropped"
    assert world.rows() == {1, 2, 3}
    assert not world.records.exists()
    assert world.undo(last_run(world)) is Exit.NOTHING_LEFT, "in the container that runs now"
    assert besides(world) == []


def test_a_live_database_that_is_replaced_while_a_person_reads_is_left_alone(
    world: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def replaced() -> None:
        world.server.sql(f"ALTER DATABASE {LIVE} RENAME TO live_before_20200101_000000")
        world.server.sql(f"CREATE DATABASE {LIVE} TEMPLATE live_before_20200101_000000")
        world.server.sql("INSERT INTO t VALUES (77)", LIVE)

    while_reading(monkeypatch, replaced)
    assert restore(world.desk(), newest(world), "") is Exit.FINDINGS_REMAIN
    assert "is now what" not in capsys.readouterr().out
    assert world.rows() == {1, 2, 3, 77}


def test_where_nobody_agrees_the_restored_one_is_dropped_again(
    world: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_reading(monkeypatch, lambda: None, answer=False)
    assert restore(world.desk(), newest(world), "") is Exit.FINDINGS_REMAIN
    assert (world.rows(), besides(world)) == ({1, 2, 3}, [])


def test_an_interruption_while_a_person_reads_tells_what_is_left_and_the_way_back(
    world: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    while_reading(monkeypatch, interrupt)
    assert restore(world.desk(), newest(world), "") is Exit.INTERRUPTED
    out = capsys.readouterr().out
    assert "DROP DATABASE" in out
    assert f"`remediate undo {last_run(world)}`" in out
    assert world.undo(last_run(world)) is Exit.NOTHING_LEFT
    assert besides(world) == []


class Killed(BaseException):
    """The process ended here: nothing of ours runs after it."""


def test_a_restore_that_is_killed_while_a_person_reads_is_told_by_the_next_run(
    world: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        raise Killed

    while_reading(monkeypatch, kill)
    monkeypatch.setattr(restoring.Restoring, "leftover_lines", lambda self: iter(()))
    with pytest.raises(Killed):
        restore(world.desk(), newest(world), "")
    world.journal.db.execute("UPDATE runs SET pid = 999999999")
    text: list[str] = []
    [run] = report_interrupted(world.journal, text.append)
    assert any("_restored_" in line and "is done" in line for line in text)
    assert world.undo(run.id) is Exit.NOTHING_LEFT
    assert besides(world) == []


def test_what_a_killed_fill_has_left_is_taken_back_whatever_the_live_database_is_called(
    world: Database,
) -> None:
    live, stamp = "live_restored_20260101_000000", "20260202_000000"
    world.server.sql(f"CREATE DATABASE {live}")
    server = Server("data", world.link.container, "postgres", "postgres", live)
    step, nowhere = RestoreDatabase(server, f"{live}_restored_{stamp}", "/dev/null", "sql"), step_context(world.folder)
    words = [word.replace("ends=$({", "kill -9 $$; ends=$({") for word in step.words]
    Popen(words, env=world.server.environment).wait()
    assert f"{live}_filling_{stamp}" in world.server.databases()
    back = step.inverse(world.link, nowhere)
    back.still_true(world.link, nowhere)
    back.do(world.link, nowhere)
    assert f"{live}_filling_{stamp}" not in world.server.databases()


def test_a_restore_that_goes_on_when_the_connection_is_lost_is_not_called_undone_before_it_has_begun(
    world: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "gzip").write_text(f'#!/bin/sh\nwhile [ -e "{slow}/wait" ]; do sleep 0.1; done\nexec /usr/bin/gzip "$@"\n')
    (slow / "gzip").chmod(0o755)
    (slow / "wait").touch()
    going: list[Popen[bytes]] = []
    whole = world.link.one

    def lost(command: Command) -> Output:
        if command.words[:2] != ("docker", "exec") or "ANALYZE" not in command.words[5]:
            return whole(command)
        words = [word.replace("PATH=", f"PATH={slow}:", 1) for word in world.link.here(command).words]
        going.append(Popen(words, stdout=DEVNULL, stderr=DEVNULL))
        return Output(None, lost="the connection was lost", command=str(command))

    world.link.one = lost  # type: ignore[method-assign]
    assert restore(world.desk(), newest(world), LIVE) is Exit.REMEDY_FAILED
    assert "goes on in the container" in capsys.readouterr().out
    assert world.undo(last_run(world)) is Exit.REMEDY_FAILED
    (slow / "wait").unlink()
    assert going[0].wait(60) == 0
    assert besides(world) == ["restored"]
    [run] = [run for run in world.journal.runs() if not run.undoes]
    assert world.undo(run.id) is Exit.NOTHING_LEFT
    assert besides(world) == []


@pytest.mark.parametrize("first", [0, 1])
def test_restore_after_restore_and_their_undos_in_either_order_lose_nothing(world: Database, first: int) -> None:
    runs = []
    for row in (10, 20):
        assert restore(world.desk(), newest(world), LIVE) is Exit.NOTHING_LEFT
        runs.append(last_run(world))
        world.server.sql(f"INSERT INTO t VALUES ({row})", LIVE)
    ends = [world.undo(runs[number]) for number in (first, 1 - first, first)]
    assert ends[:2] == ([Exit.NOTHING_LEFT] * 2 if first else [Exit.REMEDY_FAILED, Exit.NOTHING_LEFT])
    assert world.rows() == {1, 2, 3}
    match = set[int]()
    for name in world.server.databases():
        match |= world.rows(name)
    assert match == {1, 2, 3, 10, 20}


def test_a_change_of_names_whose_answer_is_lost_is_told_as_the_server_has_it(
    world: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    world.link.lose = "RENAME TO %I', :'live'"
    code = restore(world.desk(), newest(world), LIVE)
    out = capsys.readouterr().out
    assert world.rows() == {1, 2}
    assert code is Exit.NOTHING_LEFT
    assert "is now what" in out


def test_a_change_of_names_that_goes_on_when_the_connection_is_lost_is_waited_for(
    world: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    world.link.slow = "RENAME TO %I', :'live'"
    assert restore(world.desk(), newest(world), LIVE) is Exit.NOTHING_LEFT
    assert "is now what" in capsys.readouterr().out
    assert world.rows() == {1, 2}


def test_a_backup_that_is_not_there_is_said_first(world: Database) -> None:
    with pytest.raises(UsageError, match="no backup NOSUCH"):
        restore(world.desk(), "NOSUCH", "")
    assert besides(world) == []


def test_without_a_terminal_and_without_the_name_nothing_is_begun(
    world: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(world.desk(), newest(world), "") is Exit.USAGE
    assert "--yes-restore live" in capsys.readouterr().err
    assert restore(world.desk(), newest(world), "other") is Exit.USAGE
    assert (besides(world), world.journal.runs()) == ([], [])


def test_a_dump_that_is_gone_by_then_changes_nothing(world: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    (world.dumps / newest(world)).unlink()
    assert restore(world.desk(), newest(world), LIVE) in {Exit.FINDINGS_REMAIN, Exit.REMEDY_FAILED}
    assert (world.rows(), besides(world)) == ({1, 2, 3}, [])
