"""Several dumps in one file, what scripts write around them, and what is packed otherwise: broken only when proven."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import re
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from fleetkeeper.topics.backups.completeness import (
    judge_stream,
    parse_stream_report,
    parse_verified,
    prove_command,
    verify_command,
)
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.transport.commands import Output
from tests.example_fleets.backups import judging_awk
from tests.helpers.waiting import wait_until
from tests.programs.topics.backups.test_completeness import DUMP, END, HEAD, NAME, ROWS, list_files, packed, run_command
from tests.programs.topics.backups.test_completeness_of_misleading_dumps import COMMENT, FUNCTION, INSERTS, ODD

FIXTURES = Path(__file__).parents[3] / "fixtures" / "dumps"
PLAIN = NAME.removesuffix(".gz")
GLOBALS = b"""--
-- PostgreSQL database cluster dump
--

SET default_transaction_read_only = off;

--
-- Roles
--

CREATE ROLE rodan;
ALTER ROLE rodan WITH NOSUPERUSER INHERIT LOGIN PASSWORD 'SCRAM-SHA-256$4096:x';
COMMENT ON ROLE rodan IS 'it''s
two lines';

--
-- PostgreSQL database cluster dump complete
--

"""
CLUSTER = GLOBALS.replace(b"--\n-- PostgreSQL database cluster dump complete", b"\\connect a\n\n" + DUMP + b"""--
-- Database "b" dump
--

\\connect b

