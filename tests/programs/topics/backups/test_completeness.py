"""Is a dump whole? The real script, on real files, under this machine's own sh, gzip and awk."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.completeness import (
    JUDGED,
    Streamed,
    judge_stream,
    parse_stream_report,
    parse_verified,
    prove_command,
    verify_command,
)
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.topics.backups.observe import newest_first, observe, split_by_budget, stream_files
from fleetkeeper.topics.backups.parse import list_directory, parse_entries, parse_listing
from fleetkeeper.topics.backups.proven_dumps import recall_proofs, remember_proofs
from fleetkeeper.transport.commands import Command, Output, Unobservable
from tests.example_fleets.backups import TEXT as FLEET
from tests.example_fleets.backups import (
    backup_fleet,
    judging_awk,
    make_inventory,
    make_policy,
    proofs_of,
    twice_a_day,
    verdict_of,
)

NAME = "backup_2026_01_02T00_00_00.sql.gz"
HEAD = b"--\n-- PostgreSQL database dump\n--\n\nSET statement_timeout = 0;\n\n"
FORGED = b"1\tone\n--\n-- PostgreSQL database dump complete\n--\n"
ROWS = b"COPY public.project (id, name) FROM stdin;\n" + FORGED + b"2\ttwo\n\\.\n\n"
END = b"--\n-- PostgreSQL database dump complete\n--\n\n"
DUMP = HEAD + ROWS + END


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path_factory.mktemp("state")))


def run_command(command: Command, path: str | None = None) -> Output:
    environment = {**os.environ, "PATH": path} if path else None
    done = subprocess.run(command.words, capture_output=True, check=False, env=environment)
    return Output(done.returncode, done.stdout, done.stderr, command="sh")


def list_files(directory: Path, path: str | None = None) -> tuple[File, ...]:
    volume = {"name": "here", "node": "data", "path": str(directory)}
    return parse_listing(run_command(list_directory(make_policy(volume=volume)), path))[1]


def proven(directory: Path, content: bytes, name: str = NAME) -> DumpProof:
    (directory / name).write_bytes(content)
    files = newest_first(
        list_files(directory), make_policy(pattern="backup_%Y_%m_%dT%H_%M_%S." + name.partition(".")[2])
    )
    [item] = parse_verified(run_command(verify_command(str(directory), files, name.partition(".")[2])), files)
    return item


def packed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


def flipped(content: bytes, index: int) -> bytes:
    changed = bytearray(content)
    changed[index] ^= 0x01
    return bytes(changed)


WHOLE = {
    "a dump": packed(DUMP),
    "case_32 several members": packed(DUMP[:40]) + packed(DUMP[40:]),
    "case_32 zero padding": packed(DUMP) + bytes(1024),
    "case_33 unrestrict after the end": packed(DUMP + b"\\unrestrict q7S9\n\n"),
    "role statements after the end": packed(DUMP + b"RESET ROLE;\n"),
    "no newline at the end": packed(DUMP.rstrip()),
    "an empty database": packed(HEAD + END),
    "a row that looks like COPY": packed(HEAD + ROWS.replace(FORGED, b"COPY x FROM stdin;\n") + END),
    "a very long row": packed(HEAD + ROWS.replace(FORGED, b"x" * 3_000_000 + b"\n") + END),
    "bytes that are no text": packed(HEAD + ROWS.replace(FORGED, bytes(range(11, 256)) + b"\n") + END),
    "a whole cluster": packed(
        b"--\n-- PostgreSQL database cluster dump\n--\n"
        + DUMP
        + DUMP
        + b"-- PostgreSQL database cluster dump complete\n--\n"
    ),
}

BROKEN = {
    "case_31 a gzip of nothing": (packed(b""), "empty"),
    "a gzip of blank lines": (packed(b"\n\n"), "empty"),
    "an empty file": (b"", "empty"),
    "case_32 a truncated gzip": (packed(DUMP)[:-20], "cut short: its gzip"),
    "case_32 a gzip without its checksum": (packed(DUMP)[:-8], "cut short: its gzip"),
    "case_32 a wrong checksum": (flipped(packed(DUMP), -8), "damaged: its checksum"),
    "nothing but zeros": (bytes(4096), "nothing but zero bytes"),
    "case_33 a dump cut short": (packed(DUMP[: DUMP.index(END) - 1]), "never comes for the dump that begins in line 2"),
    "case_33 a mark that rows forged": (
        packed(HEAD + ROWS[: ROWS.index(b"2\ttwo")]),
        "in the middle of a table's rows, which begin in line 7",
    ),
    "cut short, and garbage behind it": (packed(DUMP[: DUMP.index(END) - 1]) + b"garbage", "never comes"),
    "a cluster whose last database came through": (
        packed(b"--\n-- PostgreSQL database cluster dump\n--\n" + DUMP),
        "never comes for the dump that begins in line 2",
    ),
}


@pytest.mark.parametrize("content", WHOLE.values(), ids=WHOLE)
def test_a_whole_dump_is_complete(tmp_path, content):
    item = proven(tmp_path, content)
    assert (item.state, item.why) == ("complete", "")


@pytest.mark.parametrize(("content", "why"), BROKEN.values(), ids=BROKEN)
def test_a_broken_dump_is_proven_broken(tmp_path, content, why):
    item = proven(tmp_path, content)
    assert item.state == "broken"
    assert why in item.why


def test_a_plain_sql_file_is_judged_the_same_way(tmp_path):
    assert proven(tmp_path, DUMP, NAME.removesuffix(".gz")).state == "complete"
    assert proven(tmp_path, DUMP[:-60], NAME.removesuffix(".gz")).state == "broken"


ARCHIVE = """#!/bin/sh
content=$(cat)
case $content in
  *END) exit 0 ;;
  PGDMP*) echo "pg_restore: error: could not read from input file: end of file" >&2; exit 1 ;;
  *) echo "pg_restore: error: input file does not appear to be a valid archive" >&2; exit 1 ;;
