"""`remediate leave`: from a look to a plan and its application as usual, with the one rule of `trace_removal`."""

from __future__ import annotations

from fleetkeeper import state
from fleetkeeper.audit import Audit, open_audit
from fleetkeeper.exit_codes import Exit
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.reports.progress import Progress
from fleetkeeper.transport.pool import Links
from remediate import trace_removal
from remediate.commands.fix import Call, FixSession, Remediation, inventory_name
from remediate.journal import Journal
from remediate.proposal import Proposal
from remediate.render.console import Screen
from remediate.render.plan_text import Line
from remediate.session import Session
from remediate.sudo_mode import for_repairs

RULE = "leave.nothing_is_left"


class Leaving(Remediation):
    """A remediation whose look collects only what fleetkeeper has left on the nodes."""

    def look(self, session: Session, audit: Audit) -> Fleet:
        """A fresh look at what is left on the nodes, with its progress on the terminal."""
        with Progress(len(self.inventory.nodes), quiet=self.call.quiet) as progress:
            session.progress = progress
            fleet = session.look(("nodes", "leave"))
        session.progress = lambda node, reached: None
        return fleet

    def finish(self, proposal: Proposal, fixing: FixSession | None, code: Exit) -> None:
        """Print the JSON document, the command that would remove what is left, or that nothing is left.

        Nothing after a run of --fix (`fixing`, None: nothing was applied) that left something, but for the document.
        """
        if self.call.as_json:
            super().finish(proposal, fixing, code)
        elif fixing is None and proposal.planned:
            nodes, hosts = " ".join(self.call.limit), self.call.hosts or self.inventory.name
            self.screen.lines([Line(f"nothing was changed; `remediate leave {nodes} --hosts={hosts} --fix` does it")])
        elif not proposal.planned and code is Exit.NOTHING_LEFT:
            self.screen.lines([Line(f"nothing of fleetkeeper is left on {', '.join(self.call.limit)}")])


def leave_nodes(call: Call) -> Exit:
    """Show what is left on the nodes of `call.limit` and, with --fix, remove it. Returns the exit code.

    Raises UsageError for wrong options, an unknown inventory or node.
    """
    call.check()
    screen = Screen(quiet=call.quiet, json=call.as_json)
    inventory = open_audit(inventory_name(call, screen), call.limit, state=call.state).only_inventory()
    inventory = for_repairs(inventory) if call.fix else inventory
    inventory = inventory.model_copy(
        update={"custom_topics": {**inventory.custom_topics, "leave": trace_removal.TOPIC}}
    )
    journal = Journal(state.directory(call.state) / "journal.sqlite")
    try:
        with Links(inventory) as links:
            leaving = Leaving(call, screen, inventory, journal, links.to, frozenset({RULE}))
            return leaving.run(Audit({inventory.name: inventory}))
    finally:
        journal.close()
