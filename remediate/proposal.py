"""From one look to a proposal: which plans there are, in which order, and what only a person can do. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Rule, Subject
from fleetkeeper.judging.verdicts import Verdict
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import Untrusted
from remediate.plan import ForAPerson, Plan, Remedy
from remediate.steps import agreed_to, content_digest
from remediate.sudo_mode import nodes_without_root

GATE = "services.postgres_kept_its_data"
GATED = frozenset({"schedules", "backups", "volumes", "containers"})
"""Topics whose remedies would act on a database that has lost its data: dumps of an empty one evict the real ones."""

TriedBefore = Callable[[str, str, str], str]
"""Rule, subject and memory of a plan → why it must not be tried again; empty when nobody rolled it back."""


def never_tried(rule: str, subject: str, memory: str) -> str:
    """Always empty: without a journal, no plan was tried before."""
    return ""


@dataclass(frozen=True)
class Bounds:
    """The limits of a proposal: the nodes of --limit (empty: all), and `tried`: why a plan is not made again.

    `asks`: a person is going to be asked for consent, and not for what cannot be done for lack of root.
    """

    limit: frozenset[str] = frozenset()
    tried: TriedBefore = never_tried
    asks: bool = False


EVERYTHING = Bounds()


@dataclass(frozen=True)
class PlannedChange:
    """One plan, and the findings that it answers. `number` is its place in the order of application, from 1.

    `dark` are the nodes that could not be seen when it was made.
    """

    number: int
    rule: Rule
    subject: Subject
    findings: tuple[Finding, ...]
    plan: Plan
    dark: frozenset[str] = frozenset()

    @property
    def identity(self) -> str:
        """SHA-256 (hex) of what a person agrees to: the steps that change something, and what they disturb."""
        steps = [agreed_to(step) for step in self.plan.steps if step.changes]
        return content_digest(json.dumps([steps, sorted(self.plan.disturbs)], sort_keys=True).encode())

    @property
    def memory(self) -> str:
        """The text by which a rolled-back plan is recognised: the plan's own, else `identity`."""
        return self.plan.memory or self.identity


@dataclass(frozen=True)
class ByHand:
    """A finding that only a person can answer, with the reason and what to do."""

    finding: Finding
    answer: ForAPerson


@dataclass(frozen=True)
class Unknown:
    """A rule that could not be judged for a subject, or a finding without a plan because a fact could not be seen."""

    rule: str
    subject: str
    why: Unobservable


@dataclass(frozen=True)
class Proposal:
    """Everything that follows from one look.

    `held_back` is the reason why some plans are withheld (empty: none is); `notes` are about waivers, and about changes
    that a stack file lacks. `left` are services that a killed change has left, whatever the call was limited to: while
    there is one, it is never reported that there is nothing to do.
    """

    planned: tuple[PlannedChange, ...] = ()
    by_hand: tuple[ByHand, ...] = ()
    unknown: tuple[Unknown, ...] = ()
    waived: tuple[tuple[Finding, Waiver], ...] = ()
    held_back: str = ""
    notes: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def propose(
    fleet: Fleet,
    verdicts: Iterable[Verdict],
    remedies: Mapping[str, Remedy],
    gate: Iterable[Verdict] = (),
    bounds: Bounds = EVERYTHING,
) -> Proposal:
    """The proposal for these verdicts: a plan for each finding, in order of application, or what a person must do.

    `remedies` are by rule id, in order of application; `gate` are the verdicts of GATE. A waived finding is never
    remedied. `notes` and `left` stay empty: `Session.propose` fills them.
    """
    verdicts, gate = list(verdicts), list(gate)
    answers = [answer for verdict in verdicts for answer in remedy_answers(verdict, fleet, remedies)]
    plans = merge_plans(answer for answer in answers if isinstance(answer, PlannedChange))
    sorted_out = [
        withheld_plans(plan, gate)
        or plans_beyond_limit(plan, bounds.limit)
        or plans_tried_before(plan, bounds.tried)
        or (bounds.asks and plans_without_root(plan, fleet))
        or plan
        for plan in plans
    ]
    kept = order_plans([item for item in sorted_out if isinstance(item, PlannedChange)], list(remedies))
    by_hand = [
        action for answer in answers if isinstance(answer, list) for action in answer if isinstance(action, ByHand)
    ]
    refused = [action for answer in sorted_out if isinstance(answer, list) for action in answer]
    unknown = [Unknown(verdict.rule.id, verdict.subject.name, why) for verdict in verdicts for why in verdict.unknown]
    unplanned = [
        action for answer in answers if isinstance(answer, list) for action in answer if isinstance(action, Unknown)
    ]
    return Proposal(
        planned=tuple(replace(change, number=number) for number, change in enumerate(kept, 1)),
        by_hand=(*by_hand, *refused),
        unknown=(*unknown, *unplanned),
        waived=tuple(pair for verdict in verdicts for pair in verdict.waived),
        held_back=why_gate_is_closed(gate),
    )


