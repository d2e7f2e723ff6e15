"""Applying one plan: the only code that opens links for writing.

One change at a time. Every precondition is checked again under the lock right before its step, every way back is in the
journal before its step, and whether anything is fixed is judged by the rule that failed, on a fresh look.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from fleetkeeper.exit_codes import Changes
from fleetkeeper.redact import masked
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.writing import WritingLink, writing_link
from fleetkeeper.untrusted import one_line
from remediate.disk_space import require_room
from remediate.journal import ROLLED_BACK, Journal, PlanRow, StepRow
from remediate.lock import Locks
from remediate.plan import Plan
from remediate.plan_end import End, Origin, PlanEnd, Proof
from remediate.proposal import PlannedChange
from remediate.render.plan_text import step_heads
from remediate.steps import AnyStep, DeleteFiles, Lost, Stale, StepContext, StepFailed, agreed_to, dump, journal_form
from remediate.undo import MAY_GO_ON, looks_only, may_go_on, take_back, undoable_steps

if TYPE_CHECKING:
    from remediate.render.console import Screen


class ChangeTools(Protocol):
    """What a command changes servers with (`remediate.runner.Runner`)."""

    @property
    def journal(self) -> Journal: ...
    @property
    def link_to(self) -> Callable[[str], Link]:
        """A function that returns the link to the node of a name, for reading."""

    @property
    def screen(self) -> Screen: ...
    @property
    def context(self) -> StepContext:
        """The context that each step's own is made from."""


class RunInProgress(Protocol):
    """The run that a plan is applied in (`remediate.runner.PlanRun`)."""

    id: str
    begun: list[StepRow]
    steps: int

    @property
    def runner(self) -> ChangeTools: ...
    @property
    def undoable(self) -> bool:
        """Whether `remediate undo` can undo any step so far."""

    def next_context(self) -> StepContext:
        """The context of its next step, with its number."""


def narrow_to_agreed(fresh: Plan, agreed: Plan) -> Plan | None:
    """The fresh plan, limited to what was agreed to; None when it would do anything else.

    Read-only steps are the fresh plan's own. Each step that changes something must be the one that was agreed to, in
    the same order, whatever content it expects by now; a deletion may have become smaller, and takes only files that
    both plans name.
    """
    old = [step for step in agreed.steps if step.changes]
    if len(old) != sum(step.changes for step in fresh.steps) or not set(fresh.disturbs) <= set(agreed.disturbs):
        return None
    steps: list[AnyStep] = []
    for step in fresh.steps:
        same = narrowed_step(step, old.pop(0)) if step.changes else step
        if same is None:
            return None
        steps.append(same)
    return replace(fresh, steps=tuple(steps))


def narrowed_step(fresh: AnyStep, agreed: AnyStep) -> AnyStep | None:
    """The fresh step, of deletions only the agreed files; None when it does something else, or no file is left."""
    if isinstance(fresh, DeleteFiles) and isinstance(agreed, DeleteFiles):
        return fresh.within(agreed)
    return fresh if agreed_to(fresh) == agreed_to(agreed) else None


