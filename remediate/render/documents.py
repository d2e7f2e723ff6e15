"""The same for programs: one JSON document on standard output. Secrets are masked here as everywhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from remediate.masking import masked
from remediate.planning import ByHand, Planned, Proposal, Unknown
from remediate.steps import recorded

if TYPE_CHECKING:
    from fleet.rules import Finding
    from remediate.apply import Ended
    from remediate.exits import Exit

VERSION = 1
Json = dict[str, Any]


def document(inventory: str, proposal: Proposal, ends: Iterable[Ended] | None, exit_code: Exit, run: str = "") -> Json:
    """Everything that was found, planned and done. `outcomes` is null when nothing was to be applied."""
    whole = {
        "schema": VERSION,
        "inventory": inventory,
        "run": run or None,
        "plans": [planned(one) for one in proposal.planned],
        "for_a_person": [by_hand(one) for one in proposal.by_hand],
        "unknown": [unknown(one) for one in proposal.unknown],
        "waived": [{**found(finding), "until": str(waiver.until)} for finding, waiver in proposal.waived],
        "notes": list(proposal.notes),
        "held_back": proposal.held_back or None,
        "outcomes": None if ends is None else [ended(one) for one in ends],
        "exit": int(exit_code),
    }
    cleaned: Json = clean(whole)
    return cleaned


def planned(one: Planned) -> Json:
    plan = one.plan
    return {
        "number": one.number,
        "rule": one.rule.id,
        "subject": one.subject.name,
        "findings": [found(finding) for finding in one.findings],
        "steps": [{**recorded(step), "shown": step.show()} for step in plan.steps],
        "requires": [{"node": one.node, "because": one.because} for one in plan.requires],
        "disturbs": list(plan.disturbs),
        "disturbance": plan.disturbance,
        "undo": plan.undo,
        "success": plan.success,
        "notes": list(plan.notes),
        "after": list(plan.after),
    }


def found(finding: Finding) -> Json:
    return asdict(finding)


def by_hand(one: ByHand) -> Json:
    return {"finding": found(one.finding), "why": one.answer.why, "what_to_do": one.answer.what_to_do}


def unknown(one: Unknown) -> Json:
    return {"rule": one.rule, "subject": one.subject, "why": str(one.why), "hint": one.why.hint}


def ended(one: Ended) -> Json:
    return {
        "number": one.planned.number,
        "outcome": one.end.name.lower(),
        "why": one.why,
        "undone": list(one.undone),
        "rolled_back": one.rolled_back,
    }


def clean(value: Any) -> Any:
    """Every string masked. JSON itself escapes control characters."""
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: clean(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [clean(inner) for inner in value]
    return value