esac
"""

MISNAMED = f"its name says an archive of pg_dump, and it is text: {JUDGED}"


@pytest.mark.parametrize(
    ("content", "state", "why"),
    [
        (b"PGDMP rows END", "complete", ""),
        (b"PGDMP rows", "broken", "cut short: the archive has no end"),
        (b"hello", "unknown", MISNAMED),
        (b"", "broken", "empty: a valid file with no dump in it"),
    ],
)
def test_case_34_an_archive_is_read_to_its_end_by_pg_restore(tmp_path, content, state, why):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pg_restore").write_text(ARCHIVE)
    (tmp_path / "bin" / "pg_restore").chmod(0o755)
    name = NAME.replace("sql.gz", "dump")
    (tmp_path / name).write_bytes(content)
    files = newest_first(list_files(tmp_path), make_policy(pattern="backup_%Y_%m_%dT%H_%M_%S.dump"))
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    [item] = parse_verified(run_command(verify_command(str(tmp_path), files, "dump", "rodan_postgres"), path), files)
    assert (item.state, item.why) == (state, why)
    assert (run_command(prove_command(str(tmp_path), files, "dump"), path).rc == 0) is (state == "complete")


def test_case_34_without_pg_restore_anywhere_an_archive_is_not_known(tmp_path):
    name = NAME.replace("sql.gz", "dump")
    (tmp_path / name).write_bytes(b"PGDMP")
    files = newest_first(list_files(tmp_path), make_policy(pattern="backup_%Y_%m_%dT%H_%M_%S.dump"))
    path = only(tmp_path / "bin", ("sh", "find", "stat", "head", "tail", "awk", "od", "tr"))
    with pytest.raises(Unobservable, match="no pg_restore on this node"):
        parse_verified(run_command(verify_command(str(tmp_path), files, "dump", "nothing_of_this_name"), path), files)


def test_many_files_are_told_apart_although_one_holds_what_another_lacks(tmp_path):
    contents = [packed(HEAD + ROWS[:60]), packed(DUMP), packed(b""), packed(ROWS + END)]
    for location, content in enumerate(contents):
        (tmp_path / f"backup_2026_01_0{9 - location}T00_00_00.sql.gz").write_bytes(content)
    files = newest_first(list_files(tmp_path), make_policy())
    answers = parse_verified(run_command(verify_command(str(tmp_path), files, "sql.gz")), files)
    assert [answer.state for answer in answers] == ["broken", "complete", "broken", "unknown"]


def test_case_37_a_file_that_changes_while_it_is_read_is_not_known(tmp_path):
    (tmp_path / NAME).write_bytes(packed(DUMP))
    files = newest_first(list_files(tmp_path), make_policy())
    with (tmp_path / NAME).open("ab") as growing:
        growing.write(packed(b"--\n"))
    [item] = parse_verified(run_command(verify_command(str(tmp_path), files, "sql.gz")), files)
    assert (item.state, item.why) == ("unknown", "it changed while it was read")


def test_case_79_a_file_that_went_away_is_not_known_and_not_broken(tmp_path):
    (tmp_path / NAME).write_bytes(packed(DUMP))
    files = newest_first(list_files(tmp_path), make_policy())
    (tmp_path / NAME).unlink()
    [item] = parse_verified(run_command(verify_command(str(tmp_path), files, "sql.gz")), files)
    assert item.state == "unknown"


def test_case_79_a_read_error_proves_nothing():
    state, why = judge_stream(parse_stream_report("- broken end 2 - 1 - gzip: stdin: Input/output error "))
    assert state == "unknown"
    assert "Input/output error" in why


@pytest.mark.parametrize("rc", [124, 126, 127, 137, 143])
def test_case_79_a_reader_that_was_ended_or_is_missing_proves_nothing(rc):
    assert judge_stream(Streamed("broken", "end", 2, rc=rc))[0] == "unknown"


def test_case_79_a_node_without_awk_proves_nothing(tmp_path):
    (tmp_path / NAME).write_bytes(packed(DUMP))
    files = newest_first(list_files(tmp_path), make_policy())
    without = only(tmp_path / "bin", ("sh", "gzip", "od", "tr", "find", "stat"))
    with pytest.raises(Unobservable):
        parse_verified(run_command(verify_command(str(tmp_path), files, "sql.gz"), without), files)


def test_case_79_a_node_without_gzip_proves_nothing(tmp_path):
    (tmp_path / NAME).write_bytes(packed(DUMP))
    files = newest_first(list_files(tmp_path), make_policy())
    without = only(tmp_path / "bin", ("sh", "awk", "od", "tr", "find", "stat"))
    [item] = parse_verified(run_command(verify_command(str(tmp_path), files, "sql.gz"), without), files)
    assert item.state == "unknown"


def only(directory: Path, tools: Sequence[str]) -> str:
    """A PATH with nothing but these tools on it."""
    directory.mkdir()
    for tool in tools:
        [match] = [at for at in ("/usr/bin", "/bin") if (Path(at) / tool).exists()][:1]
        (directory / tool).symlink_to(Path(match) / tool)
    return str(directory)


TEXT = st.lists(st.sampled_from([*DUMP.splitlines(keepends=True), b"\\.\n", b"\n", b"\\unrestrict x\n", b"x\n"]))


@given(TEXT)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_start_of_a_dump_is_taken_for_the_whole_by_the_same_machine_in_python(lines):
    """The awk program against the definition, written again the slow way."""
    text = HEAD + ROWS[: ROWS.index(b"2\ttwo")] + b"".join(lines)
    assert by_awk(text) == by_definition(text)


def by_awk(text: bytes) -> bool:
    mark = b"\x02mark"
    fed = text + b"\n" + mark + b" 0 - \n"
    process = subprocess.run(("awk", "-v", "mark=\2mark", judging_awk()), input=fed, capture_output=True, check=True)
    return judge_stream(parse_stream_report("- " + process.stdout.decode().rstrip("\n")))[0] == "complete"


MARK = b"-- PostgreSQL database dump complete"
HEADER = b"-- PostgreSQL database dump"


def by_definition(text: bytes) -> bool:
    """Each header has its mark, and behind a mark stands nothing but comments, SET and the next header."""
    lines = text.split(b"\n")
    rows = dump = unusual = False
    whole = 0
    for location, line in enumerate(lines):
        header = location > 0 and line == b"--" and lines[location - 1] == HEADER
        if rows:
            rows, unusual = line != b"\\.", unusual or header
        elif header and (dump or lines[location - 2] == b"--"):
            unusual, dump = unusual or dump, True
        elif line == MARK:
            unusual, whole, dump = unusual or not dump, whole + dump, False
        elif dump:
            rows = line.startswith(b"COPY ") and line.endswith(b" FROM stdin;")
        elif not (line == b"" or line.startswith((b"--", b"SET ", b"\\unrestrict "))):
            unusual = True
    return whole > 0 and not (rows or dump or unusual) and HEADER not in lines[-2:]


# ── the listing ──

NASTY = ("a b", "new\nline", "-rf", "$(touch pwned)", "; touch pwned", "\udcff\udcfe", "'\"", "*")


@pytest.mark.parametrize("busybox", [False, True])
def test_case_2_and_40_names_may_hold_anything_and_links_are_not_followed(tmp_path, busybox):
    root = tmp_path / "volume"
    root.mkdir()
    for name in NASTY:
        (root / name).write_bytes(b"x")
    (root / NAME).symlink_to("/etc/passwd")
    os.mkfifo(root / "fifo")
    (root / "sub").mkdir()
    (root / "sub" / "below").write_bytes(b"x")
    seen = {item.name: item for item in list_files(root, simple_find(tmp_path) if busybox else None)}
    escaped = {name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for name in NASTY}
    assert set(seen) == {*escaped, NAME, "fifo", "sub"}
    assert {seen[name].kind for name in escaped} == {"file"}
    assert (seen[NAME].kind, seen["fifo"].kind, seen["sub"].kind) == ("link", "other", "directory")
    assert not (root / "pwned").exists()
    assert newest_first(list(seen.values()), make_policy()) == []


def simple_find(tmp_path: Path) -> str:
    """A PATH whose find knows no -printf, as BusyBox'."""
    directory = tmp_path / "bin"
    directory.mkdir()
    (directory / "find").write_text('#!/bin/sh\ncase "$*" in *-printf*) exit 1;; esac\nexec /usr/bin/find "$@"\n')
    (directory / "find").chmod(0o755)
    return f"{directory}:{os.environ['PATH']}"


