"""`remediate backups restore NAME`: bring a backup back without ever being without a database.

It is restored into a new database beside the live one, checked there, and only then do the two change their names, in
one transaction. The old one is kept aside; the way back is the same change of names.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

import click

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.units import count_of
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.completeness import prove_command
from fleetkeeper.topics.backups.database.facts import Records
from fleetkeeper.topics.backups.facts import Facts
from fleetkeeper.topics.backups.observe import database_service_name
from fleetkeeper.topics.containers.facts import Mount, Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from remediate.backups.accept import accepted_records, running_database
from remediate.backups.context import Desk, one_of
from remediate.backups.database_contents import DatabaseContents, ask_server, count_command, parse_contents
from remediate.backups.database_record import write_down
from remediate.backups.database_swap import Swap
from remediate.backups.restore_messages import left_behind_lines, left_over, lost_lines, quote_identifier, way_back
from remediate.backups.restore_names import Names, names_of, not_changed, not_dropped, not_filled, proof_by_names
from remediate.lock import account_and_machine
from remediate.plan import ForAPerson, Plan
from remediate.plan_end import Changed, Proof
from remediate.remedies.backups.create_dump import backup_mount, no_single_container
from remediate.render.plan_text import Line, safe_line
from remediate.runner import PlanRun as Applying
from remediate.runner import RequestedPlan
from remediate.steps import Run, Stale, StepContext
from remediate.sudo_mode import require_root

DESCRIBE_SERVER = "remediate/backups/scripts/describe_server.sh"
RULE = "services.postgres_kept_its_data"
QUIET, MOST = 3, 60
"""A change of names that was sent and not answered has ended when the server shows nothing of it so many times, a
second apart; it is waited for so often at most."""
TOPICS = ("nodes", "containers", "backups", "databases", "services")


def restore(desk: Desk, name: str, typed: str) -> Exit:
    """Restore a complete backup beside the live database, show what would be lost, ask, and change the names.

    `typed` is the database's name as --yes-restore gave it; empty: it is asked for at the terminal. Returns the exit
    code. Raises UsageError when there is no such backup. FINDINGS_REMAIN, with the reason shown, when it is refused or
    a person says no; NOT_ALL_SEEN when something was not seen; USAGE for another name than `typed`.
    """
    try:
        prepared = prepare_restore(desk, name)
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    except Refused as why:
        desk.screen.error(why.answer.why, hint=why.answer.what_to_do)
        return Exit.FINDINGS_REMAIN
    live = prepared.swap.live
    if not typed and not sys.stdin.isatty():
        desk.screen.error(
            "nobody is there to be asked", hint=f"give the database's name: --yes-restore {safe_line(live)}"
        )
        return Exit.USAGE
    if typed and typed != live:
        desk.screen.error(f"the database is called {live}, not {typed}", hint="nothing was changed")
        return Exit.USAGE
    desk.screen.lines(left_over(prepared.server))
    return desk.runner.run(lambda run: Restoring(desk, run, prepared, typed).run_to_end())


class Refused(Exception):
    """A person must settle something first; `answer` has the reason and what to do."""

    def __init__(self, why: str, what_to_do: str) -> None:
        """`why` nothing can be restored, and `what_to_do` about it, both for a person."""
        super().__init__(why)
        self.answer = ForAPerson(why, what_to_do)


@dataclass(frozen=True)
class Prepared:
    """A restore before its first step: its names, the server's facts, and the step that verifies the dump once more."""

    swap: Swap
    server: DatabaseContents
    proof: Run


def prepare_restore(desk: Desk, name: str, stamp: str = "") -> Prepared:
    """All that a restore of this backup needs, from a fresh look. `stamp` is the time in the new names (empty: now).

    Raises Refused, Unobservable, and UsageError when there is no such backup.
    """
    fleet = desk.look(*TOPICS)
    backup = one_of(desk.catalog(fleet), name)
    if backup.state != "complete":
        state = f"{name} is {backup.state}: {backup.why}"
        raise Refused(state, "only a complete backup is restored; `remediate backups list` shows them")
    policy = desk.policy
    placement, mount = find_database(desk, fleet)
    require_root(fleet, {placement.node, policy.volume.node})
    server = server_of(desk, placement)
    if server.prepared:
        number = count_of(len(server.prepared), "prepared transaction")
        text = f"{number} in {server.tell('database')}: {server.prepared[0]}"
        raise Refused(text, "COMMIT PREPARED or ROLLBACK PREPARED them, then restore")
    path = "/".join(part for part in (mount.destination.rstrip("/"), policy.path, name) if part)
    swap = Swap(
        *(policy, placement, backup, path, server.tell("user"), server.tell("database")),
        stamp=stamp or f"{datetime.now(UTC):%Y%m%d_%H%M%S}",
        there="encoding" in server.said,
        called=database_service_name(desk.inventory),
        system=server.said.get("system", ""),
    )
    again = prove_command(
        fleet.of(policy.volume.node, Facts).directory,
        [backup.file],
        policy.format,
        database_service_name(desk.inventory),
    )
    says = f"stream {name} once more"
    proof = Run(policy.volume.node, again.words, says=says, changes=False, tells=True, limit=again.limit)
    return Prepared(swap, server, proof)


