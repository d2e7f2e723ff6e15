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
def database(server: PrivateServer, tmp_path: Path) -> Iterator[Database]:
    """A live database of rows 1 and 2 with a backup, and row 3 entered since."""
    made = Database(server, tmp_path)
    server.sql("INSERT INTO t VALUES (1), (2)", LIVE)
    made.dump()
    server.sql("INSERT INTO t VALUES (3)", LIVE)
    yield made
    made.journal.close()
    for name in server.databases():
        server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def newest(database: Database) -> str:
    return database.files[0].name


def last_run(database: Database) -> str:
    return database.journal.runs(1)[0].id


def besides(database: Database) -> list[str]:
    return sorted(name.split("_")[1] for name in database.server.databases() if name != LIVE)


def while_reading(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None], answer: bool = True) -> None:
    """What happens while a person reads what would be lost."""

    def agreed(live: str) -> bool:
        act()
        return answer

    monkeypatch.setattr(restoring, "person_agrees", agreed)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)


def test_a_restore_is_one_run_whose_undo_tells_what_was_entered_since_and_keeps_it(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(database.desk(), newest(database), LIVE) is Exit.NOTHING_LEFT
    assert database.rows() == {1, 2}
    out = capsys.readouterr().out
    assert "lost: at least 1 row of public.t" in out
    assert f"`remediate undo {last_run(database)}`" in out
    assert "by a restore" in database.records.read_text()
    database.server.sql("CREATE TABLE orders AS SELECT generate_series(1, 5000) id; INSERT INTO t VALUES (9)", LIVE)
    [run] = [run for run in database.journal.runs() if not run.undoes][:1]
    assert database.undo(run.id) is Exit.NOTHING_LEFT
    out = capsys.readouterr().out
    assert "undo loses 5000 rows in public.orders, a new table, entered since in live" in out
    assert "undo loses 1 row in public.t, entered since in live" in out
    assert out.count("is kept: ") == 2, "before it is asked, and at the end"
    assert "back to live" in out
    assert database.rows() == {1, 2, 3}
    assert besides(database) == ["restored"]
    [kept] = [name for name in database.server.databases() if name != LIVE]
    assert database.server.sql("SELECT count(*) FROM orders", kept) == "5000"


def test_a_container_that_is_replaced_while_a_person_reads_ends_it_and_nothing_is_accepted(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    while_reading(monkeypatch, database.replaced)
    assert restore(database.desk(), newest(database), "") is Exit.FINDINGS_REMAIN
    out = capsys.readouterr().out
    assert "nothing was changed" in out
    assert "is now what" not in out
    assert "was never live" in out, "the restored one is told, and how it is dropped"
    assert database.rows() == {1, 2, 3}
    assert not database.records.exists()
    assert database.undo(last_run(database)) is Exit.NOTHING_LEFT, "in the container that runs now"
    assert besides(database) == []


def test_a_live_database_that_is_replaced_while_a_person_reads_is_left_alone(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def replaced() -> None:
        database.server.sql(f"ALTER DATABASE {LIVE} RENAME TO live_before_20200101_000000")
        database.server.sql(f"CREATE DATABASE {LIVE} TEMPLATE live_before_20200101_000000")
        database.server.sql("INSERT INTO t VALUES (77)", LIVE)

    while_reading(monkeypatch, replaced)
    assert restore(database.desk(), newest(database), "") is Exit.FINDINGS_REMAIN
    assert "is now what" not in capsys.readouterr().out
    assert database.rows() == {1, 2, 3, 77}


def test_where_nobody_agrees_the_restored_one_is_dropped_again(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    while_reading(monkeypatch, lambda: None, answer=False)
    assert restore(database.desk(), newest(database), "") is Exit.FINDINGS_REMAIN
    assert (database.rows(), besides(database)) == ({1, 2, 3}, [])


def test_an_interruption_while_a_person_reads_tells_what_is_left_and_the_way_back(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    while_reading(monkeypatch, interrupt)
    assert restore(database.desk(), newest(database), "") is Exit.INTERRUPTED
    out = capsys.readouterr().out
    assert "DROP DATABASE" in out
    assert f"`remediate undo {last_run(database)}`" in out
    assert database.undo(last_run(database)) is Exit.NOTHING_LEFT
    assert besides(database) == []


class Killed(BaseException):
    """The process ended here: nothing of ours runs after it."""


def test_a_restore_that_is_killed_while_a_person_reads_is_told_by_the_next_run(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill() -> None:
        raise Killed

    while_reading(monkeypatch, kill)
    monkeypatch.setattr(restoring.Restoring, "leftover_lines", lambda self: iter(()))
    with pytest.raises(Killed):
        restore(database.desk(), newest(database), "")
    database.journal.db.execute("UPDATE runs SET pid = 999999999")
    text: list[str] = []
    [run] = report_interrupted(database.journal, text.append)
    assert any("_restored_" in line and "is done" in line for line in text)
    assert database.undo(run.id) is Exit.NOTHING_LEFT
    assert besides(database) == []


def test_what_a_killed_fill_has_left_is_taken_back_whatever_the_live_database_is_called(
    database: Database,
) -> None:
    live, stamp = "live_restored_20260101_000000", "20260202_000000"
    database.server.sql(f"CREATE DATABASE {live}")
    server = Server("data", database.link.container, "postgres", "postgres", live)
    step, nowhere = (
        RestoreDatabase(server, f"{live}_restored_{stamp}", "/dev/null", "sql"),
        step_context(database.folder),
    )
    words = [word.replace("ends=$({", "kill -9 $$; ends=$({") for word in step.words]
    Popen(words, env=database.server.environment).wait()
    assert f"{live}_filling_{stamp}" in database.server.databases()
    back = step.inverse(database.link, nowhere)
    back.still_true(database.link, nowhere)
    back.do(database.link, nowhere)
    assert f"{live}_filling_{stamp}" not in database.server.databases()


def test_a_restore_that_goes_on_when_the_connection_is_lost_is_not_called_undone_before_it_has_begun(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slow = tmp_path / "slow"
    slow.mkdir()
    (slow / "gzip").write_text(f'#!/bin/sh\nwhile [ -e "{slow}/wait" ]; do sleep 0.1; done\nexec /usr/bin/gzip "$@"\n')
    (slow / "gzip").chmod(0o755)
    (slow / "wait").touch()
    going: list[Popen[bytes]] = []
    whole = database.link.one

    def lost(command: Command) -> Output:
        if command.words[:2] != ("docker", "exec") or "ANALYZE" not in command.words[5]:
            return whole(command)
        words = [word.replace("PATH=", f"PATH={slow}:", 1) for word in database.link.here(command).words]
        going.append(Popen(words, stdout=DEVNULL, stderr=DEVNULL))
        return Output(None, lost="the connection was lost", command=str(command))

    database.link.one = lost  # type: ignore[method-assign]
    assert restore(database.desk(), newest(database), LIVE) is Exit.REMEDY_FAILED
    assert "goes on in the container" in capsys.readouterr().out
    assert database.undo(last_run(database)) is Exit.REMEDY_FAILED
    (slow / "wait").unlink()
    assert going[0].wait(60) == 0
    assert besides(database) == ["restored"]
    [run] = [run for run in database.journal.runs() if not run.undoes]
    assert database.undo(run.id) is Exit.NOTHING_LEFT
    assert besides(database) == []


@pytest.mark.parametrize("first", [0, 1])
def test_restore_after_restore_and_their_undos_in_either_order_lose_nothing(database: Database, first: int) -> None:
    runs = []
    for row in (10, 20):
        assert restore(database.desk(), newest(database), LIVE) is Exit.NOTHING_LEFT
        runs.append(last_run(database))
        database.server.sql(f"INSERT INTO t VALUES ({row})", LIVE)
    ends = [database.undo(runs[number]) for number in (first, 1 - first, first)]
    assert ends[:2] == ([Exit.NOTHING_LEFT] * 2 if first else [Exit.REMEDY_FAILED, Exit.NOTHING_LEFT])
    assert database.rows() == {1, 2, 3}
    match = set[int]()
    for name in database.server.databases():
        match |= database.rows(name)
    assert match == {1, 2, 3, 10, 20}


def test_a_change_of_names_whose_answer_is_lost_is_told_as_the_server_has_it(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.link.lose = "RENAME TO %I', :'live'"
    code = restore(database.desk(), newest(database), LIVE)
    out = capsys.readouterr().out
    assert database.rows() == {1, 2}
    assert code is Exit.NOTHING_LEFT
    assert "is now what" in out


def test_a_change_of_names_that_goes_on_when_the_connection_is_lost_is_waited_for(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.link.slow = "RENAME TO %I', :'live'"
    assert restore(database.desk(), newest(database), LIVE) is Exit.NOTHING_LEFT
    assert "is now what" in capsys.readouterr().out
    assert database.rows() == {1, 2}


def test_a_backup_that_is_not_there_is_said_first(database: Database) -> None:
    with pytest.raises(UsageError, match="no backup NOSUCH"):
        restore(database.desk(), "NOSUCH", "")
    assert besides(database) == []


def test_without_a_terminal_and_without_the_name_nothing_is_begun(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    assert restore(database.desk(), newest(database), "") is Exit.USAGE
    assert "--yes-restore live" in capsys.readouterr().err
    assert restore(database.desk(), newest(database), "other") is Exit.USAGE
    assert (besides(database), database.journal.runs()) == ([], [])


def test_a_dump_that_is_gone_by_then_changes_nothing(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    (database.dumps / newest(database)).unlink()
    assert restore(database.desk(), newest(database), LIVE) in {Exit.FINDINGS_REMAIN, Exit.REMEDY_FAILED}
    assert (database.rows(), besides(database)) == ({1, 2, 3}, [])
