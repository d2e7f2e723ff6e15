"""The way back: one mechanism for a remedy that did not help, for `remediate undo`, and after a crash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Changes
from fleetkeeper.redact import masked
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line
from fleetkeeper.versions import UPGRADE
from remediate.steps import AlreadyBack, AnyStep, LeftInPlace, Lost, Stale, StepContext, StepFailed, load

if TYPE_CHECKING:
    from fleetkeeper.transport.writing import WritingLink
    from remediate.journal import Journal, StepRow

UNDOABLE = frozenset({"starting", "done", "failed", "lost", "undoing"})
"""States of a step that may have left something behind."""


@dataclass(frozen=True)
class Back:
    """What the way back did, step by step. `whole` when nothing is left that a step had changed."""

    said: tuple[str, ...]
    whole: bool


def take_back(
    journal: Journal,
    rows: Sequence[StepRow],
    writing_to: Callable[[str], WritingLink],
    next_place: Callable[[], StepContext],
    begun: Callable[[StepRow], None] = lambda row: None,
) -> Back:
    """Undo steps, the last one first. One that is not as the journal says it was left is not touched.

    `begun` is told of each step right before it is undone.
    """
    lines: list[str] = []
    whole = True
    for row in sorted(rows, key=lambda row: row.number, reverse=True):
        text, gone = one_back(journal, row, writing_to, next_place(), begun)
        lines += [text] if text else []
        whole = whole and gone
    return Back(tuple(lines), whole)


def one_back(
    journal: Journal,
    row: StepRow,
    writing_to: Callable[[str], WritingLink],
    context: StepContext,
    begun: Callable[[StepRow], None],
) -> tuple[str, bool]:
    """Undo one step, and look whether it is undone: what to say, and whether its change is gone now."""
    inverse = inverse_of(row)
    if inverse is None:
        return no_way_back(row)
    what = one_line(masked(inverse.show().split("\n")[0]))
    try:
        link = writing_to(row.node)
        inverse.still_true(link, context)
        journal.state(row.run, row.number, "undoing")
        begun(row)
        Changes.begun = True
        inverse.do(link, context)
        doubt = still_there(inverse, link, context)
    except AlreadyBack as why:
        journal.state(row.run, row.number, "undone")
        return (f"kept on {row.node}: {why}" if isinstance(why, LeftInPlace) else ""), True
    except (Stale, StepFailed, Lost, Unobservable) as why:
        return f"could not be undone on {row.node}: {what}: {why}", False
    if doubt:
        return f"could not be undone on {row.node}: {what}: {doubt}", False
    journal.state(row.run, row.number, "undone")
    return f"undone on {row.node}: {what}", True


def still_there(inverse: AnyStep, link: WritingLink, context: StepContext) -> str:
    """Why a step that was just undone may not be; empty when it is, or when its exit status is all there is to see."""
    try:
        inverse.still_true(link, context)
    except AlreadyBack:
        return ""
    except (Stale, Unobservable) as why:
        return f"it was done, and then: {why}"
    asks = getattr(inverse, "only_while", None)
    return "it was done, and what should be gone stands still" if asks else ""


def no_way_back(row: StepRow) -> tuple[str, bool]:
    """A step that only looked leaves nothing; one that changed something without a way back says so."""
    if looks_only(row):
        return "", True
    return f"no way back on {row.node}: {row.shown}", False


def looks_only(row: StepRow) -> bool:
    return '"changes": false' in row.step


def inverse_of(row: StepRow) -> AnyStep | None:
    """The journalled way back of a step, if it has one. Raises UsageError for one that another fleetkeeper wrote."""
    try:
        return load(row.way_back) if row.inverse else None
    except ValueError:
        what = f"the way back of step {row.number} of run {row.run} ({one_line(row.shown)}) is not understood"
        raise UsageError(what, hint=f"undo it with the fleetkeeper that wrote it, or {UPGRADE}") from None


def undoable_steps(rows: Sequence[StepRow]) -> list[StepRow]:
    """Steps that may have left something behind."""
    return [row for row in rows if row.state in UNDOABLE and not looks_only(row)]
