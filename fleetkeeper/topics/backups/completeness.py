"""Whether a dump is complete: streamed on the node itself, in constant memory, and judged section by section.

`gzip -t` is content with a gzip of nothing, and a dump that was cut short can end with the right line by chance: rows
of a table may hold it. So the whole text is read once, by awk beside gzip (both cores busy: no slower than gzip alone),
which keeps track of whether a COPY block is open. A file is "broken" only where damage is proven, and "unknown" where
its content is not understood.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from fleetkeeper.topics.backups.dump_contents import parse_contents
from fleetkeeper.topics.backups.facts import DumpProof, File, State
from fleetkeeper.topics.backups.parse import parse_entries, raise_if_incomplete
from fleetkeeper.topics.backups.policy import Format
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.script_files import load_script

VERIFY_DUMPS = "fleetkeeper/topics/backups/scripts/verify_dumps.sh"
PROVE_DUMPS = "fleetkeeper/topics/backups/scripts/prove_dumps.sh"

PACE = 10 * 10**6
"""Bytes of a file that the slowest disk in use still reads in a second: the time limit grows with the sizes."""


COST = 32 * 2**10
"""Bytes that could be read while a file is opened and its reader started: a small file weighs as much."""
LARGEST = 2**50
SPINNING = 2 * (30 + 5)
"""Seconds for the readers of two files that never end by themselves (see `within` in streaming)."""


@dataclass(frozen=True)
class Streamed:
    """The node's report about one file.

    `state` and `reason` are the node's own words, `line` is the line of the dump that they are about (from 1; 0: none).
    `kind` is the file's type by its first bytes, where it is not complete ("-": the type that its name says). `rc` and
    `said` are the exit status and the error message of the program that read it. `contents` is the word for what it
    holds (see `parse_contents`).
    """

    state: str
    reason: str
    line: int = 0
    kind: str = "-"
    rc: int = 0
    said: str = ""
    contents: str = "-"


def verify_command(directory: str, files: Sequence[File], form: Format, service: str = "") -> Command:
    """The command that streams these files, in this order, reports on each, and then lists each of them once more.

    `directory` is their directory on the node. `service` is the Docker name of the database's service: archives need
    the pg_restore in its container. Nothing is run here. Its output is for `parse_verified`.
    """
    return Command(
        command_words(load_script(VERIFY_DUMPS), directory, files, (form, service)),
        sudo=True,
        limit=stream_time_limit(files),
    )


def prove_command(directory: str, files: Sequence[File], form: Format, service: str = "") -> Command:
    """The command that streams these files and exits with 0 only when each of them is a complete dump.

    The arguments are those of `verify_command`.
    """
    return Command(
        command_words(load_script(PROVE_DUMPS), directory, files, (form, service)),
        sudo=True,
        limit=stream_time_limit(files),
    )


def command_words(script: str, directory: str, files: Sequence[File], how: tuple[Format, str]) -> tuple[str, ...]:
    """The words of a `sh -c` with the script and its arguments.

    Directory, format, service, and the files as `./NAME`.
    """
    return ("sh", "-c", script, "verify-backups", directory, *how, *(f"./{file.name}" for file in files))


def stream_time_limit(files: Sequence[File]) -> float:
    """The time limit of a command that streams these files, in seconds.

    It allows for reading all of them at `PACE`, and for two readers that hang and are ended after the time that the
    largest file may take.
    """
    weights = [bytes_to_stream(file) for file in files]
    return math.ceil(60 + SPINNING + (sum(weights) + 2 * max(weights, default=0)) / PACE)


def bytes_to_stream(file: File) -> int:
    """The bytes that a file takes of the read budget of a look: its size, but at least `COST` and at most `LARGEST`.

    The bounds are there because opening a file takes time, and the size that a node reports may be absurd.
    """
    return min(max(file.size, COST), LARGEST)


def parse_verified(output: Output, files: Sequence[File]) -> tuple[DumpProof, ...]:
    """The proofs of `files`, in their order, from the output of `verify_command`.

    A file that is not the same before and after (inode, size, mtime) is "unknown", and so is one whose report makes no
    sense: that costs this file, and no other. Raises Unobservable when the command failed.
    """
    reports, _, after = output.out.partition(b"\0")
    raise_if_incomplete(output)
    answers = reports_by_number(reports)
    now = {file.name: file.identity for file in parse_entries(after)}
    return tuple(
        proof_of_file(file, answers.get(number, []), now.get(file.name) == file.identity)
        for number, file in enumerate(files, 1)
    )


def reports_by_number(reports: bytes) -> dict[int, list[str]]:
    """The reports on each file, by its number in the command (from 1), each without that number.

    Only a newline ends a line: other control bytes are a file's own. Other lines are left out.
    """
    answers: dict[int, list[str]] = {}
    for line in reports.decode("utf-8", "replace").split("\n"):
        number, _, rest = line.partition(" ")
        if number.isascii() and number.isdigit() and len(number) < 10:
            answers.setdefault(int(number), []).append(rest)
    return answers


def proof_of_file(file: File, answers: Sequence[str], same: bool) -> DumpProof:
    """The proof that the reports on one file give; "unknown" unless there is exactly one and it makes sense.

    `same` says that the file was the same before and after it was read.
    """
    try:
        [answer] = answers
        seen = parse_stream_report(answer)
    except ValueError:
        return DumpProof(file.name, *file.identity, "unknown", "the node's answer about it makes no sense")
    state, why = judge_stream(seen) if same else CHANGED
    holds = parse_contents(seen.contents) if state == "complete" else None
    return DumpProof(file.name, *file.identity, state, why, lasting=same and is_lasting(seen, state), contents=holds)


def is_lasting(seen: Streamed, state: State) -> bool:
    """Whether reading the same bytes again would give the same state, so that it may be remembered.

    That is so for complete and broken ones, and for an unknown one that was too slow or whose reason does not pass.
    """
    return state != "unknown" or (seen.rc == 0 and seen.reason not in PASSING) or seen.reason == "slow"


CHANGED: tuple[State, str] = ("unknown", "it changed while it was read")


def parse_stream_report(line: str) -> Streamed:
    """One report, `KIND STATE REASON LINE CONTENTS RC - MESSAGE`, as a Streamed.

    Raises ValueError when it is not of that form.

    >>> parse_stream_report("- complete - 0 1:0:0:0:1 0 - ").state
    'complete'
    >>> parse_stream_report("- broken end 2 - 1 - gzip: stdin: unexpected end of file").said
    'gzip: stdin: unexpected end of file'
    """
    kind, state, reason, number, holds, rc, _, text = (line + " ").split(" ", 7)
    if state not in {"complete", "broken", "unknown"} or not (number.isascii() and number.isdigit()):
        raise ValueError("no state, or no line")
    return Streamed(state, reason, int(number[:18]), kind, int(rc), one_line(text), holds)


def one_line(text: str) -> str:
    """A program's message as one line of at most 300 characters; one that cannot be printed becomes a space."""
    return "".join(char if char.isprintable() else " " for char in text).strip()[:MESSAGE]


