"""How a plan can end, how that is proved, and the protocol of whoever wants a plan."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from remediate.proposal import PlannedChange


class End(Enum):
    """What became of a plan. The value is the text in the journal and in reports."""

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
    """The end of one plan. `why` is for a person; `undone` has a line of text for each step that was undone.

    `rolled_back` is True when all that was changed has been undone because it did not work or did not help. `words` are
    the last lines of a program that failed: for the terminal, never for the journal or a document.
    """

    planned: PlannedChange
    end: End
    why: str = ""
    undone: tuple[str, ...] = ()
    rolled_back: bool = False
    words: tuple[str, ...] = ()


class Proof(Enum):
    """What the look after a plan shows: the findings are gone, are still there, or could not be seen."""

    FIXED = "fixed"
    FAILING = "failing"
    UNKNOWN = "unknown"


class Needless(Exception):
    """The findings of a plan are gone by now: there is nothing to do."""


class Changed(Exception):
    """What was agreed to is not what would have to be done now. Nothing has been changed."""


class Origin(Protocol):
    """Whoever wants a plan: a rule that has a finding, or a person who requested it."""

    def propose_again(self, planned: PlannedChange) -> PlannedChange:
        """The plan from a fresh look, under the lock: no more than was agreed to.

        Raises Needless, Changed, or Unobservable. Whatever holds a plan back (a gate, a failed drill, a doubt) is
        checked again here, since it is part of proposing.
        """
        ...

    def prove(self, planned: PlannedChange, lost: str) -> tuple[Proof, str]:
        """Whether the plan worked, on a fresh look, and the reason.

        `lost` is how the connection was lost; empty if it was not.
        """
        ...
