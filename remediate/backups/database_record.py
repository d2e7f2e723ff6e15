"""Adding to the records about a database, whatever else was written meanwhile."""

from __future__ import annotations

from fleetkeeper.exit_codes import Exit
from fleetkeeper.topics.backups.database.facts import Records
from fleetkeeper.transport.commands import Unobservable
from remediate.backups.accept import plan_again, plan_to_record, proof_of_record
from remediate.backups.context import Desk
from remediate.plan import Plan
from remediate.plan_end import Changed, Proof
from remediate.runner import PlanRun, RequestedPlan

ACCEPT = "`remediate backups accept` writes down which database is the right one"
TOPICS = ("nodes", "containers", "databases", "services")


def write_down(desk: Desk, run: PlanRun, rule: str, addition: Records) -> Exit:
    """Add to the records in this run, planned again under the lock from what is in them by then, and read them back.

    Returns the exit code; the plan is shown under `rule`. NOT_ALL_SEEN, with the reason shown, when none could be made.
    """

    def made() -> Plan:
        """The plan that adds to the records, from a fresh look. Raises Changed, Unobservable."""
        plan = plan_again if addition.accepted else plan_to_record
        return plan(desk.look(*TOPICS), desk.policy, addition)

    def proof() -> tuple[Proof, str]:
        """Whether a fresh look sees the addition in the records, and the reason.

        UNKNOWN where they could not be seen.
        """
        return proof_of_record(desk.look(*TOPICS), desk.policy, addition)

    try:
        plan = made()
    except (Unobservable, Changed) as why:
        desk.screen.error(
            f"it was not written down: {why}",
            hint="`remediate backups accept` writes down which database is the right one",
        )
        return Exit.NOT_ALL_SEEN
    run.apply([desk.planned(rule, plan)], RequestedPlan(made, proof, shown=False))
    return run.code()