def find_database(desk: Desk, fleet: Fleet) -> tuple[Placement, Mount]:
    """The container of the database, and its mount of the backups. Raises Refused, Unobservable."""
    placements = running_placements(fleet, desk.policy.service)
    alone = len(placements) == 1
    mount = backup_mount(placements[0], desk.policy) if alone else no_single_container(desk.policy, placements)
    if isinstance(mount, ForAPerson):
        raise Refused(mount.why, mount.what_to_do)
    return placements[0], mount


def server_of(desk: Desk, placement: Placement) -> DatabaseContents:
    """What the live server reports about itself (`said`, `prepared`, …). Raises Unobservable."""
    link = desk.session.link_to(desk.inventory.nodes[placement.node])
    return parse_contents(
        ask_server(
            link,
            count_command(
                placement, load_script(DESCRIBE_SERVER), desk.policy.user or "", desk.policy.database or "", limit=60
            ),
        )
    )


@dataclass
class Restoring:
    """One restore, from the fill to the change of names: one run, whose locks are released while a person reads.

    `before` are the names when the losses were counted; `sent`: the change of names was sent, and its result is not
    known.
    """

    desk: Desk
    run: Applying
    prepared: Prepared
    typed: str
    before: Names | None = None
    sent: bool = False

    @property
    def swap(self) -> Swap:
        """The restore with its names."""
        return self.prepared.swap

    def run_to_end(self) -> Exit:
        """Fill, show what would be lost, ask: a yes changes the names, a no drops what was filled. The exit code."""
        try:
            filled = RequestedPlan(self.fill_again, lambda: proof_by_names(self.desk, self.swap, not_filled))
            code = self.apply_plan(self.swap.fill_plan(self.prepared.proof), filled)
            if code is Exit.NOTHING_LEFT:
                return self.ask_and_change()
        except BaseException:
            self.desk.screen.lines(self.leftover_lines())
            raise
        self.desk.screen.lines(self.leftover_lines())
        return code

    def apply_plan(self, plan: Plan, request: RequestedPlan) -> Exit:
        """Apply one plan in this run. Returns the exit code. Raises Busy, KeyboardInterrupt, Unwritable."""
        self.run.apply([self.desk.planned(RULE, plan)], request)
        return self.run.code()

    def fill_again(self) -> Plan:
        """The plan of the same fill, from a fresh look. Raises Changed when it would be another one, Unobservable."""
        try:
            now = prepare_restore(self.desk, self.swap.backup.name, self.swap.stamp)
        except Refused as why:
            raise Changed(f"{why}: {why.answer.what_to_do}") from None
        except UsageError as why:
            raise Changed(why.message) from None
        self.same_container(now.swap.placement)
        return now.swap.fill_plan(now.proof)

    def same_container(self, placement: Placement) -> None:
        """Raises Changed when the database runs in another container than the one that was seen."""
        if (placement.node, placement.container.id) != (self.swap.placement.node, self.swap.placement.container.id):
            raise Changed(f"the container of {self.swap.policy.service} is not the one that was seen: it was replaced")

    def ask_and_change(self) -> Exit:
        """Show what would be lost, ask, and change the names, or drop the restored one. Returns the exit code."""
        desk, swap = self.desk, self.swap
        try:
            restored, before = contents_of(desk, swap, swap.new), names_of(desk, swap)
        except (Unobservable, Stale) as why:
            desk.screen.error(f"{swap.new} could not be looked at: {why}", hint="the live database was not touched")
            desk.screen.lines(self.leftover_lines())
            return Exit.NOT_ALL_SEEN
        desk.screen.lines(lost_lines(swap, contents_of_live(desk, swap), restored))
        desk.screen.lines(left_behind_lines(swap, self.prepared.server))
        if self.typed != swap.live and not person_agrees(swap.live):
            return self.drop_restored()
        return self.change_names(restored, before)

    def drop_restored(self) -> Exit:
        """Drop the restored database, since nobody agreed, and print that. Returns FINDINGS_REMAIN or a worse code."""
        self.desk.screen.say(f"not restored; {self.swap.new} is dropped again")
        code = self.apply_plan(
            self.swap.drop_plan(),
            RequestedPlan(self.swap.drop_plan, lambda: proof_by_names(self.desk, self.swap, not_dropped)),
        )
        if code is not Exit.NOTHING_LEFT:
            self.desk.screen.lines(self.leftover_lines())
        return worst_exit([Exit.FINDINGS_REMAIN, code])

    def change_names(self, restored: DatabaseContents, before: Names) -> Exit:
        """Change the names and, once they are changed, record which database is the right one.

        Shows what is left, and returns the exit code: NOT_ALL_SEEN when it is not known whether they were changed.
        """
        plan = self.swap.change_plan(restored, before.new.oid, before.live.oid)
        self.before = before

        def again() -> Plan:
            """The same plan, if the database still runs in the same container. Raises Changed, Unobservable."""
            try:
                self.same_container(find_database(self.desk, self.desk.look("nodes", "containers"))[0])
            except Refused as why:
                raise Changed(f"{why}: {why.answer.what_to_do}") from None
            return plan

        def proof() -> tuple[Proof, str]:
            """Whether the names are changed, once the server has ended what was sent, and the reason."""
            self.wait_for_names(before)
            return proof_by_names(self.desk, self.swap, partial(not_changed, before=before))

        self.sent = True
        code = self.apply_plan(plan, RequestedPlan(again, proof))
        self.sent = code is Exit.NOT_ALL_SEEN
        self.desk.screen.lines(self.leftover_lines())
        if code is not Exit.NOTHING_LEFT:
            return code
        return worst_exit([code, self.record_database()])

    def leftover_lines(self) -> Iterator[Line]:
        """Lines: which database has which name now, and what is left to do; or why that could not be asked."""
        swap = self.swap
        try:
            if self.before and self.sent:
                self.wait_for_names(self.before)
            now = names_of(self.desk, self.swap)
        except (Unobservable, Stale) as why:
            yield Line(f"which databases there are now could not be asked: {safe_line(str(why))}", "bad")
            yield Line(f"  there may be {swap.filling}, {swap.new} or {swap.aside}; look before anything is dropped")
            return
        if self.before and not not_changed(now, self.before):
            yield from way_back(swap, self.run.id)
            return
        if self.before:
            yield Line(f"Nothing was restored: {safe_line(not_changed(now, self.before))}", "bad")
        for name in (now.filling, now.new):
            if name.there:
                yield Line(f"  {name.name} is left; it was never live. Way back: `remediate undo {self.run.id}`, or")
                yield Line(f"  by hand: DROP DATABASE {quote_identifier(name.name)};")

    def wait_for_names(self, before: Names) -> None:
        """Wait until a sent change of names is done or has ended, or cannot be seen; for MOST seconds or so at most."""
        server, quiet = self.swap.server, 0
        link = self.desk.session.link_to(self.desk.inventory.nodes[self.swap.placement.node])
        for _ in range(MOST):
            try:
                if not not_changed(names_of(self.desk, self.swap), before):
                    return
                quiet = 0 if server.where_it_runs(link, StepContext("", 0)).changes_names(link) else quiet + 1
            except (Unobservable, Stale):
                return
            if quiet == QUIET:
                return
            time.sleep(1)

    def record_database(self) -> Exit:
        """Record the restored database as the right one, unless it is so already. NOT_ALL_SEEN when it is not known."""
        fleet = self.desk.look("nodes", "containers", "databases", "services")
        try:
            accepted = running_database(fleet, f"{account_and_machine()}, by a restore")
            accepted_before = accepted_records(fleet, self.desk.policy).accepted
        except Unobservable as why:
            self.desk.screen.error(
                f"which database is the right one was not written down: {why}", hint="`remediate backups accept`"
            )
            return Exit.NOT_ALL_SEEN
        if accepted_before and (accepted_before.system, accepted_before.node, accepted_before.volume) == (
            accepted.system,
            accepted.node,
            accepted.volume,
        ):
            return Exit.NOTHING_LEFT
        return write_down(self.desk, self.run, RULE, Records(accepted=accepted))


def contents_of(desk: Desk, swap: Swap, database: str) -> DatabaseContents:
    """The contents of one database on the server. Raises Unobservable."""
    link = desk.session.link_to(desk.inventory.nodes[swap.placement.node])
    return swap.server.holds(link, database)


def contents_of_live(desk: Desk, swap: Swap) -> DatabaseContents | Unobservable:
    """The contents of the live database: empty without one, an Unobservable when it could not be read."""
    if not swap.there:
        return DatabaseContents()
    try:
        return contents_of(desk, swap, swap.live)
    except Unobservable as why:
        return why


def person_agrees(live: str) -> bool:
    """Whether a person at the terminal types the database's name. False when the terminal is gone."""
    try:
        text: str = click.prompt(f"Type the name of the database to replace it ({live})", default="", err=True)
    except (click.Abort, OSError):
        return False
    return text == live
