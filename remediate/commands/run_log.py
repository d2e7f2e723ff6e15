"""The log of earlier runs, undoing one, and runs that never came to their end."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import click

from fleetkeeper import state
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.units import count_of
from fleetkeeper.topics.nodes.observe import WHO_AS_ROOT
from fleetkeeper.topics.nodes.parse import printed_number
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.pool import Links
from remediate.apply import guarded_writing_link
from remediate.journal import Journal, PlanRow, RunRow, StepRow
from remediate.lock import Locks
from remediate.render.console import Screen
from remediate.render.outcome_text import log_lines, run_lines
from remediate.render.plan_text import Line, safe_line
from remediate.runner import PlanRun, Runner
from remediate.steps import AlreadyBack, LeftInPlace, Stale, StepContext
from remediate.sudo_mode import for_repairs, why_no_root
from remediate.undo import inverse_of, take_back, undoable_steps


def open_journal(given: Path | None) -> Journal:
    """The journal in the state directory `given` (None: the usual one), to be closed by the caller.

    Directory and journal are made where they are missing. Raises UsageError for a file that is no journal, or cannot be
    written.
    """
    return Journal(state.directory(given) / "journal.sqlite")


def show_log(run: str | None, given: Path | None) -> None:
    """Print the latest runs (`run` is None), or the one with this id in full.

    `given` is the state directory (None: the usual one). Raises UsageError for no such run, or a journal it cannot
    read.
    """
    journal, screen = open_journal(given), Screen()
    if run is None:
        screen.lines(run_lines(journal.runs()) if journal.runs(1) else [Line("no run has changed anything yet")])
    else:
        row = journal.run(run)
        screen.lines(log_lines(row, journal.plans(row.id), journal.steps(row.id)))
    journal.close()


def report_interrupted(journal: Journal, note: Callable[[str], None]) -> list[RunRow]:
    """Report, through `note`, runs that started something and never ended. Returns those that can be undone.

    The newest is reported step by step, each older one on one line. A run that left nothing is marked as noticed, so
    that it is reported once.
    """
    matches = {run.undoes or run.id: run for run in journal.interrupted()}
    left = []
    for changed, run in matches.items():
        steps = undoable_steps(journal.steps(changed))
        if steps:
            left.append(journal.run(changed))
        last = changed == list(matches)[-1]
        for line in interrupted_run_lines(changed, run, steps) if last else interrupted_run_line(changed, run, steps):
            note(line)
        if not steps:
            journal.noticed(changed)
    return left


def interrupted_run_lines(changed: str, run: RunRow, steps: list[StepRow]) -> Iterator[str]:
    """Lines about an interrupted run: who had started it, each of its steps, and the way back.

    `changed` is the id of the run whose steps these are: the run itself, or the one that it was undoing.
    """
    undoing = f", which was undoing run {run.undoes}," if run.undoes else ""
    whose = f"run {run.id} of {safe_line(run.who)} on {safe_line(run.inventory)} ({run.started})"
    yield f"{whose}{undoing} never came to its end."
    if not steps:
        yield "  it has left nothing behind"
        return
    for step in steps:
        yield f"  step {step.number} on {step.node} {STARTED.get(step.state, 'is done')}: {safe_line(step.shown)}"
    yield f"  way back: `remediate undo {changed}`; answer no there to leave it as it is, and it is not reported again"


def interrupted_run_line(changed: str, run: RunRow, steps: list[StepRow]) -> Iterator[str]:
    """One line about an interrupted run that is not the latest such; none when it left no steps.

    `changed` is the id of the run whose steps these are: the run itself, or the one that it was undoing.
    """
    if steps:
        what = f"left {count_of(len(steps), 'step')} (`remediate log {changed}`, `remediate undo {changed}`)"
        yield f"run {run.id} on {safe_line(run.inventory)} ({run.started}) never came to its end either: it {what}"


STARTED = {
    "starting": "was started, and may have happened",
    "lost": "was started, and may have happened",
    "failed": "was tried and failed",
    "undoing": "was being undone, and may be",
}


def undo_run(name: str, given: Path | None, *, yes: bool = False, context: StepContext | None = None) -> Exit:
    """Show how a run is undone, ask unless `yes`, and undo it. Returns the exit code.

    `name` is the run's id, its beginning, or "last". `given` is the state directory, `context` what each step's own is
    made from (None: the usual ones). Raises UsageError when there is no such run, or when journal or inventory cannot
    be read.
    """
    journal = open_journal(given)
    try:
        run = journal.run(name)
        inventory = for_repairs(load_inventory(Path(run.path)))
        with Links(inventory) as links:
            return Undoing(
                journal, run, link_by_name(inventory, links), context=context or StepContext("", 0)
            ).show_and_undo(yes)
    finally:
        journal.close()


def link_by_name(inventory: Inventory, links: Links) -> Callable[[str], Link]:
    """A function that returns the link to a node by name, and raises Unobservable when the inventory has it no more."""

    def link_to(node: str) -> Link:
        """The link to the node of this name. Raises Unobservable when the inventory has it no more."""
        if node not in inventory.nodes:
            raise Unobservable(f"{inventory.name} has no such node any more", node=node)
        return links.to(inventory.nodes[node])

    return link_to


@dataclass
class Undoing:
    """The undoing of one run."""

    journal: Journal
    run: RunRow
    link_to: Callable[[str], Link]
    screen: Screen = field(default_factory=Screen)
    context: StepContext = field(default_factory=lambda: StepContext("", 0))

    @property
    def rows(self) -> list[StepRow]:
        """The run's steps that may have changed something and are not undone."""
        return undoable_steps(self.journal.steps(self.run.id))

    def show_and_undo(self, yes: bool) -> Exit:
        """Show, ask, lock, undo. Returns the exit code. What is not as the journal left it is refused.

        Nobody is asked with `yes`. After a no, or when nothing can be undone, the run is marked as noticed. Raises
        UsageError when nobody can be asked.
        """
        rows = self.rows
        states = [self.state_of(row) for row in reversed(rows)]
        self.screen.lines(Line(f"  {safe_line(text)}") for text in states)
        self.screen.lines(
            Line(f"  {safe_line(text)}", "loud") for row in reversed(rows) for text in self.losses_of(row)
        )
        if not rows:
            self.screen.lines([Line(f"run {self.run.id} left nothing that could be undone")])
            self.journal.noticed(self.run.id)
            return Exit.NOTHING_LEFT
        if not any(row.inverse for row in rows):
            self.screen.lines([Line(f"nothing of run {self.run.id} can be undone", "bad")])
            self.journal.noticed(self.run.id)
            return Exit.FINDINGS_REMAIN
        if lacking := self.nodes_without_root(rows):
            for why in lacking:
                self.screen.error(f"not undone: {why}", hint=why.hint)
            return Exit.REMEDY_FAILED
        if not self.person_agrees(yes):
            self.journal.noticed(self.run.id)
            return Exit.FINDINGS_REMAIN
        return self.under_locks(rows)

    def state_of(self, row: StepRow) -> str:
        """One line for a step: what undoing it means, and whether it is possible. Raises as `inverse_of` does."""
        inverse = inverse_of(row)
        if inverse is None:
            return f"no way back on {row.node}: {row.shown}"
        what = inverse.show().split("\n")[0]
        try:
            inverse.still_true(self.link_to(row.node), self.context)
        except LeftInPlace as why:
            return f"kept on {row.node}: {why}"
        except AlreadyBack:
            return f"nothing to undo on {row.node}: {what}"
        except (Stale, Unobservable) as why:
            return f"cannot be undone on {row.node}: {what}: {why}"
        return f"on {row.node}: {what}"

    def nodes_without_root(self, rows: Sequence[StepRow]) -> list[Unobservable]:
        """Why nothing can be undone, when our account is root on none of the nodes that steps have to be undone on.

        Empty where it is on some of them, and where that could not be asked.
        """
        reasons = [self.why_no_root(node) for node in sorted({row.node for row in rows if row.inverse})]
        return [why for why in reasons if why] if all(reasons) else []

    def why_no_root(self, node: str) -> Unobservable | None:
        """Why nothing can be changed on a node for lack of root; None where it can, or where it cannot be asked."""
        try:
            [answer] = self.link_to(node).ask([WHO_AS_ROOT])
        except Unobservable:
            return None
        return why_no_root(printed_number(answer), node)

    def losses_of(self, row: StepRow) -> tuple[str, ...]:
        """Lines for a person before a step is undone: what was entered since, and where it stays.

        Empty for most steps, and where the node is no longer in the inventory: `state_of` tells that. Raises as
        `inverse_of` does.
        """
        losses = getattr(inverse_of(row), "losses", None)
        try:
            return losses(self.link_to(row.node), self.context) if losses else ()
        except Unobservable:
            return ()

    def person_agrees(self, yes: bool) -> bool:
        """Whether a person at the terminal agrees (asked here), or `yes` is given.

        Raises UsageError without a terminal.
        """
        if yes:
            return True
        if not sys.stdin.isatty():
            raise UsageError("undo must ask, and there is no terminal to ask at; nothing was changed", hint="add --yes")
        return click.confirm(f"Undo run {self.run.id}?", err=True)

    def under_locks(self, rows: list[StepRow]) -> Exit:
        """Undo the steps in a run of its own. Returns the exit code.

        LOCKED when somebody else holds one. Raises UsageError when the run cannot be begun.
        """
        runner = Runner(self.journal, self.run.inventory, self.run.path, self.link_to, self.screen, self.context)
        return runner.run(lambda run: self.undo(rows, run), undoes=self.run.id)

    def undo(self, rows: list[StepRow], run: PlanRun) -> Exit:
        """Undo the steps, the last one first, and record the result in the journal. Returns the exit code.

        Until all of it is undone, an interrupted run is reported again. A step on a node that could not be locked is
        reported as not undone. Raises Busy, and UsageError as `take_back` does. REMEDY_FAILED when something is not
        undone. Raises Unwritable when the journal cannot be written.
        """
        with run.locks(row.node for row in rows) as (locks, unlocked):
            for why in unlocked.values():
                self.screen.error(str(why), hint=why.hint)
            location = partial(guarded_context, run, locks)
            back = take_back(self.journal, rows, guarded_writing_link(locks, self.link_to), location, run.begun.append)
        self.screen.lines(Line(safe_line(text)) for text in back.said)
        shown = "\n".join(back.said)
        end = "undone" if back.whole else "not all undone"
        self.journal.plan(PlanRow(run.id, 1, "undo", self.run.id, shown, memory="", outcome=end, why=""))
        if back.whole or not any(row.inverse for row in self.rows):
            self.journal.noticed(self.run.id)  # what is left has no way back, and that was said
        return Exit.NOTHING_LEFT if back.whole else Exit.REMEDY_FAILED


def guarded_context(run: PlanRun, locks: Locks) -> StepContext:
    """The context of the run's next step, which goes on only while the locks are ours; silent nodes are reported."""
    locks.tell = run.runner.screen.say
    return locks.guarding(replace(run.next_context(), say=locks.tell))
