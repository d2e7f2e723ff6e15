"""Dumps that mislead: marks and COPY lines in quoted text, other formats under a gzip's name, a gzip that says less."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleetkeeper.topics.backups.completeness import (
    judge_stream,
    parse_stream_report,
    parse_verified,
    prove_command,
    verify_command,
)
from fleetkeeper.topics.backups.observe import newest_first
from tests.example_fleets.backups import judging_awk, make_policy
from tests.programs.topics.backups.test_completeness import (
    DUMP,
    END,
    FORGED,
    HEAD,
    NAME,
    ROWS,
    list_files,
    packed,
    proven,
    run_command,
)

FUNCTION = b"""CREATE FUNCTION public.f() RETURNS text LANGUAGE sql AS $$
COPY public.project (id, name) FROM stdin;
it's "half a quote, an odd $tag$ and a comment -- '
$$;

COMMENT ON FUNCTION public.f() IS 'It''s said:
COPY public.project (id, name) FROM stdin;
and then --';

"""
COMMENT = b"""COMMENT ON DATABASE d IS 'The last lines are
--
-- PostgreSQL database dump complete
--

"""
INSERTS = rb"""INSERT INTO public."It's" VALUES (1, 'a''b -- "c $$ d', 'x
COPY y FROM stdin;
', '', '''');
"""
LONG = b"INSERT INTO public.t VALUES (" + b"'it''s', 'say \"hi\"', " * 20000 + b"NULL);\n"
RESTRICTED = rb"""\restrict q7S9

CREATE DATABASE d WITH TEMPLATE = template0;
\connect -reuse-previous=on "dbname='it'"
"""
TWO_LINES = b'COPY public."two\nlines" ("it\'s", "from stdin;") FROM stdin;\n' + FORGED + b"\\.\n\n"

ODD = (Path(__file__).parents[3] / "fixtures" / "odd.sql").read_bytes()
"""By pg_dump 15 --create of a database made to mislead: its names, comments, functions and rows hold marks and COPY."""

WHOLE = {
    "what pg_dump wrote of a database made to mislead": ODD,
    "a function and a comment that look like COPY": HEAD + FUNCTION + ROWS + END,
    "a comment that holds the end mark": HEAD + COMMENT + b"';\n" + ROWS + END,
    "rows as INSERT with all that could mislead": HEAD + INSERTS + ROWS + END,
    "a very long INSERT": HEAD + LONG + END,
    "a table whose name has a newline": HEAD + TWO_LINES + END,
    "a dump that makes its database and connects": HEAD + RESTRICTED + ROWS + END + b"\\unrestrict q7S9\n\n",
}
BROKEN = {
    "cut short in a function that looks like COPY": HEAD + FUNCTION[: FUNCTION.index(b"$$;")],
    "cut short after a function that looks like COPY": HEAD + FUNCTION,
    "cut short in a string": HEAD + INSERTS[: INSERTS.index(b"', '', ")],
    "whole, and the next one cut short": DUMP + HEAD + ROWS,
}
UNKNOWN = {
    "not gzip": (b"<html>502 Bad Gateway</html>", "its name says gzip, and it is HTML or XML"),
    "case_32 trailing garbage": (packed(DUMP) + b"garbage", "something behind the end of its gzip stream"),
    "more behind the end": (packed(DUMP + b"DROP TABLE project;\n"), "line 19, behind the end mark"),
    "an error instead of a dump": (packed(b"pg_dump: error: connection refused\n"), "a message of pg_dump"),
    "a message before the dump": (packed(b"pg_dump: warning: circular\n" + DUMP), "line 1, before the header"),
    "an end mark without a header": (packed(ROWS + END), "no header of pg_dump"),
    "case_33 an end mark inside a quoted text": (packed(HEAD + COMMENT), "inside a quoted text"),
    "case_33 cut short in a role's password": (packed(DUMP + b"ALTER ROLE a PASSWORD 'x"), "behind the end mark"),
    "case_26 lines that a terminal made": (packed(DUMP.replace(b"\n", b"\r\n")), "docker exec -t"),
    "case_79 zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), "zstd"),
    "case_79 xz": (b"\xfd7zXZ\0" + bytes(40), "xz"),
    "case_79 encrypted by gpg": (b"\x8c\x0d\x04\x09" + bytes(40), "gpg"),
    "case_79 encrypted by openssl": (b"Salted__" + bytes(40), "openssl"),
    "case_79 an archive": (b"PGDMP" + bytes(40), "an archive of `pg_dump -Fc`"),
    "case_79 an archive within": (packed(b"PGDMP\1\2\n"), "an archive of `pg_dump -Fc`"),
    "case_79 packed twice": (packed(packed(DUMP)), "it holds gzip data"),
    "case_79 plain SQL": (DUMP, "plain SQL"),
}


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_quoted_text_does_not_mislead(tmp_path, text):
    item = proven(tmp_path, packed(text))
    assert (item.state, item.why) == ("complete", "")


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN)
def test_a_dump_that_ends_in_the_middle_of_something_is_broken(tmp_path, text):
    assert proven(tmp_path, packed(text)).state == "broken"


@pytest.mark.parametrize(("content", "why"), UNKNOWN.values(), ids=UNKNOWN)
def test_what_nobody_can_judge_is_not_known_and_never_broken(tmp_path, content, why):
    item = proven(tmp_path, content)
    assert (item.state, why in item.why) == ("unknown", True), item.why


@pytest.mark.parametrize("text", WHOLE.values(), ids=WHOLE)
def test_no_beginning_of_a_dump_is_complete(text):
    """Cut at every fortieth of its length, and around every end mark that it holds."""
    last = text.rindex(b"-- PostgreSQL database dump complete")
    cuts = {len(text) * part // 40 for part in range(40)} | {last - 1, last, last + 20}
    beginnings = [text[:cut] for cut in sorted(cut for cut in cuts if cut < last + 30)]
    assert "complete" not in by_awk(*beginnings)


def by_awk(*texts: bytes, more: str = "", told: bytes = b"-") -> list[str]:
    """The state of each text, by one run of awk."""
    fed = b"".join(text + b"\n\x02mark 0 " + told + b" \n" for text in texts)
    process = subprocess.run(
        ("awk", "-v", "mark=\2mark", judging_awk(more=more)), input=fed, capture_output=True, check=True
    )
    return [judge_stream(parse_stream_report("- " + line))[0] for line in process.stdout.decode().split("\n")[:-1]]


PIECES = st.lists(
    st.sampled_from(["'", "''", '"', "$$", "$a$", "--", "\n", "x", " ", "COPY t FROM stdin;\n", "$1", "\\.\n", ";"])
)


@settings(max_examples=50)
@given(PIECES, st.sampled_from(["'", '"', "$$", "$body$"]))
def test_whatever_a_quoted_text_holds_the_rest_is_read_right(pieces, quote):
    """Text is quoted as pg_dump quotes it, and the dump around it is complete, and no longer when it is cut there."""
    inner = "".join(pieces)
    inner = inner.replace(quote, quote * 2) if len(quote) == 1 else inner.replace("$", "S")
    head = HEAD + b"COMMENT ON DATABASE d IS " + quote.encode() + inner.encode()
    whole, cut = by_awk(head + quote.encode() + b";\n\n" + ROWS + END, head)
    assert whole == "complete"
    assert cut != "complete"


# ── another gzip than GNU's ──

BUSYBOX = pytest.mark.skipif(not shutil.which("busybox"), reason="no BusyBox here")
APPLETS = (
    "sh",
    "gzip",
    "awk",
    "od",
    "tr",
    "tail",
    "head",
    "cat",
    "stat",
    "find",
    "grep",
    "nice",
    "sleep",
    "wc",
    "setsid",
)


@pytest.fixture
def small(tmp_path: Path) -> str:
    folder = tmp_path / "busybox"
    folder.mkdir()
    for applet in APPLETS:
        (folder / applet).symlink_to(str(shutil.which("busybox")))
    return str(folder)


BY_BUSYBOX = {
    "a dump": (packed(DUMP), "complete"),
    "a dump without a last newline": (packed(DUMP.rstrip()), "complete"),
    "case_32 garbage behind the end": (packed(DUMP) + b"garbage", "unknown"),
    "case_32 one byte behind the end": (packed(DUMP) + b"\1", "unknown"),
    "case_32 several members, which cannot be told from garbage": (packed(DUMP[:40]) + packed(DUMP[40:]), "unknown"),
    "case_32 cut short": (packed(DUMP)[:-9], "broken"),
    "case_31 a gzip of nothing": (packed(b""), "broken"),
    "case_33 a dump cut short": (packed(DUMP[:-50]), "broken"),
    "case_79 zstd": (b"\x28\xb5\x2f\xfd" + bytes(40), "unknown"),
    "quoted text that misleads": (packed(HEAD + FUNCTION + INSERTS + ROWS + END), "complete"),
}


@BUSYBOX
@pytest.mark.parametrize(("content", "state"), BY_BUSYBOX.values(), ids=BY_BUSYBOX)
def test_busybox_gzip_misses_garbage_and_then_it_is_not_known(tmp_path, small, content, state):
    (tmp_path / "dumps").mkdir()
    (tmp_path / "dumps" / NAME).write_bytes(content)
    files = newest_first(list_files(tmp_path / "dumps", small), make_policy())
    [item] = parse_verified(run_command(verify_command(str(tmp_path / "dumps"), files, "sql.gz"), small), files)
    assert (item.state, run_command(prove_command(str(tmp_path / "dumps"), files, "sql.gz"), small).rc == 0) == (
        state, state == "complete",
    )  # fmt: skip


def test_a_length_of_more_than_four_bytes_is_counted_around():
    """A gzip tells its length modulo 2^32 (RFC 1952)."""
    counted = "/^--$/ { bytes = 4294967302 }\n"
    assert by_awk(DUMP, more=counted, told=b"5") == ["complete"]
    assert by_awk(DUMP, more=counted, told=b"6") == ["unknown"]


def test_gnu_gzip_is_believed_about_several_members(tmp_path):
    assert gzip.decompress(packed(DUMP[:40]) + packed(DUMP[40:])) == DUMP
    assert (
        proven(tmp_path, packed(DUMP[:40]) + packed(DUMP[40:]) + bytes(os.sysconf("SC_PAGE_SIZE"))).state == "complete"
    )


PLAIN_NAME = NAME.removesuffix(".gz")


def test_a_plain_file_that_is_packed_or_encrypted_is_not_known(tmp_path):
    for content in (packed(DUMP), b"Salted__" + bytes(40)):
        assert proven(tmp_path, content, PLAIN_NAME).state == "unknown"
    for content in (DUMP[:5], DUMP[:20], b""):
        assert proven(tmp_path, content, PLAIN_NAME).state == "broken"
    assert proven(tmp_path, b"<html>", PLAIN_NAME).state == "unknown"
