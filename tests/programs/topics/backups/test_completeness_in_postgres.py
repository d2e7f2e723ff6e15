"""Dumps as a real server's own programs write them: whole ones are complete, and no cut of one is."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from fleetkeeper.topics.backups.completeness import parse_verified, verify_command
from fleetkeeper.topics.backups.policy import Format
from tests.helpers.postgres import THERE, PrivateServer, private_server
from tests.programs.topics.backups.test_completeness import list_files, packed, run_command
from tests.programs.topics.backups.test_completeness_of_several_dumps import AWKS, by, cuts_of, is_whole, tar

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")
TABLES = r"""
SET check_function_bodies = off;
CREATE ROLE "odd ""role" LOGIN PASSWORD 'it''s';
COMMENT ON ROLE "odd ""role" IS 'two
--
-- PostgreSQL database dump complete
--
lines';
CREATE TABLE plain (id int PRIMARY KEY, name text DEFAULT 'it''s -- "x" $$', at timestamptz DEFAULT now());
CREATE TABLE "odd "" name
COPY x FROM stdin;" ("a'b" text, "c, d" text);
INSERT INTO "odd "" name
COPY x FROM stdin;" VALUES ('a', E'b\tc\n'), (E'\\.', '\N'), ('--', '-- PostgreSQL database dump complete');
CREATE TABLE marks (line text);
INSERT INTO marks VALUES ('--'), ('-- PostgreSQL database dump complete'), ('--'), (''),
  ('COPY plain (id) FROM stdin;'), ('pg_dump: error: no'), (E'\x01\x02\x0b\u0085\u2028'), (E'\\restrict x'),
  (NULL), ('it''s'), ('$$');
