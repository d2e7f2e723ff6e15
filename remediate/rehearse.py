"""`remediate certificates rehearse`: certbot asks the authority's staging server, and keeps nothing.

It is no audit: certbot may run hooks that stop the server, and it writes to the webroot. So it is asked for, locked and
written into the journal like every other change.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from fleetkeeper import state
from fleetkeeper.audit import open_audit
from fleetkeeper.errors import NotApplicable, UsageError, nearest_name, quoted
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.certificates.policy import Certificate, Policy
from fleetkeeper.topics.certificates.served_certificate import (
    View,
    certificate_of,
    lineages_of,
    newest_lineage,
    views_of,
)
from fleetkeeper.topics.registry import RULES
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.pool import Links
from remediate.commands.fix import Call, inventory_name
from remediate.journal import Journal
from remediate.plan import Plan
from remediate.plan_end import Changed
from remediate.proposal import PlannedChange
from remediate.remedies.certificates.certbot import ServingContainer
from remediate.render.console import Screen
from remediate.runner import OF_END, PlanRun, RequestedPlan, Runner
from remediate.session import Session
from remediate.sudo_mode import for_repairs, nodes_without_root

RULE = "certificates.will_renew"
TOPICS = ("nodes", "containers", "certificates")


@dataclass
class Rehearsal:
    """Rehearsals of renewals on one inventory; `session` looks at it, `journal` records them."""

    inventory: Inventory
    session: Session
    screen: Screen
    journal: Journal

    def run(self, certificates: Sequence[Certificate], *, yes: bool) -> Exit:
        """Rehearse the renewal of these certificates, after a question unless `yes`. Returns the exit code.

        An answer of no is FINDINGS_REMAIN, and nothing is run. So is nothing when there is no plan; the code is then
        that of the reasons.
        """
        fleet = self.session.look(TOPICS)
        planned, codes = self.plans(fleet, certificates)
        for why in nodes_without_root(fleet, {node for change in planned for node in change.plan.nodes}):
            planned = [change for change in planned if why.node not in change.plan.nodes]
            self.screen.error(f"not tried: {why}", hint=why.hint)
            codes.append(Exit.NOT_ALL_SEEN)
        if not planned:
            return worst_exit(codes)
        if not yes:
            names = ", ".join(change.subject.name for change in planned)
            question = f"Rehearse the renewal of {names}? Hooks of certbot may stop the server for a moment."
            if not click.confirm(question, err=True):
                return Exit.FINDINGS_REMAIN
        return worst_exit([*codes, *self.apply(planned)])

    def plans(self, fleet: Fleet, certificates: Sequence[Certificate]) -> tuple[list[PlannedChange], list[Exit]]:
        """A plan for each certificate that certbot keeps, and an exit code for each other one. The reason is shown.

        Several names in one certificate have one plan; a name that several containers serve, one for each. The code is
        NOT_ALL_SEEN for what was not seen, FINDINGS_REMAIN where certbot keeps none.
        """
        planned: list[PlannedChange] = []
        codes: list[Exit] = []
        for certificate in certificates:
            try:
                for view in certbot_views(views_of(fleet, certificate), certificate):
                    self.add(planned, Subject("certificate", certificate.name), dry_run(view))
            except Unobservable as why:
                self.screen.error(str(why), hint=why.hint)
                codes.append(Exit.NOT_ALL_SEEN)
            except LookupError as why:
                self.screen.error(f"{certificate.name}: {why.args[0]}")
                codes.append(Exit.FINDINGS_REMAIN)
        return planned, codes

    def add(self, planned: list[PlannedChange], subject: Subject, plan: Plan) -> None:
        """Append a plan to `planned`, unless it is there already for another name in the same certificate."""
        same = [change.subject.name for change in planned if change.plan == plan]
        if same:
            self.screen.say(f"{subject}: rehearsed with {same[0]}, in the same certificate")
        else:
            planned.append(PlannedChange(len(planned) + 1, RULES[RULE], subject, (), plan))

    def apply(self, planned: Sequence[PlannedChange]) -> list[Exit]:
        """Apply the plans in one run. Returns its exit code, as a list.

        Raises UsageError when the run cannot be begun.
        """
        runner = Runner(self.journal, self.inventory.name, self.inventory.path, self.session.link_by_name, self.screen)
        return [runner.run(lambda run: self.work(run, planned))]

    def work(self, run: PlanRun, planned: Sequence[PlannedChange]) -> Exit:
        """Rehearse each, and return the exit code.

        The proof is certbot's exit status: the rule's verdict does not change. Raises Busy, KeyboardInterrupt and
        Unwritable, as `PlanRun.apply`.
        """
        for change in planned:
            run.apply([change], RequestedPlan(partial(self.plan_again, change), said="certbot could renew it now"))
        return worst_exit(OF_END[ended.end] for ended in run.ends)

    def plan_again(self, planned: PlannedChange) -> Plan:
        """The same rehearsal from a fresh look, under the lock.

        Raises Changed when it is not possible now, Unobservable. Only one node of the plan's is planned again.
        """
        fleet = self.session.look(TOPICS)
        certificate = certificate_of(fleet, planned.subject)
        try:
            matches = {view.node: view for view in certbot_views(views_of(fleet, certificate), certificate)}
        except LookupError as why:
            raise Changed(str(why.args[0])) from None
        for node in planned.plan.nodes & set(matches):
            return dry_run(matches[node])
        raise Changed(f"no container of {certificate.service} runs on {', '.join(sorted(planned.plan.nodes))} any more")


def certbot_views(views: Sequence[View], certificate: Certificate) -> Iterator[View]:
    """The containers in which certbot keeps the certificate.

    Raises LookupError, with the reason, when there is none: as a generator, once it is iterated. Raises Unobservable
    for one that was not seen.
    """
    if not views:
        raise LookupError(f"no container of {certificate.service} runs")
    able = [view for view in views if view.inside.certbot and newest_lineage(lineages_of(view))]
    if not able:
        raise LookupError("certbot keeps no certificate for it there")
    yield from able


def dry_run(view: View) -> Plan:
    """The plan that runs `certbot renew --dry-run` in the container, for its newest lineage of the certificate.

    Raises Unobservable when its lineages were not seen.
    """
    server = ServingContainer(view)
    lineage = newest_lineage(lineages_of(view))
    name = lineage.name if lineage else view.certificate.name
    words = ("renew", "--dry-run", "--cert-name", name, "--no-random-sleep-on-renew", "--non-interactive")
    return Plan(
        steps=(server.certbot(*words, says=f"rehearse the renewal of {name}"),),
        disturbs=("restart",),
        disturbance="hooks of certbot may stop the server for a moment",
        undo="nothing is kept, so there is nothing to undo",
        requires=(server.no_other_certbot(),),
    )


def rehearse_renewals(names: Sequence[str], hosts: str | None, given: Path | None, *, yes: bool) -> Exit:
    """Rehearse the renewal of these certificates, of all when none is named. Returns the exit code.

    `hosts` is the inventory (None: the last audited), `given` the state directory (None: the usual one); with `yes`,
    which needs `hosts`, nobody is asked. Raises UsageError for an unknown name, and when nobody can be asked.
    """
    if yes and hosts is None:
        raise UsageError("--yes needs --hosts: nobody is there to see which servers these are")
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask at", hint="--yes agrees that hooks of certbot may stop the server"
        )
    screen = Screen()
    inventory = for_repairs(
        open_audit(inventory_name(Call(hosts=hosts, state=given), screen), state=given).only_inventory()
    )
    certificates = chosen_certificates(inventory, names)
    journal = Journal(state.directory(given) / "journal.sqlite")
    try:
        with Links(inventory) as links:
            return Rehearsal(inventory, Session(inventory, links.to), screen, journal).run(certificates, yes=yes)
    finally:
        journal.close()


def chosen_certificates(inventory: Inventory, names: Sequence[str]) -> list[Certificate]:
    """The certificates with these names, in that order; all of the inventory when none is named.

    Raises UsageError for an unknown one.
    """
    try:
        certificates = inventory.section(Policy).certificates
    except NotApplicable as why:
        raise UsageError(f"{inventory.name} has no certificates: {why}") from None
    by_name = {certificate.name: certificate for certificate in certificates}
    for name in names:
        if name not in by_name:
            raise UsageError(f"no certificate {quoted(name)}", hint=nearest_name(name, by_name, "certificates"))
    return [by_name[name] for name in dict.fromkeys(names or by_name)]
