"""What a dump holds, as real pg_dump writes it, and what the live database tells of itself, held against each other."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetkeeper.topics.backups.completeness import parse_verified, verify_command
from fleetkeeper.topics.backups.database.facts import LARGE_OBJECTS, Cluster
from fleetkeeper.topics.backups.database.parse import parse_clusters, silent_servers
from fleetkeeper.topics.backups.dump_contents import DumpContents, parse_contents
from fleetkeeper.topics.backups.observe import newest_first
from fleetkeeper.topics.backups.parse import list_directory, parse_listing
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from tests.example_fleets.backups import judging_awk, make_policy
from tests.helpers.postgres import PROGRAMS, THERE, PrivateServer, private_server

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed here")

SHOP = """
CREATE TABLE a(i int); INSERT INTO a SELECT generate_series(1, 10);
CREATE TABLE "B c"(i int, t text DEFAULT 'COPY x FROM stdin;'); CREATE TABLE "user"(i int);
INSERT INTO "user" VALUES (1);
CREATE SCHEMA x; CREATE TABLE x."we""ird, %|"(i int); INSERT INTO x."we""ird, %|" VALUES (1);
CREATE TABLE x."two\nlines"(i int); INSERT INTO x."two\nlines" VALUES (1);
CREATE TABLE m(i int) PARTITION BY RANGE (i); CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10);
INSERT INTO m VALUES (3); CREATE UNLOGGED TABLE u(i int); INSERT INTO u VALUES (1);
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS 'SELECT ''
CREATE TABLE no(i int);
COPY no (i) FROM stdin;
INSERT INTO no VALUES (1);
\\connect no
''';
CREATE EXTENSION pg_trgm; CREATE EXTENSION "uuid-ossp"; SELECT lo_create(7);
"""
FILLED = {"public.a", "public.user", 'x.we"ird, %|', "public.m1", "public.u", "pg_catalog.pg_largeobject"}
EMPTY = {"public.B c"}


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as running:
        running.sql('CREATE DATABASE "my shop"')
        running.sql(SHOP, "my shop")
        yield running


def contents_of(folder: Path, sql: bytes, form: str = "sql") -> DumpContents:
    name = f"backup_2026_01_02T00_00_00.{form}"
    (folder / name).write_bytes(sql)
    policy = make_policy(
        volume={"name": "here", "node": "data", "path": str(folder)}, pattern=f"backup_%Y_%m_%dT%H_%M_%S.{form}"
    )
    environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}

    def run(words: tuple[str, ...]) -> Output:
        done = subprocess.run(words, capture_output=True, check=False, env=environment)
        return Output(done.returncode, done.stdout, done.stderr, command="sh")

    files = newest_first(parse_listing(run(list_directory(policy).words))[1], policy)
    [proof] = parse_verified(run(verify_command(str(folder), files, policy.format).words), files)
    assert (proof.state, proof.why) == ("complete", "")
    assert proof.contents is not None
    return proof.contents


@pytest.mark.parametrize("options", [(), ("-a",), ("-C",), ("-c",), ("-c", "-C"), ("-O", "-x"), ("-Fc",), ("-Ft",)])
def test_the_tables_with_rows_are_named_however_it_was_dumped(
    server: PrivateServer, tmp_path: Path, options: tuple[str, ...]
) -> None:
    form = "dump" if options and options[0] in {"-Fc", "-Ft"} else "sql"
    found = contents_of(tmp_path, server.printed_dump("pg_dump", *options, "my shop"), form)
    part = found.of("my shop")
    assert part is not None
    assert (part.filled, part.empty, found.unnamed > 0) == (FILLED, EMPTY, True)
    assert (found.databases, found.cluster, found.inserts) == (1, False, False)
    assert found.makes_tables is ("-a" not in options)
    assert found.named == (("my shop",) if "-C" in options else ())
    assert found.extensions == (() if "-a" in options else ("pg_trgm", "uuid-ossp"))
    assert part.created == (set() if "-a" in options else {"public.m"})


def test_rows_as_inserts_and_those_of_partitions_in_their_root_are_named_too(
    server: PrivateServer, tmp_path: Path
) -> None:
    for options in (("--inserts",), ("--column-inserts",), ("--rows-per-insert=4",)):
        found = contents_of(tmp_path, server.printed_dump("pg_dump", *options, "my shop"))
        assert found.of("").filled == FILLED  # type: ignore[union-attr]
        assert found.inserts
    rooted = contents_of(tmp_path, server.printed_dump("pg_dump", "--load-via-partition-root", "my shop"))
    assert "public.m" in rooted.of("").filled  # type: ignore[union-attr]


def test_what_is_no_dump_of_the_data_says_so(server: PrivateServer, tmp_path: Path) -> None:
    schema = contents_of(tmp_path, server.printed_dump("pg_dump", "-s", "my shop"))
    assert (schema.filled, schema.of("").dumped) == (False, frozenset())  # type: ignore[union-attr]
    one = contents_of(tmp_path, server.printed_dump("pg_dump", "-t", "a", "my shop"))
    assert one.of("").filled == {"public.a"}  # type: ignore[union-attr]
    assert contents_of(tmp_path, server.printed_dump("pg_dumpall", "-g")) == DumpContents(0, makes_tables=False)
    both = server.printed_dump("pg_dumpall", "-g") + server.printed_dump("pg_dump", "my shop")
    assert contents_of(tmp_path, both).of("").filled == FILLED  # type: ignore[union-attr]


def test_a_dump_of_all_databases_keeps_them_apart(server: PrivateServer, tmp_path: Path) -> None:
    found = contents_of(tmp_path, server.printed_dump("pg_dumpall"))
    assert found.cluster
    assert found.of("my shop").filled == FILLED  # type: ignore[union-attr]
    assert found.of("another") is None


@pytest.mark.parametrize("awk", ["mawk", "gawk", "busybox awk", "original-awk"])
def test_every_awk_names_the_same(server: PrivateServer, awk: str) -> None:
    if shutil.which(awk.split(maxsplit=1)[0]) is None:
        pytest.skip(f"no {awk} here")
    text = server.printed_dump("pg_dump", "-C", "my shop") + b"\n\x02mark 0 - \n"
    zero = "000" if awk in {"mawk", "gawk"} else "001"
    words = (*awk.split(), "-v", "mark=\x02mark", judging_awk(zero))
    told = subprocess.run(words, input=text, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C"})
    state, *_, word, rc, length = told.stdout.decode().split()
    found = parse_contents(word)
    assert (state, rc, length) == ("complete", "0", "-")
    assert found is not None
    assert found.of("my shop").filled == FILLED  # type: ignore[union-attr]


def test_a_dump_of_very_many_tables_stays_small_and_says_that_it_names_not_all() -> None:
    rows = "".join(f"COPY public.table_{number} (i) FROM stdin;\n1\n\\.\n" for number in range(5000))
    text = f"--\n-- PostgreSQL database dump\n--\n{rows}--\n-- PostgreSQL database dump complete\n--\n\n\x02mark 0 - \n"
    words = ("awk", "-v", "mark=\x02mark", judging_awk())
    told = subprocess.run(words, input=text.encode(), capture_output=True, check=True).stdout.decode()
    found = parse_contents(told.split()[3])
    assert len(told) < 40_000
    assert found is not None
    assert len(found.parts[0].filled) + found.unnamed >= 5000


def asked(server: PrivateServer, *words: str, role: str = "postgres", database: str = "my shop") -> Output:
    script = load_script("fleetkeeper/topics/backups/database/scripts/ask_database.sh")
    done = subprocess.run(
        ("sh", "-c", script, "sh", *(words or ("", "")), role, database),
        env=server.environment,
        capture_output=True,
        check=False,
    )
    return Output(done.returncode, b"cluster f00\n" + done.stdout, done.stderr, command="ask-database")


def seen(server: PrivateServer, *words: str, role: str = "postgres") -> Cluster:
    [cluster] = parse_clusters(asked(server, *words, role=role))
    return cluster


def test_the_live_database_names_the_same_tables_with_their_ages(server: PrivateServer) -> None:
    cluster = seen(server)
    assert cluster.tables is not None
    assert {table.name for table in cluster.tables} == {*FILLED, "x.two\nlines"}
    assert {table.root for table in cluster.tables if table.name == "public.m1"} == {"public.m"}
    tables = [table for table in cluster.tables if table.name != LARGE_OBJECTS]
    assert all(0 <= time.time() - (table.existed or 0) < 600 for table in tables)
    assert (cluster.unread, cluster.database) == (0, "my shop")
    assert cluster.disk is not None
    assert cluster.disk.kind not in {"", "-"}
    assert {"pg_trgm", "uuid-ossp"} <= {*(cluster.available or ())}


def test_large_objects_are_older_than_a_dump_only_when_a_checkpoint_has_written_them(server: PrivateServer) -> None:
    server.sql("CREATE DATABASE scans")
    server.sql("CREATE TABLE a(i int); INSERT INTO a VALUES (1); CHECKPOINT; SELECT lo_create(7)", "scans")
    [before] = parse_clusters(asked(server, database="scans"))
    assert before.tables is not None
    assert [(table.name, table.existed) for table in before.tables if table.name == LARGE_OBJECTS] == [
        (LARGE_OBJECTS, None)
    ]
    server.sql("CHECKPOINT", "scans")
    [after] = parse_clusters(asked(server, database="scans"))
    [objects] = [table for table in after.tables or () if table.name == LARGE_OBJECTS]
    assert 0 <= time.time() - (objects.existed or 0) < 600
    server.sql("DROP DATABASE scans")


def test_a_dump_without_large_objects_lacks_them(server: PrivateServer, tmp_path: Path) -> None:
    bare = contents_of(tmp_path, server.printed_dump("pg_dump", "-B", "my shop"))
    assert bare.of("my shop").filled == FILLED - {LARGE_OBJECTS}  # type: ignore[union-attr]


def test_the_tables_of_an_extension_and_deleted_rows_are_not_asked_for(server: PrivateServer) -> None:
    server.sql("CREATE DATABASE other")
    server.sql("CREATE TABLE gone(i int); INSERT INTO gone VALUES (1); DELETE FROM gone", "other")
    server.sql("CREATE TABLE member(i int); INSERT INTO member VALUES (1)", "other")
    server.sql("CREATE EXTENSION pg_trgm; ALTER EXTENSION pg_trgm ADD TABLE member", "other")
    [cluster] = parse_clusters(asked(server, database="other"))
    assert cluster.tables == ()
    server.sql("DROP DATABASE other")


def test_the_mount_of_the_backups_is_told_as_the_container_sees_it(server: PrivateServer, tmp_path: Path) -> None:
    (tmp_path / "dumps").mkdir()
    tmp_path.chmod(0o755)
    for number in range(60):
        path = tmp_path / "dumps" / f"{number}.sql.gz"
        path.write_text("x" * number)
        os.utime(path, (1700000000 + number, 1700000000 + number))
    view = seen(server, str(tmp_path), "dumps").view
    assert view is not None
    assert view.files is not None
    assert [(file.name, file.size, file.mtime) for file in view.files[:1]] == [("59.sql.gz", 59, 1700000059)]
    assert len(view.files) == 40
    missing = seen(server, str(tmp_path), "absent").view
    assert missing is not None
    assert missing.files is None
    assert seen(server).view is None


def test_a_role_with_few_rights_is_unknown_with_the_grant_that_helps(server: PrivateServer) -> None:
    server.sql("CREATE ROLE few LOGIN; GRANT pg_read_all_data TO few")
    with pytest.raises(Unobservable) as why:
        parse_clusters(asked(server, role="few"))
    assert "GRANT pg_read_all_settings" in why.value.hint
    server.sql("GRANT pg_read_all_settings TO few; REVOKE pg_read_all_data FROM few")
    blind = seen(server, role="few")
    assert ([table.name for table in blind.tables or ()], blind.unread) == ([LARGE_OBJECTS], len(FILLED))
    server.sql("GRANT pg_read_all_data TO few")
    assert seen(server, role="few").unread == 0


def test_other_databases_of_the_server_are_named_with_whether_they_hold_rows(server: PrivateServer) -> None:
    for name in ("tickets", "void", "created", "blobs", '"od d"'):
        server.sql(f"CREATE DATABASE {name}")
    server.sql("CREATE TABLE t(i int); INSERT INTO t VALUES (1)", "tickets")
    server.sql("CREATE TABLE t(i int)", "created")
    server.sql("SELECT lo_create(7)", "blobs")
    server.sql(
        "CREATE ROLE poor LOGIN; GRANT pg_read_all_settings TO poor; REVOKE CONNECT ON DATABASE blobs FROM PUBLIC"
    )
    held = {"postgres": False, "tickets": True, "void": False, "created": False, "blobs": True, "od d": None}
    assert {other.name: other.filled for other in seen(server).others or ()} == held
    poor = {other.name: other.filled for other in seen(server, role="poor").others or ()}
    assert poor == held | {"tickets": None, "blobs": None}
    for name in ("tickets", "void", "created", "blobs", '"od d"'):
        server.sql(f"DROP DATABASE {name}")


def test_a_server_that_is_stopped_is_told_within_seconds(server: PrivateServer) -> None:
    pid = int((server.folder / "data/postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        answer = asked(server)
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    [silent] = silent_servers(answer)
    assert "timeout expired" in silent.why
    assert took < 10


def test_a_server_without_a_connection_left_is_told_in_its_own_words(server: PrivateServer) -> None:
    server.sql("CREATE ROLE narrow LOGIN CONNECTION LIMIT 0; GRANT pg_read_all_settings TO narrow")
    [silent] = silent_servers(asked(server, role="narrow"))
    assert silent.why.endswith('too many connections for role "..."')
    assert silent_servers(asked(server, role="nobody")) == ()
    with pytest.raises(Unobservable, match=r'role "\.\.\." does not exist'):
        parse_clusters(asked(server, role="nobody"))


def own_reason(said: str) -> str:
    script = load_script("fleetkeeper/topics/backups/scripts/own_reason.sh")
    done = subprocess.run(("sh", "-c", f"{script}\nown_reason"), input=said, capture_output=True, check=True, text=True)
    return done.stdout.rstrip("\n")


SAID = {
    'pg_dump: error: query failed: ERROR:  permission denied for table secret\npg_dump: detail: Query was: LOCK "x"': (
        "pg_dump: error: query failed: ERROR:  permission denied for table secret"
    ),
    'ERROR:  duplicate key value violates unique constraint "k"\nDETAIL:  Key (mail)=(a@b.c) already exists.\n': (
        'ERROR:  duplicate key value violates unique constraint "..."'
    ),
    "WARNING:  there is no collation\npsql:<stdin>:7: ERROR:  Key (mail)=(a@b.c) is odd": (
        "psql:<stdin>:7: ERROR:  Key (mail)=(...) is odd"
    ),
    'ERROR:  invalid input syntax for type integer: "4111 1111\n2222"\nCONTEXT:  COPY t, line 1, column i: "4111"': (
        'ERROR:  invalid input syntax for type integer: "..."'
    ),
    "FEHLER:  ungültige Eingabesyntax für Typ integer: »4111«": (
        "FEHLER:  ungültige Eingabesyntax für Typ integer: ..."
    ),
    "ОШИБКА:  неверный синтаксис: «4111»": "ОШИБКА:  неверный синтаксис: ...",
    "gzip: stdin: unexpected end of file": "gzip: stdin: unexpected end of file",
    "": "",
}


@pytest.mark.parametrize("said", SAID)
def test_a_programs_reason_leaves_the_node_without_values(said: str) -> None:
    assert own_reason(said) == SAID[said]
