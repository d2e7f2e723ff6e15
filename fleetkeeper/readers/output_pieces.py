"""The output of a script that prints parts: each a line `=NAME WORDS`, then lines with a blank before them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Piece:
    """One part of the output: its name, the words behind the name, and its lines without their indentation."""

    name: str
    words: tuple[str, ...]
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Its lines as one text."""
        return "\n".join(self.lines)

    @property
    def word(self) -> str:
        """The first word behind its name; empty without one."""
        return self.words[0] if self.words else ""


def pieces_of(printed: str, what: str) -> Iterator[Piece]:
    """The parts of the output; `what` was asked, for the message. Raises Unobservable when it is cut short.

    >>> [piece.lines for piece in pieces_of("=a b\\n x\\n  y\\n=end\\n", "a look")]
    [('x', ' y')]
    """
    lines = printed.split("\n")
    if lines[-2:] != ["=end", ""]:
        raise Unobservable(f"{what} was cut short")
    head, body = "", list[str]()
    for line in lines[:-1]:
        if line.startswith("="):
            if head:
                name, *words = head[1:].split(" ")
                yield Piece(name, tuple(words), tuple(body))
            head, body = line, []
        else:
            body.append(line.removeprefix(" "))
