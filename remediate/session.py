"""One inventory being remediated: looks at it, judges it, proposes, proposes again under the lock, and proves."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule
from fleetkeeper.judging.verdicts import Verdict, judge_rules, judge_subject
from fleetkeeper.judging.waivers import waiver_notes
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.registry import observers_in, rules_in, topics_of
from fleetkeeper.topics.services.rules import drift
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from remediate.apply import narrow_to_agreed
from remediate.plan import Remedy
from remediate.plan_end import Changed, Needless, Proof
from remediate.proposal import GATE, Bounds, PlannedChange, Proposal, propose
from remediate.remedies import REMEDIES

PATIENCE = 3.0
"""Seconds until a second look when the first one after a change still fails: workers and caches take a moment."""
LEAVES = {"containers.run_as_their_own_user": "services.have_their_own_settings"}
"""By rule: the rule that finds what a remedy of the first leaves when it is killed."""
Key = tuple[str, str, str, str]


@dataclass
class Session:
    """One inventory, the links to its nodes, and the limits of the call.

    `only` are the ids of --only (empty: all rules). `progress` is called with a node's name and whether it was reached;
    `patience` is in seconds.
    """

    inventory: Inventory
    link_to: Callable[[Node], Link]
    only: frozenset[str] = frozenset()
    bounds: Bounds = field(default_factory=Bounds)
    progress: Callable[[str, bool], None] = lambda node, reached: None
    patience: float = PATIENCE
    before: Verdict | None = None
    """The verdict right before the current plan was applied: a finding that is new afterwards comes from the plan."""
    proposed: frozenset[Key] = frozenset()
    """Keys of the findings of the last proposal."""

    def link_by_name(self, node: str) -> Link:
        """The open link to the node of this name. Raises Unobservable, or KeyError for a name that is not there."""
        return self.link_to(self.inventory.nodes[node])

    @property
    def topics(self) -> dict[str, Topic]:
        """The inventory's topics by name, ours and its own."""
        return topics_of(self.inventory)

    @property
    def rules(self) -> dict[str, Rule]:
        """The rules of all its topics, by id."""
        return rules_in(self.topics)

    @property
    def asked(self) -> list[Rule]:
        """The rules to judge: those of --only, and those that find what a killed remedy of one of them leaves."""
        only = self.only | {left for rule, left in LEAVES.items() if rule in self.only}
        return [rule for rule in self.rules.values() if not only or rule.id in only]

    @property
    def remedies(self) -> Mapping[str, Remedy]:
        """The remedies, by rule id: ours, and those that topics of the inventory bring with them."""
        return remedies_of(self.topics)

    def look(self, names: Collection[str] = ()) -> Fleet:
        """A fresh look at all nodes; for these topics only, when some are named."""
        observers = {
            name: observer for name, observer in observers_in(self.topics).items() if not names or name in names
        }
        return look_at_fleet(self.inventory, self.link_to, observers, datetime.now(UTC), self.progress)

    def verdicts(self, fleet: Fleet) -> list[Verdict]:
        """The verdicts of the rules to judge, on the nodes of --limit."""
        return judge_rules(self.asked, fleet, self.bounds.limit)

    def gate(self, fleet: Fleet) -> list[Verdict]:
        """The verdict of GATE (the database kept its data), whatever --only and --limit say.

        Empty without that rule.
        """
        rule = self.rules.get(GATE)
        return judge_rules([rule] if rule else [], fleet)

    def propose(self, fleet: Fleet) -> Proposal:
        """The proposal that follows from a look, with notes on waivers and services that a killed change has left.

        Sets `proposed`.
        """
        verdicts = self.verdicts(fleet)
        self.proposed = frozenset(key for verdict in verdicts for key in finding_keys(verdict))
        proposal = propose(fleet, verdicts, self.remedies, self.gate(fleet), self.bounds)
        whole = not self.only and not self.bounds.limit
        waivers = waiver_notes(self.inventory.waivers, verdicts, fleet.looked_at.date(), whole=whole)
        return replace(proposal, notes=(*waivers, *drift.notes(fleet)), left=drift.unfinished(fleet))

    def propose_again(self, planned: PlannedChange) -> PlannedChange:
        """The plan for the same findings from a fresh look at everything, with all that may hold it back.

        Sets `before`. Raises Needless when the findings are gone, Changed when something else would have to be done by
        now, Unobservable when that cannot be seen.
        """
        fleet = self.look()
        self.before = judge_subject(planned.rule, fleet, planned.subject)
        now = judge_subject(planned.rule, fleet, planned.subject, nodes=self.bounds.limit)
        expected = {finding_key(finding) for finding in planned.findings}
        if not expected & finding_keys(now):
            for why in unseen_about(now, planned, planned.dark):
                raise why
            new = [finding for finding in (*now.findings, *now.warnings) if finding_key(finding) not in self.proposed]
            if finding_places(planned.findings) & finding_places(new):
                raise Changed("what is wrong there by now is something else: look at it first")
            raise Needless("the finding is gone")
        proposal = propose(fleet, [now], self.remedies, self.gate(fleet), self.bounds)
        again = [
            change for change in proposal.planned if expected & {finding_key(finding) for finding in change.findings}
        ]
        if not again:
            raise why_withdrawn(proposal, expected)
        plan = narrow_to_agreed(again[0].plan, planned.plan)
        if plan is None:
            raise Changed("what would have to be done now is something else: look at it first")
        return replace(again[0], number=planned.number, plan=plan)

    def prove(self, planned: PlannedChange, lost: str) -> tuple[Proof, str]:
        """Whether the findings of a plan are gone by their rule, on a fresh look at all nodes, and the reason.

        When they are not, a second look after `patience` seconds decides. UNKNOWN when they could not be looked at.
        `lost` is how the connection was lost, not used here.
        """
        proof, why = self.judged_again(planned)
        if proof is Proof.FAILING:
            time.sleep(self.patience)
            proof, why = self.judged_again(planned)
        return proof, why

    def judged_again(self, planned: PlannedChange) -> tuple[Proof, str]:
        """Whether the findings of a plan are gone, and the reason, after one fresh look at the topics that matter.

        `before` is what the rule said before: `propose_again` sets it.
        """
        fleet = self.look(topics_read_by(planned.rule))
        return proof_from_verdict(judge_subject(planned.rule, fleet, planned.subject), planned, self.before)