@dataclass
class Applier:
    """Applies one plan of a run, whose locks are held. `origin` judges the result."""

    run: RunInProgress
    locks: Locks
    origin: Origin

    @property
    def journal(self) -> Journal:
        """The journal in which the run is written down."""
        return self.run.runner.journal

    def apply(self, planned: PlannedChange) -> PlanEnd:
        """Apply the plan, judge it, write both to the journal, and return how it ended.

        Raises only KeyboardInterrupt, and Unwritable when the journal cannot be written.
        """
        self.write_down(planned)
        try:
            ended = self.attempt(planned)
        except KeyboardInterrupt:
            self.journal.judged(self.run.id, planned.number, End.INTERRUPTED.value, "stopped by a person or a signal")
            raise
        word = ROLLED_BACK if ended.rolled_back else ended.end.value
        self.journal.judged(self.run.id, planned.number, word, ended.why)
        return ended

    def attempt(self, planned: PlannedChange) -> PlanEnd:
        """Check the preconditions, do the steps, and judge the result. After a failure the steps are undone.

        Not after an interruption: KeyboardInterrupt passes, and what was done stays for `remediate undo`. Raises
        Unwritable.
        """
        doing = Doing(self, planned)
        try:
            doing.check_preconditions()
            doing.all_steps()
        except Stale as why:
            return doing.undo_and_end(End.FAILED if doing.changed else End.CHANGED, str(why))
        except StepFailed as why:
            by_itself = why.changed or doing.failed_in_check
            ended = doing.undo_and_end(End.FAILED, doing.failure_text(why), by_itself=by_itself)
            return replace(ended, words=why.words)
        except Unobservable as why:
            return doing.undo_and_end(End.FAILED, str(why))
        except Lost as why:
            return self.judge_end(doing, str(why))
        return self.judge_end(doing, "")

    def judge_end(self, doing: Doing, lost: str) -> PlanEnd:
        """Judge the plan by a fresh look; one that did not help is undone at once, one that could not be seen is left.

        `lost` is how the connection was lost during the last step; empty when it was not. Raises Unwritable as the undo
        does. It ends as UNKNOWN also while what was sent may go on.
        """
        planned = doing.planned
        proof, why = self.origin.prove(planned, lost)
        text = "; ".join(part for part in (lost, why) if part)
        if proof is Proof.FIXED:
            return PlanEnd(planned, End.FIXED if planned.findings else End.DONE, text or doing.said)
        if lost and proof is Proof.FAILING and may_go_on(doing.rows[-1]):
            proof, text = Proof.UNKNOWN, f"{text}; {MAY_GO_ON}"
        if proof is Proof.UNKNOWN:
            back = f"; `remediate undo {self.run.id}` is the way back" if self.run.undoable else ""
            return PlanEnd(planned, End.UNKNOWN, f"{text}{back}")
        end = End.FAILED if lost or not planned.findings else End.STILL_FAILING
        return doing.undo_and_end(end, text, by_itself=not lost)

    def write_down(self, planned: PlannedChange) -> None:
        """Write the plan to the journal, before its first step."""
        shown, subject = step_heads(planned.plan), planned.subject.name
        row = PlanRow(self.run.id, planned.number, planned.rule.id, subject, shown, planned.memory, outcome="", why="")
        self.journal.plan(row)

    def link_to(self, node: str) -> Link:
        """The open link to the node of this name, for reading. Raises Unobservable."""
        return self.run.runner.link_to(node)

    def say(self, text: str) -> None:
        """Print a line of progress, on standard error."""
        self.run.runner.screen.say(text)

    def writing_to(self, node: str) -> WritingLink:
        """The node's link for writing. Raises Unobservable when its lock is not ours."""
        return guarded_writing_link(self.locks, self.link_to)(node)

    def next_context(self) -> StepContext:
        """The context of the run's next step, with these locks, links to other nodes, and the screen for progress."""
        self.locks.tell = self.say
        return self.locks.guarding(replace(self.run.next_context(), reach=self.writing_to, say=self.say))

    def step(self, step: AnyStep, plan: int) -> str:
        """Check a step's precondition, write it with its way back to the journal, and do it. Returns its harmless text.

        `plan` is the number of its plan. A step that changes something is added to the run's `begun`. Raises Stale,
        StepFailed, Lost, Unobservable, and Unwritable when the journal cannot be written.
        """
        context = self.next_context()
        link = self.writing_to(step.node)
        try:
            step.still_true(link, context)
            inverse = step.inverse(link, context)
        except ODD as why:
            raise Unobservable(not_understood(why), node=step.node) from why
        row = starting_row(context, plan, step, inverse)
        self.journal.starting(row)
        if step.changes:
            self.run.begun.append(row)
            Changes.begun = True
        return self.do_step(step, link, context)

    def do_step(self, step: AnyStep, link: WritingLink, context: StepContext) -> str:
        """Do a step that is in the journal already, and write how it ended there. Returns its harmless text.

        Raises Stale, StepFailed and KeyboardInterrupt as they come; Unobservable, and an answer that is not understood,
        as Lost.
        """
        try:
            done = step.do(link, context)
        except ODD as why:
            self.write_end(context, "lost", None, not_understood(why))
            raise Lost(f"{step.node}: {not_understood(why)}") from why
        except (Stale, StepFailed) as why:
            changed = isinstance(why, StepFailed) and why.changed
            self.write_end(context, "failed" if changed else "not done", rc_of(why), str(why))
            raise
        except (Lost, Unobservable) as why:
            self.write_end(context, "lost", None, str(why))
            raise Lost(str(why)) from None
        except KeyboardInterrupt:
            self.write_end(context, "lost", None, "interrupted")
            raise
        self.journal.left(self.run.id, context.number, done.before, done.after)
        self.write_end(context, "done", done.rc, done.said)
        return done.said

    def write_end(self, context: StepContext, state: str, rc: int | None, text: str) -> None:
        """Write to the journal how a step ended: its state, exit status (None: unknown) and harmless text."""
        self.journal.ended(self.run.id, context.number, state, rc, text)


ODD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError)
"""Errors of code that parses an answer wrongly. What a node prints is input, and must not stop the other plans."""