MESSAGE = 300
UNREADABLE = (
    *("input/output error", "permission denied", "no such file", "stale", "cannot allocate", "not found"),
    *("no space", "memory", "cannot open", "can't open"),
)
DAMAGE = (
    ("unexpected end of file", "cut short: its gzip stream has no end"),
    ("crc error", "damaged: its checksum is wrong"),
    ("length error", "damaged: its length is wrong"),
    ("incorrect length", "damaged: its length is wrong"),
    ("format violated", "damaged: its gzip data are invalid"),
    ("corrupted data", "damaged: its gzip data are invalid"),
    ("could not read from input file: end of file", "cut short: the archive has no end"),
    ("input file is too short", "cut short: there is no complete archive in it"),
    ("could not uncompress data", "damaged: its data cannot be uncompressed"),
    ("could not find block id", "damaged: data of a table are missing"),
    ("unexpected block id", "damaged: its blocks are out of order"),
    ("corrupt toc", "damaged: its table of contents makes no sense"),
)
"""What GNU gzip, BusyBox and pg_restore say, and what it means. What is not in the list proves nothing."""
GARBAGE = "there is something behind the end of its gzip stream: it is not known whether a part of it is missing"
NO_GZIP = ("invalid magic", "not in gzip format", "no gzip magic", "not appear to be a valid archive")

BROKEN = {
    "empty": "empty: a valid file with no dump in it",
    "comments": "empty: nothing but comments, and no dump in it",
    "rows": "cut short in the middle of a table's rows, which begin in line {}",
    "quote": "cut short in the middle of a quoted text, which begins in line {}",
    "end": "cut short: `-- PostgreSQL database dump complete` never comes for the dump that begins in line {}",
    "next": "cut short: another dump begins before the end mark of the one that begins in line {}",
    "zeros": "damaged: zero bytes in line {}, which pg_dump never writes",
}
"""What proves damage, by the node's word for it."""
UNKNOWN = {
    "terminal": "its lines end in CR LF, as `docker exec -t` makes them: psql may take it, but its end proves nothing",
    "quoted": "its end mark seems to stand inside a quoted text: try it with `remediate backups drill NAME`",
    "inside": "the header of a dump stands inside rows or a quoted text in line {}: one that was cut short, or data",
    "before": "line {}, before the header of the dump, is not pg_dump's: it may not restore",
    "between": "line {}, between two dumps, is not pg_dump's: it may not restore",
    "behind": "line {}, behind the end mark, is not pg_dump's: it may not restore",
    "cluster": "line {}, between the databases of a cluster, is not pg_dumpall's: it may not restore",
    "message": "line {}, in the middle of the dump, is a message of a program: it may not restore",
    "mark": "an end mark without a header stands in line {}: the beginning may be missing",
    "header": "the header of another dump begins in line {}, and the file ends there",
    "begin": "the BEGIN in line {} has no COMMIT: restored as it is, nothing of it would stay",
    "length": "its length is not what its end tells, and this node's gzip (not GNU's) tells of no garbage",
    "none": "no header of pg_dump (`-- PostgreSQL database dump`) stands in it",
    "slow": "its reader took too long and was ended",
    "late": "it was not reached: readers of other files took too long",
    "died": "its reader could not hold it, or was ended (memory?)",
}
"""What proves nothing, by the node's word for it."""
PASSING = frozenset({"late", "died", "failed"})
PACKED = {
    "gzip": "gzip data",
    "zstd": "zstd data",
    "xz": "xz data",
    "bzip2": "bzip2 data",
    "lz4": "lz4 data",
    "lzop": "lzop data",
    "lzip": "lzip data",
    "compress": "data of `compress`",
    "zip": "a zip archive",
    "7z": "a 7z archive",
    "tar": "a tar archive",
    "custom": "an archive of `pg_dump -Fc`",
    "openssl": "data encrypted by openssl",
    "age": "data encrypted by age",
    "armour": "data encrypted or signed (PEM or PGP)",
    "gpg": "data encrypted by gpg",
    "sqlite": "a database of SQLite",
    "binary": "binary data of a kind that is not known here",
    "zeros": "data that begin with zero bytes",
}
"""What else may be in a file, whatever its name says. It may well be good, but it cannot be judged as it is."""
ENDINGS = {"gzip": ".sql.gz", "plain": ".sql", "custom": ".dump"}
"""How the names of files end that can be judged, by what is in them."""
JUDGED = "what can be judged is plain SQL (.sql, .sql.gz) and archives of `pg_dump -Fc` (.dump)"
TEXTS = {
    "plain": "plain SQL of pg_dump",
    "html": "HTML or XML",
    "mysql": "a dump of MySQL or MariaDB",
    "message": "a message of pg_dump",
    "text": "text",
}


