"""Blocks of our lines between marks in a file that others own: set, read and removed; every other byte stays.

Works on bytes and on lines that end with a newline: a crontab may hold any encoding, CRLF, unusual spacing and lines
that are invalid, and we correct none of it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from fleetkeeper.versions import UPGRADE, is_newer

BEGIN = b"# BEGIN fleetkeeper "
END = b"# END fleetkeeper "
VERSION = 1
"""Version of the marks, which name it: `# BEGIN fleetkeeper v1 NAME`.

Marks without one are older, and mean the same.
"""
OURS = b"v%d " % VERSION
VERSIONED = re.compile(rb"# (?:BEGIN|END) fleetkeeper v([0-9]{1,9}) ")


class BlockError(ValueError):
    """The file cannot be edited: its marks are broken or of a newer version, or a line to be removed is not there."""


@dataclass(frozen=True)
class Span:
    """The indexes of the first and the last mark of a block among the lines."""

    first: int
    last: int


def edit_block(text: bytes, name: str, lines: Sequence[str] | None, without: Sequence[str] = ()) -> bytes:
    """The text with the block `name` set to `lines` (None: removed), and each line of `without` removed once.

    Of a line that occurs twice the last occurrence is removed. Raises BlockError.

    >>> edit_block(b"MAILTO=me\\n", "a.b", ["@daily true"]).decode().split("\\n")[:-1]
    ['MAILTO=me', '# BEGIN fleetkeeper v1 a.b', '@daily true', '# END fleetkeeper v1 a.b']
    """
    rest = take_out(text, name, without)
    return drop_block(rest, name) if lines is None else put_block(rest, name, lines)


def put_block(text: bytes, name: str, lines: Sequence[str]) -> bytes:
    """The text with the block set: in its place where there is one, else at the end. Raises BlockError.

    If the last line does not end with a newline it gets one: there is no other way to add a line.
    """
    rows = split_lines_exactly(text)
    new = [
        mark + b"\n"
        for mark in (BEGIN + OURS + encode_line(name), *map(encode_line, lines), END + OURS + encode_line(name))
    ]
    span = find_block(rows, name)
    if span is None:
        return b"".join([*rows[:-1], *(end_with_newline(row) for row in rows[-1:]), *new])
    return b"".join([*rows[: span.first], *new, *rows[span.last + 1 :]])


def drop_block(text: bytes, name: str) -> bytes:
    """The text without the block and its marks; the same text when there is no such block.

    Raises BlockError for marks that are broken or newer.
    """
    rows = split_lines_exactly(text)
    span = find_block(rows, name)
    return text if span is None else b"".join([*rows[: span.first], *rows[span.last + 1 :]])


def remove_marks(text: bytes) -> bytes:
    """The text without any mark of ours; the lines between them stay, as ordinary ones. Raises BlockError.

    That is for marks of a newer version alone: broken ones go too.

    >>> remove_marks(edit_block(b"MAILTO=me\\n", "a.b", ["@daily true"]))
    b'MAILTO=me\\n@daily true\\n'
    """
    rows = split_lines_exactly(text)
    raise_if_newer(rows)
    return b"".join(row for row in rows if not row.startswith((BEGIN, END)))


def block_lines(text: bytes, name: str) -> tuple[str, ...] | None:
    """The lines of the block, without their newlines; None when there is no such block.

    Raises BlockError for marks that are broken or newer.

    >>> block_lines(put_block(b"", "a.b", ["one", "two"]), "a.b")
    ('one', 'two')
    """
    rows = split_lines_exactly(text)
    span = find_block(rows, name)
    return None if span is None else tuple(decode_line(row) for row in rows[span.first + 1 : span.last])


def take_out(text: bytes, name: str, lines: Sequence[str]) -> bytes:
    """The text with each of the lines removed once, outside the block, the last of several that are alike.

    Raises BlockError when one is not there, and for broken marks.
    """
    rows = split_lines_exactly(text)
    span = find_block(rows, name)
    ours = range(span.first, span.last + 1) if span else range(0)
    for line in lines:
        places = [n for n, row in enumerate(rows) if n not in ours and row.removesuffix(b"\n") == encode_line(line)]
        if not places:
            raise BlockError("a line that should be taken out is not there any more")
        rows[places[-1]] = b""
    return b"".join(rows)


def find_block(rows: Sequence[bytes], name: str) -> Span | None:
    """The place of a block; None when there is none.

    Raises BlockError when its marks occur several times or without the other, or when any mark is of a newer version.
    """
    raise_if_newer(rows)
    first, last = (
        [
            n
            for n, row in enumerate(rows)
            if row.rstrip(b"\r\n") in (mark + encode_line(name), mark + OURS + encode_line(name))
        ]
        for mark in (BEGIN, END)
    )
    if not first and not last:
        return None
    if len(first) != 1 or len(last) != 1 or first[0] > last[0]:
        raise BlockError(f"the marks around the block of {name} are broken: {len(first)} begin, {len(last)} end")
    return Span(first[0], last[0])


def raise_if_newer(rows: Sequence[bytes]) -> None:
    """Raise BlockError when a newer fleetkeeper has set a block: the meaning of its marks is not known here."""
    for number in (int(mark[1]) for row in rows if (mark := VERSIONED.match(row))):
        if newer := is_newer("a block of lines of ours", number, VERSION):
            raise BlockError(f"{newer}: {UPGRADE}")


def split_lines_exactly(text: bytes) -> list[bytes]:
    """The lines with their newlines; only a newline ends a line. The last one may lack it; [] for no text."""
    rows = text.split(b"\n")
    return [row + b"\n" for row in rows[:-1]] + ([rows[-1]] if rows[-1] else [])


def end_with_newline(row: bytes) -> bytes:
    """The line, with a newline at its end."""
    return row if row.endswith(b"\n") else row + b"\n"


def encode_line(line: str) -> bytes:
    """The bytes of a line, in UTF-8; `decode_line` reverses it. Raises BlockError for a newline or NUL in it."""
    if any(char in line for char in "\n\0"):
        raise BlockError("a line of a block holds no newline and no NUL")
    return line.encode("utf-8", "surrogateescape")


def decode_line(row: bytes) -> str:
    """The text of a line without its newline; `encode_line` reverses it."""
    return row.removesuffix(b"\n").decode("utf-8", "surrogateescape")