def test_case_39_a_missing_directory_is_unknown(tmp_path):
    with pytest.raises(Unobservable, match="exited 5"):
        list_files(tmp_path / "gone")


@pytest.mark.skipif(os.getuid() != 0, reason="needs root")
@pytest.mark.parametrize("shell", [("sh",), *([("busybox", "sh")] if shutil.which("busybox") else [])], ids=" ".join)
def test_case_39_a_directory_below_one_that_may_not_be_entered_is_not_called_missing(tmp_path, shell):
    """As an account without rights sees /var/lib/docker: what lies below it is there, and cannot be seen."""
    for folder in (tmp_path, *tmp_path.parents):
        folder.chmod(folder.stat().st_mode | 0o005)
    closed = tmp_path / "closed"
    (closed / "volumes" / "dumps").mkdir(parents=True)
    closed.chmod(0o710)
    (tmp_path / "file").touch()
    refused = {
        path: refusal_of(list_directory(make_policy(volume={"name": "v", "node": "data", "path": str(path)})), shell)
        for path in (closed, closed / "volumes" / "dumps", tmp_path / "gone" / "dumps", tmp_path / "file")
    }
    assert [(why.why, "sudo: true" in why.hint) for why in refused.values()] == [
        (f"{closed} may not be entered by nobody: what lies below it was not seen", True),
        (f"{closed} may not be entered by nobody: what lies below it was not seen", True),
        (f"`list-backups` exited 5: there is no directory {tmp_path}/gone/dumps", False),
        (f"`list-backups` exited 5: {tmp_path}/file is no directory", False),
    ]


