"""What all commands about backups need: one inventory with its backups, a look at it, and a way to apply one plan."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from fleet import state
from fleet.audit import open_audit
from fleet.errors import UsageError
from fleet.facts import Fleet
from fleet.inventory import Inventory
from fleet.links.pool import Links
from fleet.registry import RULES
from fleet.rules import Subject
from fleet.schema import Without
from fleet.topics.backups.catalog import Backup, Catalog, catalog_of
from fleet.topics.backups.policy import Policy
from remediate.apply import Prove
from remediate.exits import Exit
from remediate.journal import Journal
from remediate.lock import Busy, whoami
from remediate.main import Call, named
from remediate.plan import ForAPerson, Plan
from remediate.planning import GATE, Planned, Proposal, closed
from remediate.render.outcomes import end_lines
from remediate.render.plans import plan_lines
from remediate.render.terminal import Screen
from remediate.rights import for_repairs
from remediate.run import OF_END, Fixing, Terms
from remediate.session import Session


@dataclass
class Desk:
    """One inventory, open. `policy` is its `backups` section, `run` the last run that changed something."""

    inventory: Inventory
    policy: Policy
    session: Session
    screen: Screen
    journal: Journal
    run: str = ""

    def look(self, *topics: str) -> Fleet:
        """A fresh look at these topics (nodes, backups, …); at all of them when none is named."""
        return self.session.look(topics)

    def catalog(self, fleet: Fleet) -> Catalog:
        return catalog_of(fleet, self.policy)

    def planned(self, rule: str, plan: Plan) -> Planned:
        return Planned(1, RULES[rule], Subject("service", self.policy.service), (), plan)

    def answer(self, rule: str, fleet: Fleet, made: Plan | ForAPerson) -> Planned | None:
        """The plan, unless a person must act or the database may have lost its data: then that is said."""
        if isinstance(made, ForAPerson):
            self.screen.error(made.why, hint=made.what_to_do)
            return None
        if why := closed(self.session.gate(fleet)):
            self.screen.error(f"held back: {why}", hint=f"`remediate explain {GATE}` says what to do")
            return None
        return self.planned(rule, made)

    def apply(self, planned: Planned, prove: Prove | None = None) -> Exit:
        """Apply one plan under its lock, into the journal, and judge it again: by its rule, or by `prove`."""
        terms = Terms(frozenset({"nothing", *planned.plan.disturbs}))
        program = f"fleetkeeper {version('fleetkeeper')}"
        self.run = run = self.journal.begin(whoami(), self.inventory.name, self.inventory.path, program)
        fixing = Fixing(self.session, self.journal, run, terms, self.screen.say, prove=prove)
        code = Exit.INTERRUPTED
        try:
            fixing.apply(Proposal(planned=(planned,)))
            code = OF_END[fixing.ends[-1].end]
        except Busy as why:
            code = Exit.LOCKED
            self.screen.error(str(why), hint="wait for it; a lock whose holder is gone frees itself within a minute")
        finally:
            self.journal.end(run, code)
        self.screen.lines(end_lines(fixing.ends))
        return code

    def show(self, planned: Planned) -> None:
        self.screen.lines(plan_lines(planned, 1))


@contextmanager
def opened(
    hosts: str | None, given: Path | None, *, looks: bool = False, quiet: bool = False, as_json: bool = False
) -> Iterator[Desk]:
    """Open the inventory that is meant; `looks`: nothing will be changed. Raises UsageError when it has no backups."""
    screen = Screen(quiet=quiet, json=as_json)
    inventory = open_audit(named(Call(hosts=hosts, state=given), screen), state=given).one()
    inventory = inventory if looks else for_repairs(inventory)
    if isinstance(inventory.backups, Without):
        raise UsageError(f"{inventory.name} has no backups: {inventory.backups.none}")
    journal = Journal(state.directory(given) / "journal.sqlite")
    try:
        with Links(inventory) as links:
            yield Desk(inventory, inventory.backups, Session(inventory, links.to), screen, journal)
    finally:
        journal.close()


def one_of(catalog: Catalog, name: str) -> Backup:
    """The backup of that name. Raises UsageError when there is none."""
    found = {backup.name: backup for backup in catalog.backups}
    if name not in found:
        newest = catalog.backups[0].name if catalog.backups else "there is none at all"
        raise UsageError(f"no backup {name}", hint=f"`remediate backups list` shows them; the newest: {newest}")
    return found[name]
