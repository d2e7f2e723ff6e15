"""Is a dump whole? Streamed on the node itself, in constant memory; judged here.

`gzip -t` is content with a gzip of nothing, and a dump that was cut short can end with the right line by chance: rows
of a table may hold it. So the whole text is read once, by awk beside gzip (both cores busy: no slower than gzip alone),
which knows whether a COPY block is open.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from fleet.commands import Command, Output
from fleet.topics.backups.files import File, State, Verified
from fleet.topics.backups.listing import parse_entries, seen_whole
from fleet.topics.backups.policy import Format
from fleet.topics.backups.streaming import SHELL_PROVE, SHELL_VERIFY

PACE = 10 * 10**6
"""Bytes of a file that the slowest disk in use still reads in a second: the time limit grows with the sizes."""


@dataclass(frozen=True)
class Streamed:
    """What awk saw of one file. `lines` counts one more than there are when the last one is ended properly.

    `kind` and `whole` are which dump the first lines and the end mark speak of (database, cluster or "-"; terminal: its
    lines end in CR LF; packed: what was unpacked is packed again). `copying`: a COPY block is open at the end;
    `ended`: nothing of weight follows the end mark; `quoted`: a quoted text is open at the end (1), and the end mark
    stands in it (2).
    `length` and `told` are the bytes that came out and those that the file tells (modulo 2^32), where gzip is not GNU's
    and only they show garbage behind the end; "-": not asked. `opening` are the first bytes in hex, if they were asked.
    """

    lines: int
    width: int
    copying: bool
    ended: bool
    kind: str
    whole: str
    quoted: int = 0
    length: int = 0
    rc: int = 0
    told: str = "-"
    opening: str = "-"
    said: str = ""


def verify(directory: str, files: Sequence[File], form: Format, service: str = "") -> Command:
    """Stream these files, in this order, and look at each once more afterwards.

    `service` is what Docker calls the database's service: archives need the pg_restore in its container.
    """
    return Command(words(SHELL_VERIFY, directory, files, (form, service)), sudo=True, limit=limit(files))


def prove(directory: str, files: Sequence[File], form: Format, service: str = "") -> Command:
    """The same as a condition: it ends with 0 only while every one of these files is a whole dump."""
    return Command(words(SHELL_PROVE, directory, files, (form, service)), sudo=True, limit=limit(files))


def words(script: str, directory: str, files: Sequence[File], how: tuple[Format, str]) -> tuple[str, ...]:
    return ("sh", "-c", script, "verify-backups", directory, *how, *(f"./{file.name}" for file in files))


def limit(files: Sequence[File]) -> float:
    """Seconds."""
    return math.ceil(60 + sum(file.size for file in files) / PACE)


def parse_verified(output: Output, asked: Sequence[File]) -> tuple[Verified, ...]:
    """What the streams proved. A file that is not the same before and after is not known."""
    reports, _, after = output.out.partition(b"\0")
    seen_whole(output)
    lines = reports.decode("utf-8", "replace").splitlines()
    if len(lines) != len(asked):
        raise ValueError(f"{len(lines)} answers about {len(asked)} files")
    now = {file.name: file.identity for file in parse_entries(after)}
    judged = (judge(streamed(line)) for line in lines)
    return tuple(
        Verified(file.name, *file.identity, *(answer if now.get(file.name) == file.identity else CHANGED))
        for file, answer in zip(asked, judged, strict=True)
    )


CHANGED: tuple[State, str] = ("unknown", "it changed while it was read")


def streamed(line: str) -> Streamed:
    """Read one line of awk's.

    >>> streamed("2400133 2 0 1 database database 0 -1 0 - - ").ended
    True
    >>> streamed("12 2 1 0 database - 0 -1 1 - 1f8b0800000000 gzip: ./x.sql.gz: unexpected end of file").said
    'gzip: ./x.sql.gz: unexpected end of file'
    """
    lines, width, copying, ended, kind, whole, quoted, length, rc, told, opening, said = (line + " ").split(" ", 11)
    return Streamed(
        *(int(lines), int(width), copying == "1", ended == "1", kind, whole),
        *(int(quoted), int(length), int(rc), told, opening, said.strip()),
    )


UNREADABLE = ("input/output error", "permission denied", "no such file", "stale", "cannot allocate", "not found")
NO_GZIP = "not in gzip format"
NO_ARCHIVE = "not an archive of `pg_dump -Fc`"
NO_DUMP = "not a dump of pg_dump: its first lines do not say `-- PostgreSQL database dump`"
DAMAGE = (
    ("trailing garbage", "there is garbage behind its end"),
    ("unexpected end of file", "cut short: its gzip stream has no end"),
    ("crc error", "damaged: its checksum is wrong"),
    ("length error", "damaged: its length is wrong"),
    ("incorrect length", "damaged: its length is wrong"),
    ("format violated", "damaged: its gzip data are invalid"),
    ("corrupted data", "damaged: its gzip data are invalid"),
    ("invalid magic", NO_GZIP),
    ("not in gzip format", NO_GZIP),
    ("no gzip magic", NO_GZIP),
    ("unknown method", NO_GZIP),
    ("could not read from input file: end of file", "cut short: the archive has no end"),
    ("input file is too short", "cut short: there is no archive in it"),
    ("not appear to be a valid archive", NO_ARCHIVE),
    ("could not uncompress data", "damaged: its data cannot be uncompressed"),
    ("could not find block id", "damaged: data of a table are missing"),
    ("unexpected block id", "damaged: its blocks are out of order"),
    ("corrupt toc", "damaged: its table of contents makes no sense"),
)
"""What GNU gzip, BusyBox and pg_restore say, and what it means. What is not in the list proves nothing."""


PLAIN = "plain SQL"
OTHERS = {
    "1f8b": "gzip",
    "28b52ffd": "zstd",
    "fd377a585a": "xz",
    "425a68": "bzip2",
    "04224d18": "lz4",
    "504b0304": "zip",
    "377abcaf": "7z",
    "5047444d50": "an archive of `pg_dump -Fc`",
    "2d2d0a2d2d20": PLAIN,
    "53616c7465645f5f": "encrypted by openssl",
    "6167652d656e6372": "encrypted by age",
    "2d2d2d2d2d424547": "encrypted (PEM or PGP)",
    "8c0d": "encrypted by gpg",
    "850": "encrypted by gpg",
    "840": "encrypted by gpg",
}
"""What other files begin with, in hex: they may well be good."""
DOUBTFUL = {
    "terminal": "its lines end in CR LF, as `docker exec -t` makes them: psql refuses it, a copy without them may do",
    "packed": "what is packed in it is an archive, or packed once more: nobody can judge it by its name",
}
GARBAGE = "its length is not what its end tells, and this node's gzip (not GNU's) does not say whether that is garbage"


def judge(seen: Streamed) -> tuple[State, str]:
    """The three states, and why.

    >>> judge(Streamed(1, 0, False, False, "-", "-"))
    ('broken', 'empty: a valid file with no dump in it')
    """
    if seen.rc:
        return damage(seen)
    if seen.kind in DOUBTFUL:
        return "unknown", DOUBTFUL[seen.kind]
    if seen.quoted == IN_QUOTES and not seen.copying:
        return "unknown", "its end mark seems to stand inside a quoted text: try it with `remediate backups drill NAME`"
    if why := shortcoming(seen):
        return doubted(seen, why)
    if seen.told != "-" and int(seen.told) != seen.length % 2**32:
        return "unknown", GARBAGE
    return "complete", ""


def shortcoming(seen: Streamed) -> str:
    """What a file that was read to its end lacks to be a whole dump, or nothing."""
    if seen.lines == 1 and seen.width == 0:
        return "empty: a valid file with no dump in it"
    if seen.kind == "-":
        return NO_DUMP
    if seen.copying:
        return "cut short in the middle of a table's rows"
    if seen.quoted or not seen.ended or seen.whole != seen.kind:
        return "cut short: `-- PostgreSQL database dump complete` does not stand at its end"
    return ""


IN_QUOTES = 2
ENDED = frozenset({124, 137, 143})
"""Exit statuses of what timeout(1) or a signal has ended."""


def damage(seen: Streamed) -> tuple[State, str]:
    """What a failed reader means. A file of another kind, or one that could not be read, is not broken."""
    said = seen.said.lower()
    known = next((why for sign, why in DAMAGE if sign in said), "")
    if not known or any(sign in said for sign in UNREADABLE):
        why = "its reader took too long and was ended" if seen.rc in ENDED else f"exit status {seen.rc}"
        return "unknown", f"it could not be read to its end: {seen.said or why}"
    return doubted(seen, known)


def doubted(seen: Streamed, why: str) -> tuple[State, str]:
    """Broken; but what is merely something else than its name says may well be good."""
    other = next((name for opening, name in OTHERS.items() if seen.opening.startswith(opening)), "")
    if other and (why in {NO_GZIP, NO_ARCHIVE} or (why == NO_DUMP and other != PLAIN)):
        return "unknown", f"it is not what its name says, but {other}: nobody can judge it by that name"
    return "broken", why