def refusal_of(command, shell):
    """Why an account without rights gets no answer to a command of this shell."""
    words = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *shell, *command.words[1:])
    done = subprocess.run(words, capture_output=True, check=False, timeout=60)
    with pytest.raises(Unobservable) as refused:
        Output(done.returncode, done.stdout, done.stderr, command="list-backups").text()
    return refused.value


def test_a_directory_that_is_a_link_out_of_the_volume_is_refused(tmp_path):
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / "dumps").symlink_to("/etc")
    volume = {"name": "here", "node": "data", "path": str(tmp_path / "volume")}
    with pytest.raises(Unobservable, match="link out of the volume"):
        parse_listing(run_command(list_directory(make_policy(volume=volume, path="dumps"))))


def test_case_39_a_listing_with_permission_denied_is_unknown():
    with pytest.raises(Unobservable):
        parse_listing(Output(1, b"/v\n\0", b"find: '.': Permission denied\n", command="sh"))


def test_a_file_that_vanished_during_the_listing_spoils_nothing():
    assert parse_listing(Output(1, b"/v\n\0", b"find: './x': No such file or directory\n")) == ("/v", ())


@given(st.binary(max_size=200))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_for_a_listing_is_unobservable_or_nothing(garbage):
    with suppress(Unobservable):
        assert all(isinstance(parse_entry.inode, int) for parse_entry in parse_entries(garbage))


ODD_FACTS = {
    "a time beyond the calendar": b"f 20 506804601600.0 7 1 1 0 8 1.5",
    "a time before the epoch": b"f 20 -99999999999999.0 7 1 1 0 8 1.5",
    "a size below nothing": b"f -20 1780000000.5 7 1 1 0 8 1.5",
    "a size beyond any disk": b"f " + b"9" * 30 + b" 1780000000.5 7 1 1 0 8 1.5",
    "an inode of 64 bits": b"f 20 1780000000.5 18446744073709551615 1 1 0 8 1.5",
    "no numbers": b"f x nan inf 1 1 0 8 1.5",
    "digits of another script": "f \u0664 1.5 7 1 1 0 8 1.5".encode(),
    "too few of them": b"f 20",
}


