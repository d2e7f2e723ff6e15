"""Lines of a node's text: only a newline ends one.

`str.splitlines` also cuts at VT, FF, FS, GS, RS, NEL, U+2028 and U+2029, and a name or a message may hold any of them:
one record would become two, and the second would pass for output of the program. A test forbids it.
"""

from __future__ import annotations


def split_lines(text: str) -> list[str]:
    r"""The lines of a text, without their newlines; the last one need not have one. [] for an empty text.

    >>> split_lines("a\n\nb\x0bc\n"), split_lines("a"), split_lines("")
    (['a', '', 'b\x0bc'], ['a'], [])
    """
    return text.removesuffix("\n").split("\n") if text else []


def last_line(text: str) -> str:
    r"""The last line that is not blank, without the blanks around it: it mostly has the reason. "" when there is none.

    >>> last_line("one\ntwo \r\n\n"), last_line(" \n")
    ('two', '')
    """
    return text.strip().rpartition("\n")[2].strip()
