"""What a drill blames the dump for, and what not: its filling against a real server."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from remediate.backups.drill_script import FILL
from tests.postgres import THERE, PrivateServer, private_server

pytestmark = [
    pytest.mark.skipif(not THERE, reason="postgres is not installed"),
    pytest.mark.xdist_group("postgres"),
]
FILLING = (
    """set -u
dump=$1 form=$2 user=postgres
say() { printf 'drill: %s\\n' "$*" >&2; }
on() { PGDATABASE=$1; export PGDATABASE; shift; psql -X -w -qAt -v ON_ERROR_STOP=1 -U "$user" "$@"; }
"""
    + FILL
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