@pytest.mark.parametrize("facts", ODD_FACTS.values(), ids=ODD_FACTS)
def test_absurd_facts_of_one_file_cost_that_file(facts):
    """Its neighbour is judged: by the listing, by all rules, and by what is remembered."""
    good = b"f 2000 1781537461.0 7 1 1 0 8 1780000000.5/backup_2026_06_15T11_30_00.sql.gz\0"
    unusual = facts + b"/backup_2026_06_14T12_00_00.sql.gz\0"
    files = parse_listing(Output(0, b"/v\n\0" + unusual + good))[1]
    assert [file.name for file in files] == ["backup_2026_06_14T12_00_00.sql.gz", "backup_2026_06_15T11_30_00.sql.gz"]
    fleet = backup_fleet(files, proofs_of(files))
    for rule in ("are_fresh", "are_complete", "have_plausible_size", "are_thinned"):
        assert verdict_of(f"backups.{rule}", fleet).outcome is Outcome.HOLDS
    verdict_of("backups.tell_their_time", fleet)
    remember_proofs("", "place", proofs_of(files))
    assert "backup_2026_06_15T11_30_00.sql.gz" in {
        recall_proof.name for recall_proof in recall_proofs("", "place", files)
    }


def test_names_of_a_year_that_no_zone_can_tell_are_no_backups():
    files = [File(f"backup_{year}_12_31T23_59_59.sql.gz", 1, 1.0, 1) for year in ("9999", "9000", "2026", "0001")]
    assert [item.name for item in newest_first(files, make_policy())] == ["backup_2026_12_31T23_59_59.sql.gz"]


@pytest.mark.parametrize("said", [b"find: './x'", b"stat: can't stat './x'", b"stat: cannot statx './x'"])
def test_a_file_that_vanished_is_told_by_find_or_stat(said):
    assert parse_listing(Output(1, b"/v\n\0", said + b": No such file or directory\n")) == ("/v", ())


# ── what is streamed ──


def drive(node: str, answers: list[Output]) -> tuple[list[Command], object]:
    """Run the generator with prepared answers; what it asked, and its facts."""
    question: list[Command] = []
    fleet = make_inventory()
    look = observe(fleet.nodes[node], fleet)
    try:
        commands = next(look)
        while True:
            question += commands
            commands = look.send([answers.pop(0)])
    except StopIteration as done:
        return question, done.value


def test_case_82_only_the_node_that_counts_the_volume_looks():
    assert drive("vgpu", []) == ([], None)


def test_an_empty_directory_takes_one_round_trip():
    question, facts = drive("data", [Output(0, b"/v\n\0")])
    assert len(question) == 1
    assert facts.files == ()


def test_the_newest_is_streamed_whatever_its_size_and_others_within_the_budget():
    files = twice_a_day(5)
    batch, rest = split_by_budget(files, budget=2 * 2**20)
    assert (batch, rest) == (list(files[:3]), list(files[3:]))


def test_tens_of_thousands_of_small_files_are_asked_about_in_parts_and_the_newest_alone():
    """A kernel takes so many words of a command: with all of them at once, nothing was ever judged."""
    start = datetime(2020, 1, 1, tzinfo=UTC)
    files = [
        File(f"backup_{start + timedelta(minutes=n):%Y_%m_%dT%H_%M_%S}.sql.gz", 100, 1.0, n) for n in range(46_001)
    ]
    question: list[Command] = []
    look = stream_files("/v", files, make_policy(verify="1024 GiB"))
    commands = next(look)
    with suppress(StopIteration):
        while True:
            question += commands
            commands = look.send([Output(None, lost="time limit", command="sh")])
    named = [[word for word in command.words if word.startswith("./")] for command in question]
    assert named[0] == [f"./{files[-1].name}"]
    assert sum(map(len, named)) >= 46_001
    assert max(sum(map(len, command.words)) for command in question) < 100_000


def test_small_files_weigh_what_opening_them_costs():
    files = [File(f"{n}", 100, 1.0, n) for n in range(46_001)]
    batch, rest = split_by_budget(files, budget=128 * 2**20)
    assert (len(batch) < 4200, len(batch) + len(rest)) == (True, 46_001)