def finding_keys(now: Verdict) -> set[Key]:
    """The keys of a verdict's findings and warnings."""
    return {finding_key(finding) for finding in (*now.findings, *now.warnings)}


def finding_places(findings: Iterable[Finding]) -> set[tuple[str, str]]:
    """The (node, about) of each finding: what it is about, whatever is wanted there."""
    return {(finding.node, finding.about) for finding in findings}


def unseen_about(now: Verdict, planned: PlannedChange, dark: Collection[str]) -> list[Unobservable]:
    """The reasons in a verdict why something that the plan's findings are about could not be seen.

    `dark` are nodes that could not be seen before the plan either. Such a node is no reason to doubt what the others
    show, unless the plan involves it: one dead node does not stop the remedies of the others.
    """
    concerned = {*planned.plan.nodes, *(finding.node for finding in planned.findings), ""}
    return [why for why in now.unknown if why.node in concerned or why.node not in dark]


def dark_nodes(now: Verdict) -> frozenset[str]:
    """Names of the nodes that a verdict could not see."""
    return frozenset(why.node for why in now.unknown)


def why_withdrawn(proposal: Proposal, expected: Collection[Key]) -> Changed | Unobservable:
    """The error to raise when findings with the keys `expected` exist, and no plan for them any more.

    It is returned: a person's task first, else the first unknown, else that there is no plan.
    """
    for by_hand in proposal.by_hand:
        if finding_key(by_hand.finding) in expected:
            return Changed(by_hand.answer.why)
    for unknown in proposal.unknown:
        return unknown.why
    return Changed("there is no plan for it any more")


def proof_from_verdict(now: Verdict, planned: PlannedChange, before: Verdict | None = None) -> tuple[Proof, str]:
    """Whether a plan worked, by a fresh verdict, and the reason: its findings are gone, and there is no new one.

    New findings count on any node. Findings of the same rule that `before` had, and that other plans answer, do not.
    With FIXED, the reason names what was not looked at, if anything. FAILING comes first, then UNKNOWN, also when it is
    not judged any more.
    """
    expected = {finding_key(finding) for finding in planned.findings}
    known_keys, dark = (finding_keys(before), dark_nodes(before)) if before else (expected, planned.dark)
    left = [finding for finding in (*now.findings, *now.warnings) if finding_key(finding) in expected]
    new = [finding for finding in now.findings if finding_key(finding) not in known_keys]
    for finding in (*left, *new):
        where = f" on {finding.node}" if finding in new and finding.node else ""
        return Proof.FAILING, f"saw{where}: {finding.saw}; wanted: {finding.want}"
    for why in unseen_about(now, planned, dark):
        return Proof.UNKNOWN, f"could not be looked at again: {why}"
    if now.not_applicable:
        return Proof.UNKNOWN, f"it is no longer judged: {now.not_applicable}"
    return Proof.FIXED, "; ".join(dict.fromkeys(f"not looked at: {why}" for why in now.unknown))


def finding_key(finding: Finding) -> Key:
    """The (node, about, want, severity) that identifies a finding across looks; what was seen may read differently."""
    return finding.node, finding.about, finding.want, finding.severity


def topics_read_by(rule: Rule) -> set[str]:
    """The topics that a rule needs, and those that any rule may need: nodes (clocks) and containers (placements)."""
    return {facts.topic for facts in rule.looks_at} | {"nodes", "containers"}


def remedies_of(topics: Mapping[str, Topic]) -> dict[str, Remedy]:
    """Our remedies and those that topics bring with them, by rule id; a topic's replaces ours of the same rule."""
    remedies = dict(REMEDIES)
    for topic in topics.values():
        if isinstance(topic.remedies, Mapping):
            remedies |= topic.remedies
    return remedies