def not_understood(why: Exception) -> str:
    """A message with the type of the error only: its text may hold what the node printed."""
    return f"an answer was not understood ({type(why).__name__})"


def locks_of(run: str, link_to: Callable[[str], Link], context: StepContext) -> Locks:
    """The locks of a run, none taken yet; `context.lock` is their file on each node."""
    return Locks(lambda node: writing_link(link_to(node)), run, context.lock)


def guarded_writing_link(locks: Locks, link_to: Callable[[str], Link]) -> Callable[[str], WritingLink]:
    """A function that returns a node's link for writing, and raises Unobservable when the node's lock is not ours."""

    def writing_to(node: str) -> WritingLink:
        """The node's link for writing. Raises Unobservable when the node's lock is not ours."""
        if not locks.alive(node):
            raise Unobservable(
                "the lock is not ours: never taken, or the connection was silent for too long", node=node
            )
        return writing_link(link_to(node))

    return writing_to


def starting_row(context: StepContext, plan: int, step: AnyStep, inverse: AnyStep | None) -> StepRow:
    """The journal's row, in state `starting`, of a step that is about to be done. `inverse` is its way back, if any."""
    shown = one_line(masked(step.show().split("\n")[0]))
    way_back = json.dumps(dump(inverse)) if inverse else None
    forward = json.dumps(journal_form(step))
    return StepRow(
        *(context.run, context.number, plan, step.node, shown, forward, way_back),
        *("starting", "", "", None, "", "", None),
    )


def rc_of(why: Exception) -> int | None:
    """The exit status of a StepFailed; None for other errors, or when it has none."""
    return why.rc if isinstance(why, StepFailed) else None


@dataclass
class Doing:
    """One attempt at one plan. `first` is the number of the run's last step before it, `said` the last step's text."""

    applier: Applier
    planned: PlannedChange
    first: int = field(init=False)
    said: str = ""

    def __post_init__(self) -> None:
        """Remember how many steps the run has had so far."""
        self.first = self.applier.run.steps

    @property
    def rows(self) -> list[StepRow]:
        """The journal's rows of this attempt's steps, in order."""
        return [row for row in self.applier.journal.steps(self.applier.run.id) if row.number > self.first]

    @property
    def changed(self) -> bool:
        """Whether a step of this attempt may have changed something that is not undone."""
        return bool(undoable_steps(self.rows))

    def failure_text(self, why: StepFailed) -> str:
        """The reason of the failure; of several steps it names the failed one, since an exit status says little."""
        several = len(self.planned.plan.steps) > 1
        return f"{self.rows[-1].shown}: {why}" if several and self.rows and why.rc is not None else str(why)

    @property
    def failed_in_check(self) -> bool:
        """Whether the step that ended last is read-only: what it checks is the result of the steps before it."""
        return bool(self.rows) and looks_only(self.rows[-1])

    def check_preconditions(self) -> None:
        """Check the plan's `requires`, and the room on every disk. Raises Stale, StepFailed or Unobservable."""
        plan = self.planned.plan
        for require in plan.requires:
            require.still_true(self.applier.link_to(require.node))
        for node in sorted(plan.nodes):
            link = self.applier.writing_to(node)
            directories = [path for step in plan.steps if step.node == node for path in step.directories()]
            require_room(
                link, node, dict.fromkeys(self.applier.run.runner.context.resolved(path) for path in directories)
            )

    def all_steps(self) -> None:
        """Do the steps in order, each shown. The first that fails raises Stale, StepFailed, Lost, Unobservable."""
        for number, step in enumerate(self.planned.plan.steps, 1):
            self.applier.say(progress_line(self.planned, number, step))
            self.said = self.applier.step(step, self.planned.number) or self.said

    def undo_and_end(self, end: End, why: str, *, by_itself: bool = False) -> PlanEnd:
        """Undo what was done, and return the end of the plan with the reason `why`.

        `by_itself`: the plan failed or did not help. Once all of it is undone, it is marked as rolled back, and not
        planned again. Raises Unwritable when the journal cannot be written.
        """
        if not self.changed:
            return PlanEnd(self.planned, end, f"{why}; nothing was changed")
        back = take_back(
            self.applier.journal, undoable_steps(self.rows), self.applier.writing_to, self.applier.next_context
        )
        return PlanEnd(self.planned, end, why, back.said, rolled_back=by_itself and back.whole)


def progress_line(planned: PlannedChange, number: int, step: AnyStep) -> str:
    """One line about the step that is being done: plan, rule, number of the step, node, and what it does."""
    shown = one_line(masked(step.show().split("\n")[0]))
    return f"{planned.number}. {planned.rule.id}, step {number}/{len(planned.plan.steps)} on {step.node}: {shown}"
