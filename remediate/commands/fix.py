"""`remediate`: from the call to the exit code."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

from fleetkeeper import state
from fleetkeeper.audit import Audit, open_audit
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.judging.rule import named_rules
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.reports.progress import Progress
from fleetkeeper.topics.registry import rules_of
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.pool import Links
from remediate.commands.run_log import report_interrupted, undo_run
from remediate.commands.stack_patch import print_patches
from remediate.consent import UNATTENDED, WORDS, ask_consent, parse_allowed
from remediate.journal import Journal
from remediate.plan import Disturbs
from remediate.plan_end import End, PlanEnd
from remediate.proposal import Bounds, Proposal, never_tried
from remediate.render.console import Screen
from remediate.render.plan_document import Applied, plan_document
from remediate.render.plan_text import Line, proposal_lines, proposal_summary
from remediate.runner import PlanRun, Runner, Terms, exit_reasons
from remediate.session import PATIENCE, Session
from remediate.steps import StepContext
from remediate.sudo_mode import for_repairs


@dataclass(frozen=True)
class Call:
    """The options of one call on the command line. `context` and `patience` are for tests.

    `tell_ends` is called with the id of the run and the ends of its plans. With `nightly` nobody is asked anything.
    """

    hosts: str | None = None
    only: tuple[str, ...] = ()
    limit: tuple[str, ...] = ()
    fix: bool = False
    yes: bool = False
    allow: tuple[str, ...] = ()
    max_changes: int | None = None
    max_fail: int | None = None
    again: bool = False
    replay: Path | None = None
    print_patch: bool = False
    nightly: bool = False
    as_json: bool = False
    quiet: bool = False
    state: Path | None = None
    tell_ends: Callable[[str, Sequence[PlanEnd]], None] = lambda run, ends: None
    context: StepContext = field(default_factory=lambda: StepContext("", 0))
    patience: float = PATIENCE

    @property
    def asks(self) -> bool:
        """Whether a person is there who can be asked."""
        return sys.stdin.isatty() and not self.nightly

    @property
    def bounds(self) -> tuple[str, ...]:
        """The options that a repeated call must have too, one word each: `--only=RULE`, `--limit=NODE`, `--again`."""
        only = [f"--only={rule}" for rule in self.only]
        limit = [f"--limit={node}" for node in self.limit]
        return (*only, *limit, *(["--again"] if self.again else []))

    def check(self) -> None:
        """Raise UsageError for options that contradict one another, before anything is looked at.

        That is: --fix with --replay, --print-patch with --fix or --json, --yes without --hosts, --fix without a
        terminal or --yes, an unknown word of --allow.
        """
        if self.print_patch and (self.fix or self.nightly or self.as_json):
            raise UsageError("--print-patch prints a patch, and does nothing else", hint="leave the other option out")
        if self.fix and self.replay:
            raise UsageError("--fix with --replay: nothing is changed from a saved look", hint="leave --replay out")
        if self.fix and self.yes and not self.hosts:
            raise UsageError("--fix --yes needs --hosts: nobody is there to see which servers these are")
        if self.fix and not self.yes and not sys.stdin.isatty():
            raise UsageError(
                "--fix must ask, and there is no terminal to ask at; nothing was changed",
                hint=f"add --yes, and --allow with what disturbs: {', '.join(WORDS)}",
            )
        parse_allowed(self.allow)


WENT_WELL = frozenset({Exit.NOTHING_LEFT, Exit.FINDINGS_REMAIN})
"""Exit codes of an undo after which the call goes on: all is undone, or nothing of it can be."""


def remediate(call: Call) -> Exit:
    """Look, show the plan and, with --fix, apply it. Returns the exit code.

    Runs that were interrupted are reported first and, with --fix at a terminal, undone after a question. Raises
    UsageError for options, an inventory or a journal that cannot be used.
    """
    call.check()
    screen = Screen(quiet=call.quiet, json=call.as_json)
    audit = open_audit(inventory_name(call, screen), call.limit, state=call.state)
    inventory = for_repairs(audit.only_inventory()) if call.fix else audit.only_inventory()
    audit.inventories = {inventory.name: inventory}
    only = named_rules(call.only, rules_of(inventory), inventory.edition)
    journal = Journal(state.directory(call.state) / "journal.sqlite")
    try:
        for run in report_interrupted(journal, screen.note):
            if call.fix and call.asks and click.confirm(f"Undo run {run.id} first?", err=True):
                undone = undo_run(run.id, call.state, yes=True, context=call.context)
                if undone not in WENT_WELL:
                    screen.error(f"run {run.id} was to be undone first, and is not: nothing else was done")
                    return undone
        with Links(inventory) as links:
            return Remediation(call, screen, inventory, journal, links.to, only).run(audit)
    finally:
        journal.close()


def inventory_name(call: Call, screen: Screen) -> str:
    """The inventory that was named, or that of the last audit, which is shown. Raises UsageError without either."""
    if call.hosts is not None:
        return call.hosts
    last = state.last_audited(call.state)
    if not last:
        raise UsageError("which servers?", hint="say --hosts=NAME; without it the inventory of the last audit is taken")
    screen.say(f"inventory: {last} (the last one audited)")
    return last


@dataclass
class Remediation:
    """One call on one inventory. `only` are the ids of the rules of --only (empty: all)."""

    call: Call
    screen: Screen
    inventory: Inventory
    journal: Journal
    link_to: Callable[[Node], Link]
    only: frozenset[str]

    def run(self, audit: Audit) -> Exit:
        """Look, show the proposal and, with --fix, apply it. Returns the exit code.

        With --print-patch only the patches of stack files are shown. Raises UsageError when the run cannot be begun,
        and changes nothing then.
        """
        session = self.session()
        fleet = self.look(session, audit)
        if self.call.print_patch:
            return print_patches(fleet)
        proposal = session.propose(fleet)
        self.screen.lines(proposal_lines(proposal, self.inventory.name))
        if self.call.fix and proposal.planned:
            return self.fix(session, proposal)
        code = worst_exit(exit_reasons(proposal))
        self.finish(proposal, None, code)
        return code

    def session(self) -> Session:
        """The session with the limits of the call; with --again, no plan counts as tried before."""
        tried = never_tried if self.call.again else self.why_tried_before
        return Session(
            self.inventory,
            self.link_to,
            self.only,
            Bounds(frozenset(self.call.limit), tried, asks=self.call.fix and self.call.asks and not self.call.yes),
            patience=self.call.patience,
        )

    def why_tried_before(self, rule: str, subject: str, memory: str) -> str:
        """Why a plan is not made again: a run has applied it and rolled it back. Empty when none has.

        Raises UsageError or Unwritable when the journal cannot be read.
        """
        before = self.journal.rolled_back(self.inventory.name, rule, subject, memory)
        if before is None:
            return ""
        run, why = before
        return f"it was tried on {run.started[:10]} (run {run.id}) and taken back: {why}"

    def look(self, session: Session, audit: Audit) -> Fleet:
        """A fresh look at everything, or the saved one of --replay. Shows progress.

        Raises UsageError for a saved look that cannot be read.
        """
        if self.call.replay:
            audit.replay(self.call.replay)
            return audit.fleets[self.inventory.name]
        with Progress(len(self.inventory.nodes), quiet=self.call.quiet) as progress:
            session.progress = progress
            fleet = session.look()
        session.progress = lambda node, reached: None
        return fleet

    def fix(self, session: Session, proposal: Proposal) -> Exit:
        """Ask for consent, apply the plans, and show what became of them. Returns the exit code.

        Raises UsageError as `Runner.run`.
        """
        call = self.call
        fixing = FixSession(session, proposal, self.terms(proposal))
        runner = Runner(
            *(self.journal, self.inventory.name, self.inventory.path, session.link_by_name, self.screen, call.context),
            mark="nightly" if call.nightly else "",
        )
        code = runner.run(fixing.work)
        if fixing.run is not None:
            call.tell_ends(fixing.run.id, fixing.run.ends)
        if fixing.left is not None:
            rest = proposal_summary(fixing.left, self.inventory.name)
            self.screen.lines([Line(f"after a last look at everything: {rest}", "head")])
        self.finish(proposal, fixing, code)
        return code

    def terms(self, proposal: Proposal) -> Terms:
        """What is agreed to; at night exactly what the inventory lists, and never what no night may do.

        Asks a person, where the call may. Raises UsageError for an unknown word of --allow.
        """
        call = self.call
        if call.nightly:
            limit = "repairs.max_changes"
            return Terms(UNATTENDED, call.max_changes, call.max_fail, rules=self.only, limited_by=limit)
        return Terms(self.agreed_kinds(proposal, asks=call.asks), call.max_changes, call.max_fail, answered=call.asks)

    def agreed_kinds(self, proposal: Proposal, *, asks: bool) -> frozenset[Disturbs]:
        """The kinds of disturbance that --yes and --allow cover, and those that a person at the terminal agrees to.

        Asks there for each kind that is not covered, if `asks`. Raises UsageError for an unknown word of --allow.
        """
        silently: frozenset[Disturbs] = frozenset({"nothing"}) if self.call.yes else frozenset()
        given = parse_allowed(self.call.allow) | silently
        if not asks:
            return given
        return ask_consent(
            [change.plan for change in proposal.planned], given, lambda text: click.confirm(text, err=True)
        )

    def finish(self, proposal: Proposal, fixing: FixSession | None, code: Exit) -> None:
        """Print the JSON document; else the commands for the journal and the way back, or the one to apply the plan.

        `fixing` is None when nothing was to be applied. Nothing is printed then without a plan.
        """
        run = fixing.run if fixing else None
        if self.call.as_json:
            applied = Applied(run.id, run.ends, fixing.left) if fixing and run else None
            self.screen.document(plan_document(self.inventory.name, proposal, code, applied))
        elif run and not run.changed:
            self.screen.say("nothing was changed")
        elif run:
            back = f"way back: `remediate undo {run.id}`" if run.undoable else "nothing of this run can be undone"
            self.screen.say(f"journal: `remediate log {run.id}`; {back}")
        elif proposal.planned:
            words = shlex.join(["remediate", f"--hosts={self.call.hosts or self.inventory.name}", *self.call.bounds])
            self.screen.lines([Line(f"nothing was changed; `{words} --fix` does it")])


@dataclass
class FixSession:
    """One `remediate --fix`: the plans of a proposal, applied, and what a last look still finds (`left`)."""

    session: Session
    proposal: Proposal
    terms: Terms
    run: PlanRun | None = None
    left: Proposal | None = None

    def work(self, run: PlanRun) -> Exit:
        """Apply the plans, look at everything once more, and return the exit code.

        The last look is needed since a change may have mended, or broken, more than its own finding. Keeps the run in
        `run`, and the proposal of that last look in `left`: only when a plan was tried.
        """
        self.run = run
        ends = run.apply(self.proposal.planned, self.session, self.terms)
        if any(ended.end not in {End.SKIPPED, End.CHANGED} for ended in ends):
            self.left = self.session.propose(self.session.look())
        return worst_exit(exit_reasons(self.left or self.proposal, ends))
