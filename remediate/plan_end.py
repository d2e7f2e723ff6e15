"""What becomes of a plan: its end, its proof, and who wants it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from remediate.proposal import PlannedChange


class End(Enum):
    """What became of a plan. The value is the word in the journal and in reports."""

    FIXED = "fixed"
    DONE = "done"
    ALREADY = "already right"
    STILL_FAILING = "applied, still failing"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CHANGED = "not applied: the world has changed"
    SKIPPED = "not applied"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True)
class PlanEnd:
    """The end of one plan. `why` is for a person; `undone` says what the way back did.

    `rolled_back` is True when all that was changed has been undone because it did not work or did not help.
    `words` are the last lines of a program that failed: for the terminal, never for the journal or a document.
    """

    planned: PlannedChange
    end: End
    why: str = ""
    undone: tuple[str, ...] = ()
    rolled_back: bool = False
    words: tuple[str, ...] = ()


class Proof(Enum):
    """What the second look saw."""

    FIXED = "fixed"
    FAILING = "failing"
    UNKNOWN = "unknown"


class Needless(Exception):
    """The findings of a plan are gone by now: there is nothing to do."""


class Changed(Exception):
    """What was agreed to is not what would have to be done now. Nothing has been changed."""


class Origin(Protocol):
    """Who wants a plan: a rule that has a finding, or a person who asked for it."""

    def propose_again(self, planned: PlannedChange) -> PlannedChange:
        """The plan from a fresh look, under the lock: no more than was agreed to.

        Raises Needless, Changed, or Unobservable. Whatever holds a plan back (a gate, a failed drill, a doubt) is asked
        again here, since it is part of proposing.
        """
        ...

    def prove(self, planned: PlannedChange, lost: str) -> tuple[Proof, str]:
        """Whether it worked, on a fresh look. `lost` says how the connection was lost while it was done, if it was."""
        ...
