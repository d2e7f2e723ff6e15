"""Numbers and nouns in the words of a report."""

from __future__ import annotations


def count(number: int, thing: str) -> str:
    """A number and its noun.

    >>> count(1, "node"), count(3, "promise")
    ('1 node', '3 promises')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
