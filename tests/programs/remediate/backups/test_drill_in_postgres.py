"""What a drill blames the dump for, and what not: its filling against a real server, and what is written down."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.exit_codes import Exit
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.transport.commands import Output
from fleetkeeper.transport.script_files import load_script
from remediate.apply import locks_of
from remediate.backups import drill
from remediate.lock import Busy
from tests.example_fleets.backups import NOW
from tests.helpers.local_nodes import step_context
from tests.helpers.postgres import THERE, PrivateServer, private_server
from tests.helpers.restorable_database import LIVE, Database

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")
FILLING = (
    """set -u
dump=$1 form=$2 user=postgres
say() { printf 'drill: %s\\n' "$*" >&2; }
on() { PGDATABASE=$1; export PGDATABASE; shift; psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
"""
    + load_script("remediate/backups/scripts/fill_database.sh")
    + """
fill tried
rm -r "$own"
"""
)
RAISE = "DO $$ BEGIN RAISE EXCEPTION 'as if' USING ERRCODE = '{}'; END $$;\n"
ROWS = "".join(f"{number}\n" for number in range(20000))
WHOLE = f"CREATE TABLE t (id int);\nCOPY t FROM stdin;\n{ROWS}\\.\n"


@pytest.fixture(scope="module")
def own() -> Iterator[PrivateServer]:
    with private_server() as server:
        yield server


@pytest.fixture
def server(own: PrivateServer) -> Iterator[PrivateServer]:
    own.sql("CREATE DATABASE tried")
    yield own
    own.sql("DROP DATABASE tried WITH (FORCE)")


def filled(server: PrivateServer, dump: bytes, form: str = "sql") -> int:
    path = server.folder / f"dump.{form}"
    path.write_bytes(dump)
    return server.run(FILLING, str(path), form)


def test_a_whole_dump_is_filled_in(server: PrivateServer) -> None:
    assert filled(server, gzip.compress(WHOLE.encode()), "sql.gz") == 0, server.said
    assert server.sql("SELECT count(*) FROM t", "tried") == "20000"


@pytest.mark.parametrize(
    ("dump", "form"),
    [
        (b"SELEKT 1;\n", "sql"),
        (WHOLE.replace("77\n", "not a number\n", 1).encode(), "sql"),
        (b"INSERT INTO nowhere VALUES (1);\n", "sql"),
        (gzip.compress(WHOLE.encode())[:-40], "sql.gz"),
        (gzip.compress(WHOLE.encode())[:-8] + bytes(8), "sql.gz"),
        (b"\\nosuchcommand\n", "sql"),
    ],
    ids=["syntax", "row", "missing", "cut", "checksum", "psql"],
)
def test_the_dump_is_to_blame(server: PrivateServer, dump: bytes, form: str) -> None:
    assert filled(server, dump, form) == 66, server.said
    assert server.said.startswith("drill: it does not restore: ")


@pytest.mark.parametrize("state", ["53100", "53200", "57014", "57P01", "58030", "40P01", "55P03", "XX000"])
def test_what_the_server_lacks_proves_nothing(server: PrivateServer, state: str) -> None:
    assert filled(server, (RAISE.format(state) + WHOLE).encode()) == 75, server.said
    assert "could not be tried to its end" in server.said


def test_a_server_that_is_killed_under_the_dump_proves_nothing(server: PrivateServer) -> None:
    assert filled(server, b"SELECT pg_terminate_backend(pg_backend_pid());\nSELECT 1;\n") == 75, server.said


def test_a_dump_that_could_not_be_read_or_whose_reader_was_killed_proves_nothing(server: PrivateServer) -> None:
    assert server.run(FILLING, str(server.folder / "nowhere"), "sql") == 75
    assert filled(server, b"packed otherwise, and perhaps good\n", "sql.gz") == 75, server.said
    killed = FILLING.replace('*) cat -- "$dump" ;;', '*) sh -c \'head -c 5000 "$1"; kill -9 $$\' sh "$dump" ;;')
    (server.folder / "dump.sql").write_text(WHOLE)
    assert server.run(killed, str(server.folder / "dump.sql"), "sql") == 75, server.said


# ── from the first look to the record ──

BAD = Output(66, b"", b'drill: it does not restore: psql:<stdin>:7: ERROR:  syntax error at or near "x"\n')
CAME_BACK = b"seconds|9\nuser|postgres\nrows public.t|100\nrows large objects|0\nextension|plpgsql\n"


@pytest.fixture
def database(own: PrivateServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setattr(drill, "WAIT", 0.0)
    made = Database(own, tmp_path)
    own.sql("INSERT INTO t SELECT generate_series(1, 100)", LIVE)
    made.dump()
    yield made
    made.journal.close()
    own.sql(f"DROP DATABASE {LIVE} WITH (FORCE)")


def test_a_failed_drill_is_written_down_whatever_else_was_written_meanwhile(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Drill("other", NOW, 1.0, 1.0)

    def meanwhile() -> Output:
        database.record(Records(drills=(other,)))
        return BAD

    database.link.drill = meanwhile
    assert drill.drill(database.desk(), None) is Exit.FINDINGS_REMAIN
    out = capsys.readouterr().out
    assert "did not come back: it does not restore: syntax error (line 7 of its SQL)" in out
    assert "done" not in out.replace("What was done", "done")
    assert [(item.backup, bool(item.error)) for item in database.recorded.drills] == [
        ("other", False),
        (database.files[0].name, True),
    ]


def test_a_drill_that_succeeds_says_which_database_is_the_right_one(database: Database) -> None:
    database.link.drill = lambda: Output(0, CAME_BACK)
    assert drill.drill(database.desk(), None) is Exit.NOTHING_LEFT
    assert database.recorded.accepted is not None


def test_beside_a_live_database_that_came_up_empty_nothing_is_accepted(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    database.server.sql("DELETE FROM t", LIVE)
    database.link.drill = lambda: Output(0, CAME_BACK)
    assert drill.drill(database.desk(), None) is Exit.FINDINGS_REMAIN
    assert "table public.t has 0 rows in the live database, and 100 in the dump" in capsys.readouterr().out
    assert database.recorded.accepted is None
    assert not database.recorded.drills[-1].error


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Output(73, b"", b"drill: only 1 MiB are free for it, 520 are needed\n"), "only 1 MiB are free"),
        (Output(125, b"", b"docker: Error: no such image.\n"), "no such image"),
        (Output(137, b"", b"Killed\n"), "Killed"),
        (Output(75, b"", b"drill: it could not be tried to its end: psql ended with 2\n"), "psql ended with 2"),
    ],
)
def test_a_drill_that_could_not_be_tried_is_not_one_that_failed(
    database: Database, capsys: pytest.CaptureFixture[str], answer: Output, why: str
) -> None:
    database.link.drill = lambda: answer
    assert drill.drill(database.desk(), None) is Exit.NOT_ALL_SEEN
    assert why in capsys.readouterr().err
    [refused] = database.recorded.drills
    assert (refused.error, why in refused.refused) == ("", True)


def test_a_failed_drill_waits_for_a_lock_that_somebody_else_holds(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.link.drill = lambda: BAD
    taken = locks_of("other", lambda node: database.link, step_context(database.folder))
    taken.take(["data"])
    noted = drill.write_down

    def busy(*given: object) -> Exit:
        try:
            return noted(*given)  # type: ignore[arg-type]
        except Busy:
            taken.release()
            raise

    monkeypatch.setattr(drill, "write_down", busy)
    assert drill.drill(database.desk(), None) is Exit.FINDINGS_REMAIN
    assert database.recorded.drills[-1].error


@pytest.mark.parametrize("how", ["locked", "full"])
def test_a_failed_drill_that_cannot_be_written_down_is_said_and_never_called_nothing_changed(
    database: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    database.link.drill = lambda: BAD
    monkeypatch.setattr(drill, "TRIES", 1)
    if how == "full":
        database.journal.db.execute("PRAGMA query_only = ON")
    taken = locks_of("other", lambda node: database.link, step_context(database.folder))
    taken.take(["data"] if how == "locked" else [])
    try:
        assert drill.drill(database.desk(), None) is Exit.REMEDY_FAILED
    finally:
        taken.release()
    assert "failed, and that is not written down" in capsys.readouterr().err
    assert not database.recorded.drills
