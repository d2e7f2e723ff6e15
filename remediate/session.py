"""One inventory being remediated: looks at it, judges it, and answers the applier's two questions."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from types import ModuleType

from fleet.audit import rules_of, topics_of
from fleet.errors import UsageError, nearest
from fleet.facts import Fleet
from fleet.inventory import Inventory
from fleet.links import Link
from fleet.look import look
from fleet.look import topics_of as some_topics
from fleet.rules import Finding, Rule
from fleet.schema import Node
from fleet.topics.services import drift
from fleet.verdicts import Verdict, verdict
from fleet.waiving import notes
from remediate.apply import Proof
from remediate.plan import Remedy
from remediate.planning import GATE, Bounds, Planned, Proposal, judge, propose
from remediate.remedies import REMEDIES

PATIENCE = 3.0
"""Seconds until a second look when the first one after a change still fails: workers and caches take a moment."""
LEAVES = {"containers.run_as_their_own_user": "services.have_their_own_settings"}
"""What a remedy leaves when it is killed is found by another rule than its own."""
Key = tuple[str, str, str, str]


@dataclass
class Session:
    """One inventory, the way to its nodes, and what is asked of it. `only` are the rules of --only (empty: all)."""

    inventory: Inventory
    link_to: Callable[[Node], Link]
    only: frozenset[str] = frozenset()
    bounds: Bounds = field(default_factory=Bounds)
    progress: Callable[[str, bool], None] = lambda node, reached: None
    patience: float = PATIENCE

    @property
    def topics(self) -> dict[str, ModuleType]:
        return topics_of(self.inventory)

    @property
    def rules(self) -> dict[str, Rule]:
        return rules_of(self.inventory)

    @property
    def asked(self) -> list[Rule]:
        """The rules that are judged: those of --only, and with them what a killed remedy of theirs would leave."""
        only = self.only | {left for rule, left in LEAVES.items() if rule in self.only}
        return [rule for rule in self.rules.values() if not only or rule.id in only]

    @property
    def remedies(self) -> Mapping[str, Remedy]:
        return remedies_of(self.inventory)

    def look(self, topics: Collection[str] = ()) -> Fleet:
        """A fresh look at all nodes; at some topics only, when they are named."""
        wanted = some_topics(self.topics, topics) if topics else self.topics
        return look(self.inventory, self.link_to, wanted, datetime.now(UTC), self.progress)

    def verdicts(self, fleet: Fleet) -> list[Verdict]:
        return judge(fleet, self.asked, self.bounds.limit)

    def gate(self, fleet: Fleet) -> list[Verdict]:
        """Whether the database still has its data, whatever --only and --limit say."""
        rule = self.rules.get(GATE)
        return judge(fleet, [rule] if rule else [])

    def propose(self, fleet: Fleet) -> Proposal:
        verdicts = self.verdicts(fleet)
        proposal = propose(fleet, verdicts, self.remedies, self.gate(fleet), self.bounds)
        whole = not self.only and not self.bounds.limit
        waivers = notes(self.inventory.waivers, verdicts, fleet.looked_at.date(), whole=whole)
        return replace(proposal, notes=(*waivers, *drift.notes(fleet)))

    def prove(self, planned: Planned) -> tuple[Proof, str]:
        """Whether the findings of a plan are gone, by the rule that found them, on a fresh look at all nodes."""
        proof, why = self.judged_again(planned)
        if proof is Proof.FAILING:
            time.sleep(self.patience)
            proof, why = self.judged_again(planned)
        return proof, why

    def judged_again(self, planned: Planned) -> tuple[Proof, str]:
        fleet = self.look(topics_read_by(planned.rule))
        return proof(verdict(planned.rule, fleet, planned.subject), planned.findings)

    def renew(self, planned: Planned) -> Planned | None:
        """The plan for the same findings from a fresh look at everything; None when they are gone.

        Raises Unobservable when the rule can no longer be judged.
        """
        fleet = self.look()
        now = verdict(planned.rule, fleet, planned.subject, nodes=self.bounds.limit)
        if not now.findings and not now.warnings:
            for why in now.unknown:
                raise why
            return None
        proposal = propose(fleet, [now], self.remedies, self.gate(fleet), self.bounds)
        wanted = {key(finding) for finding in planned.findings}
        again = [one for one in proposal.planned if wanted & {key(finding) for finding in one.findings}]
        return replace(again[0], number=planned.number) if again else None


def proof(now: Verdict, findings: Iterable[Finding]) -> tuple[Proof, str]:
    """What a fresh verdict says about the findings that a plan was for.

    Each of them must be gone. Findings of the same rule that other plans answer do not count against this one.
    """
    before = {key(finding) for finding in findings}
    left = [finding for finding in (*now.findings, *now.warnings) if key(finding) in before]
    if left:
        return Proof.FAILING, f"saw: {left[0].saw}; wanted: {left[0].want}"
    if now.unknown:
        return Proof.UNKNOWN, f"could not be looked at again: {now.unknown[0]}"
    return Proof.FIXED, ""


def key(finding: Finding) -> Key:
    """What makes a finding the same one at the next look, although what was seen may read differently."""
    return finding.node, finding.about, finding.want, finding.severity


def topics_read_by(rule: Rule) -> set[str]:
    """The topics that a rule needs, with those that every judgement may ask: clocks and placements."""
    return {facts.topic for facts in rule.looks_at} | {"nodes", "containers"}


def remedies_of(inventory: Inventory) -> dict[str, Remedy]:
    """Our remedies and those of the inventory's own topics (their module constant REMEDIES, by rule id)."""
    own = {rule: remedy for module in inventory.modules.values() for rule, remedy in remedies_in(module).items()}
    return {**REMEDIES, **own}


def remedies_in(module: ModuleType) -> Mapping[str, Remedy]:
    found: Mapping[str, Remedy] = getattr(module, "REMEDIES", {})
    return found


def known_rules(names: Iterable[str], rules: Iterable[str]) -> frozenset[str]:
    """The rules that --only names: ids, topics, or globs over ids.

    Raises UsageError for a name that is none of them.
    """
    known = list(rules)
    found: set[str] = set()
    for name in names:
        matching = {rule for rule in known if fnmatchcase(rule, name) or rule.partition(".")[0] == name}
        if not matching:
            raise UsageError(f"--only {name}: no such rule", hint=nearest(name, known, "rules"))
        found |= matching
    return frozenset(found)
