"""Exit codes of `remediate`, and their precedence when there are several reasons."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum


class Exit(IntEnum):
    """The exit codes of `remediate`."""

    NOTHING_LEFT = 0
    FINDINGS_REMAIN = 1
    USAGE = 2
    REMEDY_FAILED = 3
    NOT_ALL_SEEN = 4
    LOCKED = 5
    INTERRUPTED = 130


MEANINGS = {
    Exit.NOTHING_LEFT: "nothing is left to do",
    Exit.FINDINGS_REMAIN: "findings remain (planned and not applied, for a person, or applied and still failing)",
    Exit.USAGE: "the call or the inventory is wrong; nothing was changed",
    Exit.REMEDY_FAILED: "a remedy failed (or this program itself: a bug)",
    Exit.NOT_ALL_SEEN: "not everything could be looked at",
    Exit.LOCKED: "another remediator holds a lock; nothing was changed",
    Exit.INTERRUPTED: "interrupted from the keyboard or by a signal",
}
PRECEDENCE = (
    Exit.INTERRUPTED,
    Exit.USAGE,
    Exit.LOCKED,
    Exit.REMEDY_FAILED,
    Exit.NOT_ALL_SEEN,
    Exit.FINDINGS_REMAIN,
    Exit.NOTHING_LEFT,
)


def worst_exit(reasons: Iterable[Exit]) -> Exit:
    """The exit code that comes first in PRECEDENCE; NOTHING_LEFT when there are no reasons.

    >>> worst_exit([Exit.FINDINGS_REMAIN, Exit.REMEDY_FAILED, Exit.NOT_ALL_SEEN])
    <Exit.REMEDY_FAILED: 3>
    """
    exits = {Exit.NOTHING_LEFT, *reasons}
    return next(code for code in PRECEDENCE if code in exits)


class Changes:
    """Whether this process has begun to change a server (`begun`, set once and global).

    From then on no exit code may say that nothing was changed.
    """

    begun = False


def admit_changes(code: Exit) -> Exit:
    """The exit code, or REMEDY_FAILED in place of USAGE and LOCKED once a change has begun.

    USAGE and LOCKED mean that nothing was changed.
    """
    return Exit.REMEDY_FAILED if Changes.begun and code in {Exit.USAGE, Exit.LOCKED} else code
