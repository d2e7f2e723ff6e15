"""Drill and restore take what pg_dump writes, and refuse what is of other databases: against a real server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleetkeeper.transport.script_files import load_script
from tests.helpers.postgres import THERE, PrivateServer, private_server
from tests.programs.remediate.backups.test_drill_in_postgres import FILLING

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")
RESTORE = load_script("remediate/backups/scripts/restore_database.sh")
WEIGH = load_script("remediate/backups/scripts/weigh_dump.sh")
SHOP = r"""
CREATE SCHEMA x;
CREATE TABLE a(id serial PRIMARY KEY, name text CHECK (name ~ '^[[:alpha:]]+$'));
INSERT INTO a(name) SELECT 'É' FROM generate_series(1, 10);
CREATE TABLE x.b(a int REFERENCES a, t text DEFAULT E'DROP TABLE a;\n\\connect no'); INSERT INTO x.b VALUES (1);
INSERT INTO x.b VALUES (2, E'DROP TABLE a;\n\\connect elsewhere\n-- PostgreSQL database cluster dump\nit''s');
CREATE VIEW x.v AS SELECT id, count(*) FROM a GROUP BY id; CREATE INDEX ON x.b (t);
CREATE TABLE m(i int) PARTITION BY RANGE (i); CREATE TABLE m1 PARTITION OF m FOR VALUES FROM (0) TO (10);
INSERT INTO m VALUES (3);
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $f$ SELECT '
\connect no
DROP TABLE a;
COPY a (id) FROM stdin;
' $f$;
COMMENT ON TABLE a IS E'one\n\\connect no\nDROP TABLE a;';
SELECT lo_from_bytea(77, 'large'); CREATE DOMAIN d AS int CHECK (VALUE > 0); CREATE EXTENSION pg_trgm;
COMMENT ON DATABASE "my shop" IS E'two\nlines; of it;';
ALTER DATABASE "my shop" SET statement_timeout = '9min'; ALTER ROLE clerk IN DATABASE "my shop" SET work_mem = '9MB';
GRANT CONNECT ON DATABASE "my shop" TO clerk; ALTER TABLE a OWNER TO clerk; COMMENT ON ROLE clerk IS E'DROP;\n''x''';
"""
HELD = "SELECT count(*) FROM a UNION ALL SELECT sum(length(t)) FROM x.b UNION ALL SELECT count(*) FROM x.v"
LARGE = "SELECT lo_get(77)"


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as running:
        running.sql("CREATE ROLE clerk LOGIN PASSWORD 'x'; CREATE DATABASE \"my shop\"")
        running.sql(SHOP, "my shop")
        yield running


KINDS = {
    "plain": ("my shop",),
    "--clean": ("-c", "my shop"),
    "--clean --if-exists": ("-c", "--if-exists", "my shop"),
    "--create": ("-C", "my shop"),
    "--clean --create": ("-c", "-C", "my shop"),
    "--inserts": ("--inserts", "my shop"),
    "--clean --inserts": ("-c", "--inserts", "my shop"),
    "verbose": ("-v", "-c", "my shop"),
}


def kinds(server: PrivateServer) -> dict[str, bytes]:
    dumps = {kind: server.printed_dump("pg_dump", *options) for kind, options in KINDS.items()}
    roles = server.printed_dump("pg_dumpall", "-g")
    return {**dumps, "roles first": roles + dumps["plain"], "roles last, --create": dumps["--create"] + roles}


@pytest.fixture
def tried(server: PrivateServer) -> Iterator[PrivateServer]:
    server.sql("CREATE DATABASE tried")
    yield server
    server.sql("DROP DATABASE tried WITH (FORCE)")


@pytest.mark.parametrize("kind", [*KINDS, "roles first", "roles last, --create"])
def test_a_drill_fills_in_whatever_pg_dump_writes(tried: PrivateServer, kind: str) -> None:
    path = tried.folder / "kind.sql"
    path.write_bytes(kinds(tried)[kind])
    assert tried.run(FILLING, str(path), "sql") == 0, tried.said
    assert tried.sql(HELD, "tried") == tried.sql(HELD, "my shop")
    assert tried.sql(LARGE, "tried") == tried.sql(LARGE, "my shop")
    assert tried.sql("SELECT obj_description('a'::regclass)", "tried").count("connect no") == 1


@pytest.mark.parametrize("kind", [*KINDS, "roles first", "roles last, --create"])
def test_a_restore_takes_it_too_and_touches_no_other_database_and_no_role(server: PrivateServer, kind: str) -> None:
    path = server.folder / "kind.sql"
    path.write_bytes(kinds(server)[kind])
    before = server.sql("SELECT oid, datname, datconnlimit FROM pg_database ORDER BY 1")
    roles = server.sql("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1")
    assert server.run(RESTORE, "postgres", "my shop", "shop_restored_1", str(path), "sql") == 0, server.said
    assert server.sql(HELD, "shop_restored_1") == server.sql(HELD, "my shop")
    assert server.sql(LARGE, "shop_restored_1") == server.sql(LARGE, "my shop")
    server.sql("DROP DATABASE shop_restored_1")
    assert server.sql("SELECT oid, datname, datconnlimit FROM pg_database ORDER BY 1") == before
    assert server.sql("SELECT rolname, rolpassword FROM pg_authid ORDER BY 1") == roles


@pytest.mark.parametrize("words", [("pg_dumpall",), ("pg_dump", "-C", "other"), ("pg_dump", "-c", "-C", "other")])
def test_a_dump_of_others_is_refused_before_anything_is_done(server: PrivateServer, words: tuple[str, ...]) -> None:
    if words[-1] == "other":
        server.sql("CREATE DATABASE other")
    path = server.folder / "others.sql"
    path.write_bytes(server.printed_dump(*words))
    assert server.run(RESTORE, "postgres", "my shop", "shop_restored_1", str(path), "sql") == 65, server.said
    assert "of another database than my shop, or of several" in server.said
    server.sql("DROP DATABASE IF EXISTS other")


def test_the_reason_of_a_failure_holds_no_value(server: PrivateServer) -> None:
    path = server.folder / "bad.sql"
    path.write_text(
        "CREATE TABLE t (mail text UNIQUE);\nINSERT INTO t VALUES ('a@b.c');\nINSERT INTO t VALUES ('a@b.c');\n"
    )
    assert server.run(RESTORE, "postgres", "my shop", "shop_restored_1", str(path), "sql") == 66
    assert "duplicate key value violates unique constraint" in server.said
    assert "a@b.c" not in server.said
    assert "t_mail_key" not in server.said


@pytest.mark.parametrize("name", ["shop", "my shop", 'a"b', "it's", "back\\slash"])
def test_the_live_name_is_recognised_however_pg_dump_writes_it(server: PrivateServer, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    if name != "my shop":
        server.sql(f"CREATE DATABASE {quoted}")
    path = server.folder / "named.sql"
    path.write_bytes(server.printed_dump("pg_dump", "-C", name))
    for live, refused in ((name, False), ("another", True)):
        script = f"form=sql dump=$1 database=$2\n{WEIGH}\nweigh >&2"
        assert server.run(script, str(path), live) == 0
        assert server.said.startswith("connects") is refused, server.said
    if name != "my shop":
        server.sql(f"DROP DATABASE {quoted}")


def test_a_dump_that_fails_says_why_in_the_programs_own_words(server: PrivateServer) -> None:
    create = load_script("remediate/remedies/backups/scripts/create_dump.sh")
    server.sql("CREATE ROLE weak LOGIN")
    for role, why in (("weak", "permission denied for "), ("nobody", 'FATAL:  role "..." does not exist')):
        assert server.run(create, str(server.folder), "d.sql", role, "my shop", "sql", "0", "") == 66
        assert server.said.startswith("the dump failed: pg_dump: error: ")
        assert why in server.said
        assert not (server.folder / "d.sql").exists()
    assert server.run(create, str(server.folder), "d.sql", "postgres", "my shop", "sql", "0", "") == 0, server.said
