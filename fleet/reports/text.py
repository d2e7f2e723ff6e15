"""Text that came from a server, made safe to show on a terminal, in a log or on a CI page."""

from __future__ import annotations

import re

UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")


def printable(text: str) -> str:
    """The text with control characters, bidi overrides and lone surrogates written out.

    >>> printable("a\\x1b[31mb")
    'a\\\\x1b[31mb'
    """
    return UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def one_line(text: str) -> str:
    """The text on a single line.

    >>> one_line("a\\n::error::b")
    'a\\\\n::error::b'
    """
    return printable(text).replace("\n", "\\n").replace("\t", " ")


def count(number: int, thing: str) -> str:
    """A number and its noun.

    >>> count(1, "node"), count(3, "promise")
    ('1 node', '3 promises')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
