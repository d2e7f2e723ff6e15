"""`remediate backups create`: one more backup now, made as the remedy for a stale one makes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from fleetkeeper.exit_codes import Exit
from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.completeness import parse_verified, verify_command
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.observe import database_service_name
from fleetkeeper.topics.backups.parse import list_directory, parse_listing
from fleetkeeper.transport.commands import Unobservable
from remediate.backups.context import Desk
from remediate.plan import ForAPerson, Plan
from remediate.plan_end import Changed, Proof
from remediate.proposal import GATE
from remediate.remedies.backups.create_dump import make_backup
from remediate.runner import RequestedPlan
from remediate.steps import RunInContainer
from remediate.sudo_mode import require_root

RULE = "backups.are_fresh"
NO_ROOM = ForAPerson("there is no room for it", "thin first: `remediate --only backups.are_thinned --fix`")


@dataclass
class Creating:
    """One backup that a person asked for. `name` is the file that the plan makes; empty before there is a plan."""

    desk: Desk
    name: str = field(default="", init=False)

    def plan(self, fleet: Fleet) -> Plan | ForAPerson:
        """The plan that makes the backup, or why a person must act; sets `name`. Raises Unobservable.

        A person must act also where older backups would have to be deleted first.
        """
        finding = Finding(saw="a backup was asked for", want=f"one of {datetime.now(UTC):%H:%M} UTC")
        made = make_backup(finding, fleet)
        if isinstance(made, Plan) and made.disturbs != ("nothing",):
            return NO_ROOM
        if isinstance(made, Plan):
            self.name = made_file(made)
        return made

    def plan_again(self) -> Plan | ForAPerson:
        """The plan from a fresh look, under the lock.

        Raises Changed when the database may have lost its data, Unobservable. It may be that a person must act.
        """
        fleet = self.desk.look()
        if why := self.desk.held_back(fleet):
            raise Changed(f"held back: {why}; `fleetkeeper explain {GATE}` says what to do")
        return self.plan(fleet)

    def prove(self) -> tuple[Proof, str]:
        """Whether the file `name` exists in the directory of the backups and is a complete dump, and the reason.

        UNKNOWN when that could not be looked at.
        """
        desk = self.desk
        node = desk.inventory.nodes[desk.policy.volume.node]
        link = desk.session.link_to(node)
        try:
            [listed] = link.ask([list_directory(desk.policy)])
            directory, files = parse_listing(listed)
            made = [file for file in files if file.name == self.name]
            if not made:
                return Proof.FAILING, f"there is no {self.name} in {directory}"
            return self.whole(directory, made[0])
        except Unobservable as why:
            return Proof.UNKNOWN, f"{self.name} could not be looked at: {why}"

    def whole(self, directory: str, file: File) -> tuple[Proof, str]:
        """Whether the new file is a complete dump, by streaming it on its node, and the reason. Raises Unobservable.

        UNKNOWN where the stream does not tell.
        """
        desk = self.desk
        link = desk.session.link_to(desk.inventory.nodes[desk.policy.volume.node])
        [answer] = link.ask(
            [verify_command(directory, [file], desk.policy.format, database_service_name(desk.inventory))]
        )
        [proof] = parse_verified(answer, [file])
        if proof.state == "complete":
            return Proof.FIXED, f"{file.name} is complete"
        state = Proof.FAILING if proof.state == "broken" else Proof.UNKNOWN
        return state, f"{file.name} is {proof.state}: {proof.why}"


def made_file(plan: Plan) -> str:
    """The file name of the dump that a plan makes: an argument of its last step."""
    step = plan.steps[-1]
    assert isinstance(step, RunInContainer)
    return step.words[5]


def create(desk: Desk) -> Exit:
    """Dump the database, whether the newest backup is fresh or not, and verify the file on its node.

    Returns the exit code: FINDINGS_REMAIN, with the reason shown, when a person must act. Shows the plan, and applies
    it.
    """
    creating = Creating(desk)
    fleet = desk.look()
    try:
        made = creating.plan(fleet)
        require_root(fleet, made.nodes if isinstance(made, Plan) else ())
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    planned = desk.answer(RULE, fleet, made)
    if planned is None:
        return Exit.FINDINGS_REMAIN

    return desk.apply(planned, RequestedPlan(creating.plan_again, creating.prove, shown=False))
