"""Undoing steps: one mechanism for a plan that did not help, for `remediate undo`, and after a crash."""

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
    """The result of undoing steps: a line of text for each, and whether nothing that they changed is left (`whole`).

    A database that is kept on purpose (LeftInPlace) has a line, and does not count as left.
    """

    said: tuple[str, ...]
    whole: bool


def take_back(
    journal: Journal,
    rows: Sequence[StepRow],
    writing_to: Callable[[str], WritingLink],
    next_context: Callable[[], StepContext],
    begun: Callable[[StepRow], None] = lambda row: None,
) -> Back:
    """Undo the steps of these rows, the last one first, and mark them in the journal as undone. Returns the result.

    A step whose result is no longer what the journal says is left alone, and the others are undone all the same.
    `begun` is called with each row right before it is undone. Raises UsageError when a way back was written by another
    fleetkeeper: the steps after it are undone by then. Raises Unwritable when the journal cannot be written.
    """
    lines: list[str] = []
    whole = True
    for row in sorted(rows, key=lambda row: row.number, reverse=True):
        text, gone = undo_step(journal, row, writing_to, next_context(), begun)
        lines += [text] if text else []
        whole = whole and gone
    return Back(tuple(lines), whole)


def undo_step(
    journal: Journal,
    row: StepRow,
    writing_to: Callable[[str], WritingLink],
    context: StepContext,
    begun: Callable[[StepRow], None],
) -> tuple[str, bool]:
    """Undo one step, and check that it is undone. Returns (a line about it, whether its change is gone now).

    The line is empty when there was nothing to undo. A database that is kept on purpose counts as gone, with a line.
    `begun` is called with the row right before anything is changed. Raises UsageError as `inverse_of` does; Stale,
    StepFailed, Lost and Unobservable become the line. Raises Unwritable when the journal cannot be written.
    """
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
    """Why a step that was just undone may still be in force.

    Empty when it is not, or when only its exit status can tell.
    """
    try:
        inverse.still_true(link, context)
    except AlreadyBack:
        return ""
    except (Stale, Unobservable) as why:
        return f"it was done, and then: {why}"
    asks = getattr(inverse, "only_while", None)
    return "it was done, and what should be gone stands still" if asks else ""


def no_way_back(row: StepRow) -> tuple[str, bool]:
    """(line, whether its change is gone) of a step without a way back: ("", True) for a read-only one."""
    if looks_only(row):
        return "", True
    return f"no way back on {row.node}: {row.shown}", False


def looks_only(row: StepRow) -> bool:
    """Whether the step of a row is read-only, as the journal has it."""
    return '"changes": false' in row.step


MAY_GO_ON = "what was begun may still go on in its container: look again before you repeat it"


def may_go_on(row: StepRow) -> bool:
    """Whether the command of a step whose connection was lost may still run: one in a container outlives it.

    One with a way back is undone at once instead.
    """
    return '"kind": "run_in_container"' in row.step and not row.inverse and not looks_only(row)


def inverse_of(row: StepRow) -> AnyStep | None:
    """The way back of a step, from the journal; None without one. Raises UsageError when another version wrote it."""
    try:
        return load(row.way_back) if row.inverse else None
    except ValueError:
        what = f"the way back of step {row.number} of run {row.run} ({one_line(row.shown)}) is not understood"
        raise UsageError(what, hint=f"undo it with the fleetkeeper that wrote it, or {UPGRADE}") from None


def undoable_steps(rows: Sequence[StepRow]) -> list[StepRow]:
    """The rows of steps that may have changed something and are not undone yet."""
    return [row for row in rows if row.state in UNDOABLE and not looks_only(row)]