CREATE TABLE none ();
CREATE TABLE bytes (b bytea);
INSERT INTO bytes VALUES (decode(repeat('00ff27', 2000), 'hex'));
INSERT INTO plain SELECT n, md5(n::text) FROM generate_series(1, 120) n;
CREATE FUNCTION f() RETURNS text LANGUAGE sql AS $body$
SELECT 'it''s'; -- "half
COPY plain (id) FROM stdin;
$body$;
CREATE FUNCTION g(a text) RETURNS text BEGIN ATOMIC SELECT a || 'it''s $$ "x"'; END;
CREATE FUNCTION h() RETURNS text LANGUAGE sql AS 'SELECT $a$ ''x'' $b$ -- $a$::text';
CREATE VIEW v AS SELECT 'a\b' AS "it's", E'\\' AS b FROM plain;
COMMENT ON TABLE plain IS 'A comment''s text
--
-- PostgreSQL database dump complete
--
';
COMMENT ON COLUMN plain.name IS E'back\\slash'' " $$ --';
ALTER TABLE plain ADD CONSTRAINT "it's" CHECK (name <> '--''');
SELECT lo_from_bytea(0, 'it''s');
CREATE RULE r AS ON DELETE TO marks DO INSTEAD NOTHING;
"""
ONE = {
    "as it is": (),
    "rows as INSERT": ("--inserts",),
    "rows as INSERT with columns": ("--column-inserts", "--rows-per-insert=7"),
    "clean": ("--clean", "--if-exists"),
    "with its database": ("--create", "--clean"),
    "with what it does": ("--verbose",),
    "tables only": ("--schema-only",),
    "rows only": ("--data-only", "--disable-triggers"),
    "one table": ("--table=plain",),
    "as another role": ("--use-set-session-authorization",),
    "in SQL_ASCII": ("--encoding=SQL_ASCII",),
    "quoted all over": ("--quote-all-identifiers",),
}
ALL = {
    "the cluster": (),
    "globals": ("--globals-only",),
    "roles": ("--roles-only",),
    "cleaned": ("--clean", "--if-exists"),
}


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as own:
        own.sql("CREATE DATABASE odd")
        own.sql(TABLES, "odd")
        own.sql("""CREATE DATABASE "it's" """)
        yield own


@pytest.fixture(scope="module")
def dumps(server: PrivateServer) -> dict[str, bytes]:
    """What pg_dump and pg_dumpall write, by how they were asked."""
    match = {name: output_of(server, "pg_dump", *options, "odd") for name, options in ONE.items()}
    return match | {name: output_of(server, "pg_dumpall", *options) for name, options in ALL.items()}


def output_of(server: PrivateServer, *words: str) -> bytes:
    return subprocess.run(words, env=server.environment, check=True, capture_output=True).stdout


def states_of(folder: Path, texts: Sequence[bytes], form: Format) -> list[str]:
    """By the whole script, as a node runs it."""
    for number, text in enumerate(texts):
        (folder / f"{number:03}.{form}").write_bytes(text)
    files = sorted(
        (item for item in list_files(folder) if item.name.endswith("." + form)), key=lambda element: element.name
    )
    return [item.state for item in parse_verified(run_command(verify_command(str(folder), files, form)), files)]  # type: ignore[arg-type]


def test_whole_dumps_are_complete_in_any_order(dumps: dict[str, bytes], tmp_path: Path) -> None:
    item, cluster, roles = dumps["as it is"], dumps["the cluster"], dumps["globals"]
    joined = [roles + item, item + roles, item + dumps["with its database"], cluster + item, item + cluster]
    texts = [*dumps.values(), *joined, b"-- nightly\nBEGIN;\n" + item + b"COMMIT;\n-- done\n"]
    assert states_of(tmp_path, [packed(text) for text in texts], "sql.gz") == ["complete"] * len(texts)
    assert states_of(tmp_path, texts, "sql") == ["complete"] * len(texts)


def test_what_is_packed_otherwise_is_unknown(server: PrivateServer, dumps: dict[str, bytes], tmp_path: Path) -> None:
    archives = [output_of(server, "pg_dump", f"-F{form}", "odd") for form in "ct"]
    texts = [*archives, tar(**{"odd.sql": dumps["as it is"]}), packed(dumps["as it is"])]
    assert states_of(tmp_path, [packed(text) for text in texts], "sql.gz") == ["unknown"] * len(texts)
    assert states_of(tmp_path, texts, "sql") == ["unknown"] * len(texts)
    assert states_of(tmp_path, archives, "dump") == ["complete"] * 2


def test_an_archive_that_was_cut_is_never_complete(server: PrivateServer, tmp_path: Path) -> None:
    archive = output_of(server, "pg_dump", "-Fc", "odd")
    cuts = [archive[: len(archive) * part // 5] for part in range(5)]
    assert "complete" not in states_of(tmp_path, cuts, "dump")


def try_once(texts: tuple[bytes, ...], awk: tuple[str, ...], parts: int) -> None:
    """No cut is complete that is not whole, and none is broken that is."""
    text = b"".join(texts)
    cuts = cuts_of(text, parts)
    for cut, state in zip(cuts, by(awk, [text[:cut] for cut in cuts]), strict=True):
        wrong = state == "complete" and not is_whole(texts, cut)
        wrong = wrong or (state == "broken" and is_whole(texts, cut) and cut > 40)
        assert not wrong, (state, text[max(0, cut - 60) : cut])


@pytest.mark.parametrize("name", ["as it is", "rows as INSERT", "the cluster"])
def test_few_cuts_of_a_real_dump_are_not_complete(dumps: dict[str, bytes], name: str) -> None:
    try_once((dumps[name],), AWKS[0], 20)


def test_a_real_dump_that_was_cut_before_another_is_never_complete(dumps: dict[str, bytes]) -> None:
    first, second = dumps["as it is"], dumps["rows as INSERT"]
    cuts = [cut for cut in cuts_of(first, 20) if not is_whole((first,), cut) and cut > 400]
    match = by(AWKS[0], [first[:cut] + second for cut in cuts])
    assert "complete" not in match
    assert match.count("broken") > len(match) / 4


@pytest.mark.long
@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize("name", [*ONE, *ALL])
def test_no_cut_of_any_real_dump_is_complete_under_any_awk(
    dumps: dict[str, bytes], name: str, awk: tuple[str, ...]
) -> None:
    try_once((dumps[name],), awk, 100)
    try_once((dumps["globals"], dumps[name]), awk, 100)


@pytest.mark.long
@pytest.mark.parametrize("first", [*ONE, *ALL])
@pytest.mark.parametrize("second", ["as it is", "rows as INSERT", "rows only", "the cluster", "globals"])
def test_no_pair_whose_first_was_cut_is_complete(dumps: dict[str, bytes], first: str, second: str) -> None:
    text = dumps[first]
    begun = text.index(b"dump\n--\n") + 300
    cuts = [cut for cut in cuts_of(text, 100) if not is_whole((text,), cut) and cut > begun]
    for cut, state in zip(cuts, by(AWKS[0], [text[:cut] + dumps[second] for cut in cuts]), strict=True):
        assert state != "complete", text[max(0, cut - 60) : cut]
