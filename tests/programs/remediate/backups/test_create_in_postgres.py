"""`remediate backups create` with its connection cut at each step: what was done or may still be done, never failed."""

from __future__ import annotations

import gzip
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from fleetkeeper.exit_codes import Exit
from remediate.backups.create import create
from tests.example_fleets.backups import make_inventory
from tests.helpers.postgres import THERE, PrivateServer, private_server
from tests.helpers.restorable_database import LIVE, TEXT, Database

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")
MOST = 40
"""More answers than a run waits for."""


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as own:
        yield own


@pytest.fixture
def database(server: PrivateServer, tmp_path: Path) -> Iterator[Database]:
    """A live database with a backup."""
    made = Database(server, tmp_path)
    made.inventory = make_inventory(TEXT.replace("node: data,", f"node: data, path: {made.dumps},"))
    server.sql("INSERT INTO t VALUES (1), (2)", LIVE)
    made.dump()
    yield made
    made.journal.close()
    for name in server.databases():
        server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


def made_since(database: Database) -> list[Path]:
    """The files beside the backup that was there, once none is being written any more."""
    end = time.monotonic() + 30
    while list(database.dumps.glob("*.part")) and time.monotonic() < end:
        time.sleep(0.1)
    return [path for path in database.dumps.iterdir() if path.name != database.files[0].name]


def is_whole(path: Path) -> bool:
    return b"PostgreSQL database dump complete" in gzip.decompress(path.read_bytes())


def test_a_backup_that_is_asked_for_is_made(database: Database) -> None:
    assert create(database.desk()) is Exit.NOTHING_LEFT
    [made] = made_since(database)
    assert is_whole(made)


def test_cut_at_any_answer_it_never_says_failed_of_what_was_done(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    for cut in range(1, MOST):
        database.link.cut_at = cut
        code = create(database.desk())
        whole, database.link.cut_at = database.link.cut_at, None
        made, captured = made_since(database), capsys.readouterr()
        said = captured.out + captured.err
        assert code is not Exit.NOTHING_LEFT or made, cut
        if made:
            assert is_whole(made[0])
            assert "failed" not in said, said
            assert "nothing was changed" not in said, said
            assert code in {Exit.NOTHING_LEFT, Exit.NOT_ALL_SEEN}, said
        for path in made:
            path.unlink()
        if whole:
            assert cut > 3
            return
    pytest.fail("the run waits for more answers than were cut")


@pytest.fixture
def held_up(database: Database) -> Iterator[Callable[[], int]]:
    """What ends a session that keeps pg_dump from the table for a while."""
    words = ("BEGIN", "LOCK t", "SELECT 'held'", "SELECT pg_sleep(3)")
    psql = ("psql", "-X", "-qAt", "-d", LIVE, *(word for sql in words for word in ("-c", sql)))
    with Popen(psql, env=database.server.environment, stdout=PIPE) as session:
        assert session.stdout is not None
        assert session.stdout.readline() == b"held\n"
        yield session.wait


def test_a_dump_that_goes_on_behind_a_cut_connection_is_unknown_not_failed(
    database: Database, held_up: Callable[[], int], capsys: pytest.CaptureFixture[str]
) -> None:
    database.link.slow = "pg_dump"
    assert create(database.desk()) is Exit.NOT_ALL_SEEN
    said = "".join(capsys.readouterr())
    assert "may still go on" in said
    assert "failed" not in said
    held_up()
    [made] = made_since(database)
    assert is_whole(made)
