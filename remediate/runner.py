"""The one runner: every command that changes a server does so through it.

Plan → consent → locks → look and propose again → apply → prove → journal → way back. A run begins and ends in
`Runner.run` alone: so an interruption, a lock that somebody else holds and a journal that cannot be written have the
same outcome for every command, and no exit code says that nothing was changed after something was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from typing import get_args

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.units import count_of
from fleetkeeper.state import Unwritable
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from remediate.apply import Applier, locks_of, narrow_to_agreed
from remediate.consent import is_covered, lacking_consent
from remediate.journal import ROOM, Journal, StepRow
from remediate.lock import Busy, Locks, account_and_machine
from remediate.plan import Disturbs, ForAPerson, Plan
from remediate.plan_end import Changed, End, Needless, Origin, PlanEnd, Proof
from remediate.proposal import PlannedChange, Proposal, change_count
from remediate.render.console import Screen
from remediate.render.outcome_text import end_lines
from remediate.steps import StepContext

OF_END = {
    End.FIXED: Exit.NOTHING_LEFT,
    End.DONE: Exit.NOTHING_LEFT,
    End.ALREADY: Exit.NOTHING_LEFT,
    End.STILL_FAILING: Exit.FINDINGS_REMAIN,
    End.FAILED: Exit.REMEDY_FAILED,
    End.UNKNOWN: Exit.NOT_ALL_SEEN,
    End.CHANGED: Exit.FINDINGS_REMAIN,
    End.SKIPPED: Exit.FINDINGS_REMAIN,
    End.INTERRUPTED: Exit.INTERRUPTED,
}
BAD = frozenset({End.FAILED, End.UNKNOWN})
WAIT = "wait for it; a lock whose holder is gone frees itself within a minute"


@dataclass(frozen=True)
class Terms:
    """What a person agreed to: kinds of disturbance, how many changes at most, after how many failures to stop.

    None: no limit. `answered`: somebody at a terminal was asked, and refused what is not agreed. `rules` are the ids
    that a nightly run may mend (None: it is none, and any may be); `limited_by` is how the limit of changes is called.
    """

    agreed: frozenset[Disturbs] = frozenset({"nothing"})
    max_changes: int | None = None
    max_fail: int | None = None
    answered: bool = False
    rules: frozenset[str] | None = None
    limited_by: str = "--max-changes"

    def cover(self, planned: PlannedChange) -> bool:
        """Whether all that a plan disturbs was agreed to, and its rule is one that this run may mend."""
        return (self.rules is None or planned.rule.id in self.rules) and is_covered(planned.plan, self.agreed)


EVERYTHING = Terms(frozenset(get_args(Disturbs)))
"""For a plan that a person asked for by name: to ask for it was to agree to it."""


@dataclass
class RequestedPlan:
    """A plan that a person asked for, such as a restore: no finding calls for it, and nothing makes it needless.

    `make` plans it again under the lock, from a fresh look; what it returns must be what was agreed to, unless nobody
    was shown the steps (`shown` False: a record of what has just been seen). It raises Changed where what the person
    agreed to no longer holds, Unobservable where that cannot be seen. `prove_it` looks at the result itself; None: the
    exit statuses of the steps are the proof.
    """

    make: Callable[[], Plan | ForAPerson]
    prove_it: Callable[[], tuple[Proof, str]] | None = None
    shown: bool = True
    said: str = ""
    """The reason given in the plan's end when it is done."""

    def propose_again(self, planned: PlannedChange) -> PlannedChange:
        """The same plan from a fresh look. Raises Changed where a person must act or it has changed; Unobservable."""
        made = self.make()
        if isinstance(made, ForAPerson):
            raise Changed(f"{made.why}; {made.what_to_do}")
        plan = narrow_to_agreed(made, planned.plan) if self.shown else made
        if plan is None:
            raise Changed("what would have to be done now is something else: look at it first")
        return replace(planned, plan=plan)

    def prove(self, planned: PlannedChange, lost: str) -> tuple[Proof, str]:
        """Whether the plan was done, and the reason: as `prove_it` says, else by the exit statuses of its steps.

        Without `prove_it` it is FIXED, and UNKNOWN where the connection was `lost` (how; "" when it was not).
        """
        if self.prove_it is not None:
            return self.prove_it()
        return (Proof.UNKNOWN, "whether it was done could not be seen") if lost else (Proof.FIXED, self.said)