def judge_stream(seen: Streamed) -> tuple[State, str]:
    """The state of a file, and the reason in words, which is empty for "complete".

    A reader that failed is judged by `judge_damage`. What is not a dump by its content is "unknown".

    >>> judge_stream(Streamed("broken", "empty"))
    ('broken', 'empty: a valid file with no dump in it')
    >>> judge_stream(Streamed("unknown", "none", 1, "tar"))[1].partition(":")[0]
    'it holds a tar archive'
    """
    if seen.kind in {"nothing", "void"} and (seen.rc == 0 or not is_unreadable(seen)):
        return "broken", BROKEN["empty"] if seen.kind == "nothing" else "empty: nothing but zero bytes"
    if seen.rc:
        return judge_damage(seen)
    if seen.state == "complete":
        return "complete", ""
    if seen.kind in PACKED and not (seen.kind == "binary" and seen.state == "broken"):
        return "unknown", f"it holds {PACKED[seen.kind]}: {JUDGED}"
    if seen.state == "broken" and seen.reason in BROKEN:
        return "broken", BROKEN[seen.reason].format(seen.line)
    other = f", but {TEXTS[seen.kind]}" if seen.reason == "none" and seen.kind in TEXTS else ""
    return "unknown", UNKNOWN.get(seen.reason, "it was not understood").format(seen.line) + other


def is_unreadable(seen: Streamed) -> bool:
    """Whether the reader's message says that the file could not be read (no such file, no permission, no memory …)."""
    return any(sign in seen.said.lower() for sign in UNREADABLE)


def judge_damage(seen: Streamed) -> tuple[State, str]:
    """The state of a file whose reader failed, and the reason in words.

    A file of another type, or one that could not be read, is "unknown", not "broken". Text in double quotes in the
    reader's message is the file's own, not the program's, and is not interpreted. So is data behind the end of a whole
    dump.

    >>> no_archive = "pg_restore: error: input file does not appear to be a valid archive"
    >>> judge_damage(Streamed("unknown", "none", kind="gzip", rc=1, said=no_archive))[1]
    'its name says an archive of pg_dump, and it is gzip data: rename it to end in .sql.gz, or let `pattern` end so'
    """
    text = re.sub(r'"[^"]*"?', '""', seen.said.lower())
    if is_unreadable(seen):
        return "unknown", f"it could not be read to its end: {seen.said}"
    if "trailing garbage" in text:
        whole = seen.state != "broken" or seen.reason not in BROKEN or seen.reason == "empty"
        return ("unknown", GARBAGE) if whole else ("broken", BROKEN[seen.reason].format(seen.line))
    if any(sign in text for sign in NO_GZIP):
        other = PACKED.get(seen.kind) or TEXTS.get(seen.kind) or "something else"
        named = "an archive of pg_dump" if "valid archive" in text else "gzip"
        ending = ENDINGS.get(seen.kind)
        advice = f"rename it to end in {ending}, or let `pattern` end so" if ending else JUDGED
        return "unknown", f"its name says {named}, and it is {other}: {advice}"
    if why := next((why for sign, why in DAMAGE if sign in text), ""):
        return "broken", why
    ended = UNKNOWN["slow"] if seen.rc in ENDED else f"exit status {seen.rc}"
    return "unknown", f"it could not be read to its end: {seen.said or ended}"


ENDED = frozenset({124, 137, 143})
"""Exit statuses of what timeout(1) or a signal has ended."""