def remedy_answers(
    verdict: Verdict, fleet: Fleet, remedies: Mapping[str, Remedy]
) -> Iterator[PlannedChange | list[ByHand | Unknown]]:
    """For each finding or warning of a verdict its plan (with number 0), or a list with the reason why there is none.

    A remedy that raises Unobservable gives an Unknown; one that fails on what the node says, a ByHand.
    """
    for finding in (*verdict.findings, *verdict.warnings):
        remedy = remedies.get(verdict.rule.id)
        try:
            answer = remedy(finding, fleet) if remedy else no_remedy(verdict.rule, finding)
        except Unobservable as why:
            yield [Unknown(verdict.rule.id, verdict.subject.name, why)]
        except Untrusted as why:
            yield [ByHand(finding, ForAPerson(f"nothing is done with what the node says: {why}", finding.hint))]
        except (ValueError, LookupError, TypeError, AttributeError) as odd:
            yield [ByHand(finding, ForAPerson(f"no plan could be made ({type(odd).__name__}: {odd})", finding.hint))]
        else:
            if isinstance(answer, Plan):
                yield PlannedChange(
                    0, verdict.rule, verdict.subject, (finding,), answer, frozenset(why.node for why in verdict.unknown)
                )
            else:
                yield [ByHand(finding, answer)]


def no_remedy(rule: Rule, finding: Finding) -> ForAPerson:
    """The answer to a finding whose rule has no remedy: the rule's reason for that, and the finding's hint."""
    why = rule.person or "there is no remedy for it yet"
    return ForAPerson(why, finding.hint or f"bring about what is wanted: {finding.want}")


def merge_plans(plans: Iterable[PlannedChange]) -> list[PlannedChange]:
    """The plans; those of one rule with the same steps and `requires` become one, with the findings of all.

    In the order of the first of each.
    """
    matches: dict[Any, PlannedChange] = {}
    for plan in plans:
        key = (plan.rule.id, plan.plan.steps, plan.plan.requires)
        change = matches.get(key)
        matches[key] = replace(change, findings=change.findings + plan.findings) if change else plan
    return list(matches.values())


def why_gate_is_closed(gate: Iterable[Verdict]) -> str:
    """Why remedies that could harm the backups must not run; empty when GATE has no finding."""
    for verdict in gate:
        if verdict.findings:
            return f"{verdict.subject.name} may have lost its data: {verdict.findings[0].saw}"
    return ""


def withheld_plans(change: PlannedChange, gate: Sequence[Verdict]) -> list[ByHand]:
    """The findings of a plan that the gate withholds, each with the reason; empty when it does not.

    `gate` are the verdicts of GATE. Only plans of the topics GATED are withheld: all of them while it has a finding
    (the database may have lost its data), and those that delete while it is unknown.
    """
    if change.rule.topic not in GATED:
        return []
    why = why_gate_is_closed(gate)
    doubts = [unknown for judged in gate for unknown in judged.unknown]
    if not why and doubts and "deletion" in change.plan.disturbs:
        why = f"whether the database kept its data is not known: {doubts[0]}"
    answer = ForAPerson(f"held back: {why}", f"first answer {GATE}, then run this again")
    return [ByHand(finding, answer) for finding in change.findings] if why else []


def plans_beyond_limit(change: PlannedChange, limit: Collection[str]) -> list[ByHand]:
    """The findings of a plan that needs a node outside --limit, each with the reason; empty when it does not.

    Such a plan is refused, not reduced.
    """
    outside = sorted(change.plan.nodes - set(limit)) if limit else []
    names = ", ".join(outside)
    answer = ForAPerson(f"the remedy also needs {names}, outside --limit", f"add --limit {' --limit '.join(outside)}")
    return [ByHand(finding, answer) for finding in change.findings] if outside else []


def plans_tried_before(change: PlannedChange, tried: TriedBefore) -> list[ByHand]:
    """The findings of a plan that was rolled back before, each with the reason; empty when it was not."""
    why = tried(change.rule.id, change.subject.name, change.memory)
    answer = ForAPerson(why, "mend the cause first; --again plans it all the same")
    return [ByHand(finding, answer) for finding in change.findings] if why else []


def plans_without_root(change: PlannedChange, fleet: Fleet) -> list[ByHand]:
    """The findings of a plan, each with the reason, where our account is not root on one of its nodes; else empty."""
    lacking = list(nodes_without_root(fleet, change.plan.nodes))
    answers = [ForAPerson(f"not tried: {why}", why.hint) for why in lacking[:1]]
    return [ByHand(finding, answer) for finding in change.findings for answer in answers]


def order_plans(plans: list[PlannedChange], rules: list[str]) -> list[PlannedChange]:
    """The plans in the order of `rules` (ids), except that those named in a plan's `after` go before it.

    `rules` has every plan's rule. Where plans wait for one another in a circle, the first by `rules` goes first.
    """
    left = sorted(plans, key=lambda item: rules.index(item.rule.id))
    done: list[PlannedChange] = []
    while left:
        waiting = {change.rule.id for change in left}
        free = [change for change in left if not waiting & (set(change.plan.after) - {change.rule.id})]
        done.append((free or left)[0])
        left.remove(done[-1])
    return done


def change_count(plan: Plan) -> int:
    """How many changes a plan makes; each deleted file counts as one."""
    return sum(len(getattr(step, "files", ())) or 1 for step in plan.steps if step.changes)