@dataclass
class Runner:
    """How one command changes servers. `name` and `path` are the inventory's; `link_to` gives the link of a node.

    `context` is the context that each step's own is made from.
    """

    journal: Journal
    name: str
    path: str
    link_to: Callable[[str], Link]
    screen: Screen = field(default_factory=Screen)
    context: StepContext = field(default_factory=lambda: StepContext("", 0))
    mark: str = ""
    """What the journal says of the run besides the program's version, such as "nightly"."""

    def run(self, work: Callable[[PlanRun], Exit], undoes: str = "") -> Exit:
        """Begin a run, call `work` with it, end it, and show how its plans ended. Returns the exit code.

        `undoes` is the id of the run that this one undoes, if any. Raises UsageError when the run cannot be begun, or
        when `work` raises it before anything was changed. An interruption, or a journal that cannot be written any
        more, is an exit code too.
        """
        try:
            run = PlanRun(self, self.begin(undoes), undoes)
        except Unwritable as why:
            raise UsageError(f"{why}; nothing was changed", hint=ROOM) from None
        try:
            code = self.run_work(run, work)
        except Unwritable as why:
            code = self.report_unwritten(run, why)
        self.screen.lines(end_lines(run.ends))
        return code

    def begin(self, undoes: str) -> str:
        """Write the beginning of a run to the journal. Returns the run's id."""
        program = f"fleetkeeper {version('fleetkeeper')}" + (f", {self.mark}" if self.mark else "")
        return self.journal.begin(account_and_machine(), self.name, self.path, program, undoes)

    def run_work(self, run: PlanRun, work: Callable[[PlanRun], Exit]) -> Exit:
        """Call `work`, and write the exit code to the journal. Returns that code.

        What it raises is shown and becomes a code: Busy is LOCKED, or REMEDY_FAILED once something was changed,
        KeyboardInterrupt is INTERRUPTED, UsageError REMEDY_FAILED. While nothing was changed, UsageError is raised
        instead, not shown. Raises Unwritable too.
        """
        try:
            code = work(run)
        except Busy as why:
            code = Exit.REMEDY_FAILED if run.changed else Exit.LOCKED
            self.screen.error(str(why), hint=WAIT)
        except KeyboardInterrupt:
            code = Exit.INTERRUPTED
            self.screen.error("interrupted", hint=self.advice_after(run))
        except UsageError as why:
            if not run.changed:
                self.journal.end(run.id, Exit.USAGE)
                raise
            code = Exit.REMEDY_FAILED
            self.screen.error(str(why), hint=why.hint)
        self.journal.end(run.id, code)
        return code

    def advice_after(self, run: PlanRun) -> str:
        """A sentence for a person about a run that ended early: what was changed, and the commands to go on with."""
        if not run.changed:
            return "nothing was changed"
        if run.undoes:
            return f"`remediate log {run.undoes}` says what is undone, `remediate undo {run.undoes}` goes on with it"
        back = f", `remediate undo {run.id}` is the way back" if run.undoable else ""
        return f"`remediate log {run.id}` says what was done{back}"

    def report_unwritten(self, run: PlanRun, why: Unwritable) -> Exit:
        """Report that the journal cannot be written any more, and whether anything was changed.

        Returns the exit code. USAGE when nothing was changed, else REMEDY_FAILED.
        """
        if not run.changed:
            self.screen.error(f"{why}; nothing was changed", hint=ROOM)
            return Exit.USAGE
        self.screen.error(f"stopped, something was changed: {why}", hint=f"{ROOM}; then {self.advice_after(run)}")
        return Exit.REMEDY_FAILED


@dataclass
class PlanRun:
    """One run, and the ends of the plans applied so far: `ends` grows, so that an interruption loses nothing.

    `steps` is how many steps have a number.
    """

    runner: Runner
    id: str
    undoes: str = ""
    """The id of the run that this one undoes, if it does."""
    terms: Terms = field(default_factory=Terms)
    ends: list[PlanEnd] = field(default_factory=list)
    steps: int = 0
    begun: list[StepRow] = field(default_factory=list)
    """Steps that may have changed something, as they were written down before they were done."""

    @property
    def changed(self) -> bool:
        """Whether anything may have been changed."""
        return bool(self.begun)

    @property
    def undoable(self) -> bool:
        """Whether any step of this run has an inverse, so that `remediate undo` can undo it."""
        return any(row.inverse for row in self.begun)

    def next_context(self) -> StepContext:
        """The context of the next step of this run, with its number."""
        self.steps += 1
        return replace(self.runner.context, run=self.id, number=self.steps)

    @contextmanager
    def locks(self, nodes: Iterator[str]) -> Iterator[tuple[Locks, Mapping[str, Unobservable]]]:
        """Lock these nodes for the `with` block. Yields the locks, and the reason for each node without one.

        Raises Busy when somebody else holds one. They are released at the end.
        """
        with locks_of(self.id, self.runner.link_to, self.runner.context) as locks:
            yield locks, locks.take(nodes)

    def apply(self, plans: Sequence[PlannedChange], origin: Origin, terms: Terms = EVERYTHING) -> list[PlanEnd]:
        """Apply the plans that `terms` cover, one after the other, under the locks of all their nodes.

        Returns the ends of all plans, which are added to `ends` too; a plan that is not covered ends SKIPPED. When
        those that are covered make more changes than `max_changes`, none is applied. Raises Busy before any change,
        KeyboardInterrupt, and Unwritable when the journal can no longer be written.
        """
        first = len(self.ends)
        plans = [replace(change, number=number) for number, change in enumerate(plans, first + 1)]
        changes = [plan for plan in plans if terms.cover(plan)]
        if refused := too_many(changes, terms):
            self.ends += [PlanEnd(change, End.SKIPPED, refused) for change in plans]
            return self.ends[first:]
        with self.locks(node for change in changes for node in change.plan.nodes) as (locks, unlocked):
            applying = Applying(self, origin, terms, locks, unlocked)
            for number, change in enumerate(plans):
                try:
                    self.ends.append(applying.apply_one(change))
                except (KeyboardInterrupt, Unwritable) as why:
                    self.ends += applying.cut_short(plans[number:], why)
                    raise
        return self.ends[first:]

    def code(self) -> Exit:
        """The exit code of the plan that ended last. Raises IndexError before any has."""
        return OF_END[self.ends[-1].end]


