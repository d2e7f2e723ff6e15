"""The kinds of errors that a script counted on a node, masked once more before anything of them is kept.

What the node prints is input: another program may answer in the place of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from fleetkeeper.readers.output_pieces import Piece, pieces_of
from fleetkeeper.topics.errors.facts import Digest, ErrorKind
from fleetkeeper.transport.commands import Output, Unobservable
from fleetkeeper.untrusted import one_line, without_values

MOST_LINES = 20000
"""How many lines of a log are read at most; the script has the same number."""
MOST_KINDS = 200
LONGEST = 300
ROW = re.compile("([0-9]{1,9}) (.+)", re.ASCII)
QUOTED = re.compile('"[^"]*(?:"|$)')
NUMBERS = re.compile("[0-9]+", re.ASCII)
ADDRESS = re.compile(r"(?<![^ ,;()<>:=])[^ ,;()<>:=@]+@[^ ,;()<>:=]+")
ESCAPES = re.compile(r"\\(?:x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
CUT_OFF = frozenset({"124", "137", "141"})
"""How a log ends of which only a part is read: by its time, or since nobody reads on."""


def digests_of(answer: Output) -> Mapping[str, Digest | Unobservable]:
    """The digest of each container by its id, an Unobservable where its log could not be read.

    Raises Unobservable for an answer that is cut short.
    """
    pieces = pieces_of(answer.text(), "the look at errors")
    return {piece.word: parse_digest(piece) for piece in pieces if piece.name == "container"}


def parse_digest(piece: Piece) -> Digest | Unobservable:
    """The digest of one container; an Unobservable where its log could not be read.

    >>> parse_digest(Piece("container", ("4f",), ("2 ERROR at 0:0", "more 1", "read 9", "status 0")))
    Digest(kinds=(ErrorKind(count=2, mask='ERROR at 0:0'),), lines=9, cut=False, others=1)
    """
    totals = dict(row.split(" ", 1) for row in piece.lines if row.startswith(("more ", "read ", "status ")))
    lines, others = (int(totals[key]) if NUMBERS.fullmatch(totals.get(key, "")) else 0 for key in ("read", "more"))
    status = totals.get("status", "")
    if status != "0" and not (status in CUT_OFF and lines):
        return Unobservable("its log could not be read", hint="`docker logs` says why")
    counts: dict[str, int] = {}
    for row in piece.lines[:MOST_KINDS]:
        if match := ROW.fullmatch(row):
            mask = mask_text(match[2])
            counts[mask] = counts.get(mask, 0) + int(match[1])
    kinds = tuple(ErrorKind(count, mask) for mask, count in counts.items())
    return Digest(kinds, lines, cut=status != "0" or lines >= MOST_LINES, others=others)


def mask_text(text: str) -> str:
    """The text on one line, without numbers, quoted text and addresses, and for messages of Postgres their kind alone.

    >>> mask_text('[7] ERROR:  relation "x" does not exist'), mask_text("ERROR:  Mrs Smith has no address")
    ('ERROR: relation "..." does not exist', 'ERROR: an error of the server, whose words are not repeated: they may \
hold values of a row')
    >>> mask_text("12 of a@b.c\x1b[31m")
    '0 of MAIL'
    """
    shown = ESCAPES.sub("", one_line(text[:LONGEST]))
    quiet = NUMBERS.sub("0", ADDRESS.sub("MAIL", QUOTED.sub('"..."', shown)))
    word = next((word for word in ("ERROR", "FATAL", "PANIC") if f"{word}:  " in quiet), "")
    return (f"{word}: {without_values(quiet)}" if word else quiet)[:LONGEST]
