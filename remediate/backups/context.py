"""What all commands about backups need: one inventory with its backups, a look at it, and a way to apply one plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from fleetkeeper import state
from fleetkeeper.audit import open_audit
from fleetkeeper.errors import NotApplicable, UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import Catalog, Compared, known_size, seen_files
from fleetkeeper.topics.backups.missing_tables import live_database
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.registry import RULES
from fleetkeeper.transport.pool import Links
from remediate.commands.fix import Call, inventory_name
from remediate.journal import Journal
from remediate.plan import ForAPerson, Plan
from remediate.proposal import GATE, PlannedChange, why_gate_is_closed
from remediate.render.console import Screen
from remediate.render.plan_text import plan_lines
from remediate.runner import PlanRun, RequestedPlan, Runner
from remediate.session import Session
from remediate.sudo_mode import for_repairs


@dataclass
class Desk:
    """One open inventory for one command.

    `policy` is its `backups` section; `session` looks, `journal` records runs.
    """

    inventory: Inventory
    policy: Policy
    session: Session
    screen: Screen
    journal: Journal

    def look(self, *topics: str) -> Fleet:
        """A fresh look at these topics (nodes, backups, …); at all of them when none is named."""
        return self.session.look(topics)

    def catalog(self, fleet: Fleet) -> Catalog:
        """All backups that a look saw, to find one by its name. Raises Unobservable, but not for the accepted size."""
        compared = Compared(known_size(fleet, self.policy), live_database(fleet, self.policy))
        return seen_files(fleet, self.policy, compared)

    def planned(self, rule: str, plan: Plan) -> PlannedChange:
        """The plan as the only change of a run, for a rule and the service of the backups."""
        return PlannedChange(1, RULES[rule], Subject("service", self.policy.service), (), plan)

    def answer(self, rule: str, fleet: Fleet, made: Plan | ForAPerson) -> PlannedChange | None:
        """The plan as a change. None, with the reason on the screen, when a person must act or the gate is closed.

        `made` is what a remedy gave for `rule`, on the look `fleet`.
        """
        if isinstance(made, ForAPerson):
            self.screen.error(made.why, hint=made.what_to_do)
            return None
        if why := self.held_back(fleet):
            self.screen.error(f"held back: {why}", hint=f"`fleetkeeper explain {GATE}` says what to do")
            return None
        return self.planned(rule, made)

    @property
    def runner(self) -> Runner:
        """The runner that begins and ends the one run of a command."""
        return Runner(self.journal, self.inventory.name, self.inventory.path, self.session.link_by_name, self.screen)

    def held_back(self, fleet: Fleet) -> str:
        """Why nothing may be done with the database: it may have lost its data. Empty also when that is not known."""
        return why_gate_is_closed(self.session.gate(fleet))

    def apply(self, planned: PlannedChange, wish: RequestedPlan) -> Exit:
        """Apply one plan that a person asked for, in a run of its own, and show its end. Returns the exit code.

        Exit LOCKED when another run holds the lock. Raises UsageError as `Runner.run`.
        """

        def work(run: PlanRun) -> Exit:
            """Apply the plan in this run; its exit code."""
            run.apply([planned], wish)
            return run.code()

        return self.runner.run(work)

    def show(self, planned: PlannedChange) -> None:
        """Show the plan on the screen."""
        self.screen.lines(plan_lines(planned, 1))


@contextmanager
def open_context(
    hosts: str | None, given: Path | None, *, looks: bool = False, quiet: bool = False, as_json: bool = False
) -> Iterator[Desk]:
    """The opened inventory of a command, for a `with` block. Raises UsageError when it has no backups.

    `hosts` is its name or path (None: the last audited), `given` the state directory; `looks`: nothing will be changed.
    `quiet` and `as_json` are those of Screen.
    """
    screen = Screen(quiet=quiet, json=as_json)
    inventory = open_audit(inventory_name(Call(hosts=hosts, state=given), screen), state=given).only_inventory()
    inventory = inventory if looks else for_repairs(inventory)
    try:
        policy = inventory.section(Policy)
    except NotApplicable as why:
        raise UsageError(f"{inventory.name} has no backups: {why}") from None
    journal = Journal(state.directory(given) / "journal.sqlite")
    try:
        with Links(inventory) as links:
            yield Desk(inventory, policy, Session(inventory, links.to), screen, journal)
    finally:
        journal.close()


def one_of(catalog: Catalog, name: str) -> Backup:
    """The backup with that file name. Raises UsageError when there is none. The hint names the newest."""
    matches = {backup.name: backup for backup in catalog.backups}
    if name not in matches:
        newest = catalog.backups[0].name if catalog.backups else "there is none at all"
        raise UsageError(f"no backup {name}", hint=f"`remediate backups list` shows them; the newest: {newest}")
    return matches[name]