""" + DUMP + b"--\n-- PostgreSQL database cluster dump complete")  # fmt: skip


def tar(**files: bytes) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return out.getvalue()


COMPLETE = {
    "globals, then a dump": GLOBALS + DUMP,
    "a dump, then globals": DUMP + GLOBALS,
    "globals only": GLOBALS,
    "two databases": DUMP + DUMP,
    "three, with comments and SET between": DUMP + b"-- next\nSET ROLE a;\n\n" + DUMP + b"RESET ROLE;\n" + ODD,
    "a whole cluster": CLUSTER,
    "a cluster, and a dump of one more": CLUSTER + DUMP,
    "25 lines of a script's header": b"-- x\n" * 25 + DUMP,
    "40 settings": b"".join(b"SET something_%d = 1;\n" % n for n in range(40)) + DUMP,
    "a setting with quotes": b"""SET search_path = "$user", 'it''s; --';\n""" + DUMP,
    "a comment behind": DUMP + b"-- finished at 02:00, it's done\n",
    "in a transaction": b"BEGIN;\n" + DUMP + b"COMMIT;\n",
    "in a transaction, written otherwise": b"start transaction isolation level serializable;\n" + DUMP + b"end;\n",
    "roles behind": DUMP + b"CREATE ROLE a;\nALTER ROLE a WITH LOGIN PASSWORD 'x''y';\nGRANT a TO b;\n",
    "a search path": b"SELECT pg_catalog.set_config('search_path', '', false);\n" + DUMP,
    "a script that says what pg_dump says": b"-- PostgreSQL database dump\n-- of a\n" + DUMP,
    "blanks and tabs between": DUMP + b"  \t\n \n" + DUMP,
}
DUMPED = b"-- Dumped from database version 15.6\n"
BROKEN = {
    "the first cut, the second whole": (
        HEAD + b"-- Dumped from database version 15.6\n" + DUMP,
        "that begins in line 2",
    ),
    "the first cut in a statement": (HEAD + b"CREATE TABLE a (\n  id int" + DUMP, "before the end mark of the one"),
    "the first cut within its end mark": (DUMP[: DUMP.rindex(b" complete")] + DUMP, "before the end mark of the one"),
    "globals cut, then a dump": (GLOBALS[: GLOBALS.index(b"COMMENT")] + DUMP, "never comes"),
    "globals whole, the dump cut": (GLOBALS + DUMP[: DUMP.index(END)], "never comes"),
    "a cluster cut in its second database": (CLUSTER[: CLUSTER.rindex(END)], "never comes"),
    "a cluster whose database was cut, and its own end": (
        CLUSTER.replace(END, b"", 1),
        "before the end mark of the one",
    ),
    "a hole in a statement": (HEAD + b"CREATE TABLE a (\0\0\0 int);\n" + ROWS + END, "zero bytes in line 7"),
    "a hole in rows": (HEAD + ROWS.replace(b"two", bytes(512)) + END, "zero bytes in line 12"),
    "a message, and then cut": (b"pg_dump: warning\n" + HEAD + ROWS, "never comes"),
    "cut in a quoted text": (HEAD + COMMENT[:60], "in the middle of a quoted text, which begins in line 7"),
    "nothing but comments": (b"-- PostgreSQL database dump\n-- finished\n", "empty"),
}
MARKS = b"-- PostgreSQL database dump\n"
UNKNOWN = {
    "a message before": (b"pg_dump: warning: circular foreign keys can't\n" + DUMP, "line 1, before the header"),
    "a message in the middle": (HEAD + b"pg_dump: warning: it can't\n" + ROWS + END, "line 7, in the middle"),
    "an echo behind": (DUMP + b"Backup done, 454464 bytes\n", "behind the end mark"),
    "an echo between": (DUMP + b"Next: it's b\n" + DUMP, "between two dumps"),
    "an echo between the databases of a cluster": (CLUSTER.replace(b"\\connect b", b"now b"), "of a cluster"),
    "a statement behind": (DUMP + b"VACUUM ANALYZE;\n", "behind the end mark"),
    "a statement hidden behind a setting": (DUMP + b"SET a = 1; DROP TABLE x;\n", "behind the end mark"),
    "an open quote behind": (DUMP + b"SET a = 'x;\n", "behind the end mark"),
    "a transaction without an end": (b"BEGIN;\n" + DUMP, "BEGIN in line 1 has no COMMIT"),
    "cut in rows, and the next whole": (HEAD + ROWS[:70] + DUMP, "inside rows or a quoted text"),
    "the next begins, and the file ends": (DUMP + b"--\n" + MARKS, "and the file ends there"),
    "the next begins within its header": (DUMP + b"--\n-- PostgreSQL da", "and the file ends there"),
    "an end mark twice": (DUMP + END, "an end mark without a header"),
    "zeros behind": (DUMP + bytes(600), "behind the end mark"),
    "a byte order mark": (b"\xef\xbb\xbf" + DUMP, "no header of pg_dump"),
    "a terminal's lines": (DUMP.replace(b"\n", b"\r\n"), "psql may take it"),
    "a tar of an archive": (tar(**{"toc.dat": DUMP}), "a tar archive"),
    "a tar of a cut dump": (tar(**{"a.sql": b"\n" + HEAD + ROWS}), "a tar archive"),
    "a header of a script's own": (b"--\n" + MARKS + b"--\n" + DUMP, "before the header"),
    "MySQL": (b"-- MySQL dump 10.13  Distrib 8.0\n--\nCREATE TABLE a;\n", "a dump of MySQL"),
    "CSV": (b"id,name\n1,a\n", "no header of pg_dump"),
    "HTML": (b"<!DOCTYPE html>\n<html>it's</html>\n", "HTML"),
    "random bytes": (bytes(range(256)) * 4, "binary data"),
    "an archive": (b"PGDMP\1\2\n", "pg_dump -Fc"),
    "gzip": (packed(DUMP), "gzip data"),
    "xz": (lzma.compress(DUMP), "xz data"),
    "bzip2": (bz2.compress(DUMP), "bzip2 data"),
    "zstd": (bytes.fromhex("28b52ffd") + os.urandom(200), "zstd data"),
    "lz4": (bytes.fromhex("04224d18") + os.urandom(200), "lz4 data"),
    "openssl": (b"Salted__" + os.urandom(200), "encrypted by openssl"),
    "age": (b"age-encryption.org/v1\n" + os.urandom(200), "encrypted by age"),
    "PGP": (b"-----BEGIN PGP MESSAGE-----\n\nhQEMA\n", "PEM or PGP"),
    "gpg": (b"\x8c\x0d\x04\x09" + os.urandom(100), "encrypted by gpg"),
}
FILES = {
    "begin-commit-WHOLE.sql": "complete",
    "dump-then-globals-WHOLE.sql": "complete",
    "globals-then-dump-WHOLE.sql": "complete",
    "header-25-lines-WHOLE.sql": "complete",
    "trailer-comment-WHOLE.sql": "complete",
    "wrong-database.sql": "complete",
    "first-cut-in-rows-second-whole.sql": "unknown",
    "schema-cut-data-whole.sql": "broken",
    "zero-hole-512.sql": "broken",
}


TEXTS = {
    **{("complete", name): text for name, text in COMPLETE.items()},
    **{("broken", name): text for name, (text, _) in BROKEN.items()},
    **{("unknown", name): text for name, (text, _) in UNKNOWN.items()},
    **{("file", name): (FIXTURES / name).read_bytes() for name in FILES},
}


@dataclass(frozen=True)
class Judged:
    """What one form of all texts was said to be, by what they are called here, and what a proof of each says."""

    verified: dict[tuple[str, str], DumpProof]
    files: dict[tuple[str, str], File]
    directory: Path


@pytest.fixture(scope="module", params=["sql.gz", "sql"])
def seen(request, tmp_path_factory) -> Judged:
    """All texts in one directory, judged by one command."""
    form, directory = request.param, tmp_path_factory.mktemp("dumps")
    for number, text in enumerate(TEXTS.values()):
        (directory / f"{number:03}.{form}").write_bytes(packed(text) if form == "sql.gz" else text)
    files = sorted(list_files(directory), key=lambda file: file.name)
    verified = parse_verified(run_command(verify_command(str(directory), files, form)), files)
    return Judged(dict(zip(TEXTS, verified, strict=True)), dict(zip(TEXTS, files, strict=True)), directory)


@pytest.mark.parametrize("name", COMPLETE)
def test_whole_sections_and_nothing_of_weight_around_them_are_complete(seen, name):
    verified = seen.verified["complete", name]
    assert (verified.state, verified.why) == ("complete", "")


@pytest.mark.parametrize("name", BROKEN)
def test_a_section_without_its_end_is_broken(seen, name):
    verified = seen.verified["broken", name]
    assert (verified.state, BROKEN[name][1] in verified.why) == ("broken", True), verified.why


@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_understood_is_unknown_and_says_what_it_looks_like(seen, name):
    verified = seen.verified["unknown", name]
    assert (verified.state, UNKNOWN[name][1] in verified.why) == ("unknown", True), verified.why
    assert verified.lasting


@pytest.mark.parametrize(("name", "state"), FILES.items(), ids=FILES)
def test_files_that_real_programs_and_accidents_made(seen, name, state):
    assert seen.verified["file", name].state == state


def test_proving_is_verifying(seen):
    """One definition: what a deletion asks for is what the audit says."""
    form = next(iter(seen.files.values())).name.partition(".")[2]
    whole = [seen.files[key] for key, item in seen.verified.items() if item.state == "complete"]
    others = [seen.files[key] for key, item in seen.verified.items() if item.state != "complete"]
    assert run_command(prove_command(str(seen.directory), whole, form)).rc == 0
    for other in others[::9]:
        assert run_command(prove_command(str(seen.directory), [whole[0], other], form)).rc == 9


def test_no_text_of_a_dump_leaves_the_node(tmp_path):
    """Neither rows, nor what stands around them: `sudo: audit` may ask this about any file."""
    secret = b"hunter2-in-a-password-file\n"
    contents = (secret, DUMP + secret, secret + DUMP, HEAD + secret, packed(secret + DUMP))
    for form in ("sql.gz", "sql", "dump"):
        message = run_command(verify_command(str(tmp_path), several(tmp_path, contents, form), form))
        assert len(message.out.split(b"\0")[0].splitlines()) == len(contents)
        assert b"hunter2" not in message.out + message.err


# ── every cut of them, under every awk ──

AWKS = [words for words in (("mawk",), ("gawk",), ("original-awk",), ("busybox", "awk")) if shutil.which(words[0])]
KNOWS_ZEROS = {"mawk", "gawk"}


def by(awk: Sequence[str], texts: Sequence[bytes]) -> list[str]:
    """The state of each text, by one run of an awk, as the script on a node calls it."""
    fed = b"".join(text + b"\n\x02mark 0 - \n" for text in texts)
    zero = "000"
    if awk[0] not in KNOWS_ZEROS:
        fed, zero = fed.translate(bytes([1, 2, *range(2, 256)])), "001"
    words = ("env", "LC_ALL=C", *awk, "-v", "mark=\2mark", judging_awk(zero))
    process = subprocess.run(words, input=fed, capture_output=True, check=True)
    assert process.stderr == b""
    return [judge_stream(parse_stream_report(f"- {line}"))[0] for line in process.stdout.decode().split("\n")[:-1]]


SECTION = re.compile(rb"-- PostgreSQL database (cluster )?dump( complete)?\n--\n")


def cuts_of(text: bytes, parts: int = 100) -> list[int]:
    """Every hundredth of it, all ends of lines, and each byte around headers and marks."""
    near = {at + step for match in SECTION.finditer(text) for at in match.span() for step in range(-8, 9)}
    ends = {match.end() for match in re.finditer(rb"\n", text)}
    cuts = near | ends | {len(text) * part // parts for part in range(parts)}
    return sorted(cut for cut in cuts if 0 <= cut < len(text))


def is_whole(texts: Sequence[bytes], cut: int) -> bool:
    """Whether a cut of these dumps, one after the other, leaves every one whole that it leaves anything of."""
    start = 0
    for text in texts:
        end = start + max(
            match.end() for match in re.finditer(rb"-- PostgreSQL database (cluster )?dump complete", text)
        )
        if start + len(b"--\n-- ") < cut < end:
            return False
        start += len(text)
    return True


JOINED = {
    "one": (ODD,),
    "a cluster": (CLUSTER,),
    "globals, then one": (GLOBALS, ODD),
    "one, then globals": (ODD, GLOBALS),
    "two": (HEAD + FUNCTION + INSERTS + ROWS + END, ODD),
}


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize("texts", JOINED.values(), ids=JOINED)
def test_every_cut_of_dumps_in_one_file_is_judged_right(awk, texts):
    text = b"".join(texts)
    cuts = [*cuts_of(text), len(text)]
    for cut, state in zip(cuts, by(awk, [text[:cut] for cut in cuts]), strict=True):
        sentence = text[max(0, cut - 40) : cut]
        if state == "complete":
            assert is_whole(texts, cut), sentence
        if state == "broken":
            assert cut < 40 or not is_whole(texts, cut), sentence
    assert by(awk, [text]) == ["complete"]


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_a_dump_that_was_cut_before_a_whole_one_is_never_complete(awk):
    """Cut in rows or in a quoted text it may be unknown, else it is broken."""
    first, second = ODD, HEAD + DUMPED + INSERTS + ROWS + END
    begun = first.index(b"-- Dumped from")
    cuts = [cut for cut in cuts_of(first) if begun < cut and not is_whole((first,), cut)]
    states = by(awk, [first[:cut] + second for cut in cuts])
    assert "complete" not in states
    assert states.count("broken") > len(states) / 3


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
def test_a_hole_of_zeros_in_a_dump_is_broken_wherever_it_is(awk):
    text = HEAD + FUNCTION + INSERTS + ROWS * 3 + END
    first = text.index(b"SET statement") + 10
    holes = [text[:at] + bytes(16) + text[at + 16 :] for at in range(first, text.index(END) - 20, 7)]
    assert set(by(awk, holes)) == {"broken"}


def test_all_awks_say_the_same():
    texts = [text for text, _ in (*BROKEN.values(), *UNKNOWN.values())] + list(COMPLETE.values())
    answers = [by(awk, texts) for awk in AWKS]
    assert all(item == other for item, other in pairwise(answers))


# ── one file with which a program never ends, or that it cannot read ──

SPINS = """#!/bin/sh
content=$(head -c 5)
[ "$content" != SPINS ] || while :; do :; done
[ "$content" = PGDMP ] && exit 0
printf 'pg_restore: error: unrecognized encoding "U\\013F8\\205\\n"\\n' >&2
exit 1
"""


def several(directory: Path, contents: Sequence[bytes], form: str) -> list[File]:
    for number, content in enumerate(contents):
        (directory / f"backup_2026_01_0{9 - number}T00_00_00.{form}").write_bytes(content)
    return sorted(
        (file for file in list_files(directory) if file.name.endswith("." + form)), key=lambda file: file.name
    )[::-1]


def verdict_on(
    directory: Path, files: Sequence[File], form: str, path: str, sooner: str = "30"
) -> tuple[DumpProof, ...]:
    """With `sooner` seconds for a file, not 30."""
    command = verify_command(str(directory), files, form)
    words = [word.replace("/ 10000000 + 30", f"/ 10000000 + {sooner}") for word in command.words]
    done = subprocess.run(words, capture_output=True, check=False, env={**os.environ, "PATH": path})
    return parse_verified(Output(done.returncode, done.stdout, done.stderr, command="sh"), files)


def with_program(folder: Path, name: str, text: str) -> str:
    folder.mkdir()
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


NO_TIMEOUT = "#!/bin/sh\nexit 1\n"


@pytest.mark.parametrize("without_timeout", [False, True])
def test_a_file_with_which_pg_restore_spins_or_says_odd_things_costs_itself(tmp_path, without_timeout):
    path = with_program(tmp_path / "bin", "pg_restore", SPINS)
    if without_timeout:
        (tmp_path / "bin" / "timeout").write_text(NO_TIMEOUT)
        (tmp_path / "bin" / "timeout").chmod(0o755)
    (tmp_path / "d").mkdir()
    files = several(tmp_path / "d", [b"PGDMP", b"SPINS", b"odd", b"PGDMP"], "dump")
    before = time.monotonic()
    match = verdict_on(tmp_path / "d", files, "dump", path, sooner="1")
    assert [item.state for item in match] == ["complete", "unknown", "unknown", "complete"]
    assert "its reader took too long and was ended" in match[1].why
    assert match[2].why.isprintable()
    assert time.monotonic() - before < 20


def test_after_two_readers_that_never_end_the_rest_waits_for_the_next_look(tmp_path):
    path = with_program(tmp_path / "bin", "pg_restore", SPINS)
    (tmp_path / "d").mkdir()
    files = several(tmp_path / "d", [b"PGDMP", b"SPINS", b"SPINS", b"PGDMP"], "dump")
    match = verdict_on(tmp_path / "d", files, "dump", path, sooner="1")
    assert [item.state for item in match] == ["complete", "unknown", "unknown", "unknown"]
    assert "not reached" in match[3].why
    assert [item.lasting for item in match] == [True, True, True, False]


def test_nothing_runs_on_when_the_look_is_ended(tmp_path):
    spins = SPINS.replace("while :", f"echo $$ >{tmp_path}/pid; while :")
    path = with_program(tmp_path / "bin", "pg_restore", spins)
    (tmp_path / "d").mkdir()
    files = several(tmp_path / "d", [b"SPINS"], "dump")
    words = verify_command(str(tmp_path / "d"), files, "dump").words
    look = subprocess.Popen(words, env={**os.environ, "PATH": path}, stdout=subprocess.DEVNULL)
    wait_until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip())
    look.send_signal(signal.SIGTERM)
    assert look.wait(10) == 143
    wait_until(lambda: not Path("/proc", (tmp_path / "pid").read_text().strip()).exists())


@pytest.mark.parametrize("name", ["message-with-line-break.dump", "pg_restore-spins-186.dump"])
@pytest.mark.skipif(not shutil.which("pg_restore"), reason="pg_restore is not installed")
def test_damaged_archives_that_once_blinded_the_topic_cost_themselves(tmp_path, name):
    files = several(tmp_path, [(FIXTURES / name).read_bytes(), b""], "dump")
    first, second = verdict_on(tmp_path, files, "dump", os.environ["PATH"], sooner="3")
    assert (first.state in {"unknown", "broken"}, second.state) == (True, "broken")


MESSAGES = {
    "gzip: stdin: unexpected end of file": "broken",
    "gzip: stdin: invalid compressed data--crc error": "broken",
    "gzip: stdin: invalid compressed data--format violated": "broken",
    "gzip: corrupted data": "broken",
    "gzip: stdin: not in gzip format": "unknown",
    "gzip: stdin: unknown method 9 -- not supported": "unknown",
    "gzip: stdin: decompression OK, trailing garbage ignored": "unknown",
    "gzip: stdin: Input/output error": "unknown",
    "gzip: out of memory, unexpected end of file": "unknown",
    "pg_restore: error: could not read from input file: end of file": "broken",
    "pg_restore: error: could not find block ID 5 in archive": "broken",
    'pg_restore: error: unrecognized thing "could not find block id"': "unknown",
    "pg_restore: error: unsupported version (1.16) in file header": "unknown",
    "Error response from daemon: container is not running": "unknown",
}


@pytest.mark.parametrize(("said", "state"), MESSAGES.items(), ids=MESSAGES)
def test_only_words_that_prove_damage_make_a_file_broken(said, state):
    assert judge_stream(parse_stream_report(f"- unknown failed 0 - 1 - {said}"))[0] == state