@dataclass
class Applying:
    """The plans of one call of `PlanRun.apply`, while their locks are held.

    `unlocked` has the reason for each other node.
    """

    run: PlanRun
    origin: Origin
    terms: Terms
    locks: Locks
    unlocked: Mapping[str, Unobservable]

    def apply_one(self, planned: PlannedChange) -> PlanEnd:
        """Propose one plan again from a fresh look, and apply it.

        Returns its end, with the reason when it was not applied (no consent, no lock, another plan by now, unseen).
        Raises KeyboardInterrupt and Unwritable.
        """
        if why := not_now(planned, self.terms, self.run.ends):
            return PlanEnd(planned, End.SKIPPED, why)
        for node in sorted(planned.plan.nodes & set(self.unlocked)):
            return PlanEnd(planned, End.FAILED, f"not tried: {self.unlocked[node]}; nothing was changed")
        try:
            fresh = self.origin.propose_again(planned)
        except Needless as why:
            return PlanEnd(planned, End.ALREADY, str(why))
        except Changed as why:
            return PlanEnd(planned, End.CHANGED, f"{why}; nothing was changed")
        except Unobservable as why:
            return PlanEnd(planned, End.UNKNOWN, f"{why}; nothing was changed")
        return Applier(self.run, self.locks, self.origin).apply(fresh)

    def cut_short(self, left: Sequence[PlannedChange], why: BaseException) -> Iterator[PlanEnd]:
        """The ends of the plans `left` by an interruption: of the one that had begun, if any, and of those after it.

        `why` is KeyboardInterrupt or Unwritable.
        """
        interrupted = isinstance(why, KeyboardInterrupt)
        begun = {row.plan for row in self.run.begun}
        for change in left:
            if change.number in begun:
                end = End.INTERRUPTED if interrupted else End.UNKNOWN
                yield PlanEnd(change, end, f"what its last step did is not known{'' if interrupted else f' ({why})'}")
            else:
                yield PlanEnd(change, End.SKIPPED, "the run was interrupted before" if interrupted else str(why))


def too_many(expected: Sequence[PlannedChange], terms: Terms) -> str:
    """The reason to apply nothing: the plans make more changes than the terms allow. Empty when they do not."""
    changes = sum(change_count(change.plan) for change in expected)
    if terms.max_changes is None or changes <= terms.max_changes:
        return ""
    return f"the plan makes {count_of(changes, 'change')}, more than {terms.limited_by} {terms.max_changes}"


def not_now(planned: PlannedChange, terms: Terms, ends: Sequence[PlanEnd]) -> str:
    """Why a plan is not applied: no consent, too many failures, or a plan that comes first failed.

    Empty when it may be. `ends` are those so far in this run: a plan that comes first and is not among them is no
    obstacle.
    """
    if terms.rules is not None and not terms.cover(planned):
        return "the nightly repairs of the inventory do not cover it"
    if not is_covered(planned.plan, terms.agreed):
        missing = ",".join(lacking_consent(planned.plan, terms.agreed))
        needed = f"--allow {missing}" if missing else "--yes"
        return "you did not agree to it" if terms.answered else f"it needs {needed}"
    failed = sum(ended.end in BAD for ended in ends)
    if terms.max_fail is not None and failed >= terms.max_fail:
        return f"stopped after {count_of(failed, 'failure')} (--max-fail {terms.max_fail})"
    first = [ended for ended in ends if ended.planned.rule.id in planned.plan.after]
    bad = [ended.planned.rule.id for ended in first if ended.end not in {End.FIXED, End.ALREADY}]
    return f"{bad[0]} comes first, and is not right yet" if bad else ""


def exit_reasons(left: Proposal, ends: Sequence[PlanEnd] = ()) -> list[Exit]:
    """An exit code for each reason: what a look shows to be left, and how plans ended.

    A warning gives none, unless its plan failed or ended unknown.
    """
    exits = [Exit.NOT_ALL_SEEN for _ in left.unknown]
    exits += [Exit.FINDINGS_REMAIN for action in left.by_hand if action.finding.severity == "error"]
    exits += [Exit.FINDINGS_REMAIN for change in left.planned if answers_errors(change)]
    return exits + [OF_END[ended.end] for ended in ends if answers_errors(ended.planned) or ended.end in BAD]


def answers_errors(planned: PlannedChange) -> bool:
    """Whether a finding of the plan is an error, not a warning."""
    return any(finding.severity == "error" for finding in planned.findings)