ANSWERS = {
    "another line": b"1 - complete - 0 - 0 - \n2 - complete - 0 - 0 - \n3 - complete - 0 - 0 - \n",
    "control bytes": b"1 - complete - 0 - 0 - \n"
    b"2 - unknown failed 0 - 1 - a\x0b\r\x1c\x1e\x85b \xc2\x85 \xe2\x80\xa8\n",
    "no answer": b"1 - complete - 0 - 0 - \n",
    "half an answer": b"1 - complete - 0 - 0 - \n2 - unkn",
    "two answers": b"1 - complete - 0 - 0 - \n2 - complete - 0 - 0 - \n2 - unknown slow 0 - 124 - \n",
    "no numbers": b"1 - complete - 0 - 0 - \n2 - broken end x - y - \n",
    "an absurd number": b"1 - complete - 0 - 0 - \n2 - broken end " + b"9" * 5000 + b" - 0 - \n",
}


SECOND = {ANSWERS["another line"]: "complete", ANSWERS["an absurd number"]: "broken"}


@pytest.mark.parametrize("answers", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_that_makes_no_sense_costs_one_file(answers):
    question = [File("a", 1, 1.0, 7), File("b", 1, 1.0, 8)]
    after = b"\0f 1 1.0 7 1 1 0 8 1.0/a\0f 1 1.0 8 1 1 0 8 1.0/b\0"
    first, second = parse_verified(Output(0, answers + after), question)
    assert first.state == "complete"
    assert second.state == SECOND.get(answers, "unknown")
    assert second.why.isprintable()


def test_case_79_a_stream_that_was_lost_leaves_the_listing():
    entry = b"f 20 1780000000.5 7 1 1 0 8 1780000000.5/" + NAME.encode() + b"\0"
    _, facts = drive("data", [Output(0, b"/v\n\0" + entry), Output(None, lost="time limit of 60 s", command="sh")])
    assert [file.name for file in facts.files] == [NAME]
    [unknown] = facts.verified
    assert (unknown.state, unknown.why) == ("unknown", "`sh` gave no answer: time limit of 60 s")


# ── what is remembered ──


def streamed_from(directory: Path, *, quick: bool = False) -> tuple[int, tuple[DumpProof, ...]]:
    """How many files a look at a directory streams, and what it then knows."""
    text = FLEET.replace("budget: 60 GiB", f"path: {directory}")
    fleet = make_inventory(text).model_copy(update={"quick": quick})
    look = observe(fleet.nodes["data"], fleet)
    count = 0
    try:
        commands = next(look)
        while True:
            count += sum(word.startswith("./backup_") for command in commands for word in command.words)
            commands = look.send([run_command(command) for command in commands])
    except StopIteration as done:
        return count, done.value.verified


def test_what_was_proven_is_not_streamed_again_except_the_newest(tmp_path):
    for day in range(1, 6):
        (tmp_path / f"backup_2026_01_0{day}T00_00_00.sql.gz").write_bytes(packed(DUMP))
    first, proofs = streamed_from(tmp_path)
    again, remembered = streamed_from(tmp_path)
    assert (first, again) == (5, 1)
    assert set(remembered) == set(proofs)


def test_a_file_that_changed_is_streamed_again(tmp_path):
    for day in range(1, 4):
        (tmp_path / f"backup_2026_01_0{day}T00_00_00.sql.gz").write_bytes(packed(DUMP))
    streamed_from(tmp_path)
    (tmp_path / "backup_2026_01_01T00_00_00.sql.gz").write_bytes(packed(DUMP[:200]))
    count, proofs = streamed_from(tmp_path)
    assert count == 2
    assert sorted(proof.state for proof in proofs) == ["broken", "complete", "complete"]


def test_a_memory_that_cannot_be_read_costs_time_only(tmp_path, monkeypatch):
    (tmp_path / NAME).write_bytes(packed(DUMP))
    (tmp_path / "state").write_bytes(b"not a directory")
    monkeypatch.setenv("FLEETKEEPER_STATE", str(tmp_path / "state"))
    assert [item.state for item in streamed_from(tmp_path)[1]] == ["complete"]


def test_a_quick_look_streams_nothing_and_knows_what_is_remembered(tmp_path):
    (tmp_path / NAME).write_bytes(packed(DUMP))
    assert streamed_from(tmp_path, quick=True) == (0, ())
    streamed_from(tmp_path)
    count, [item] = streamed_from(tmp_path, quick=True)
    assert (count, item.state) == (0, "complete")
