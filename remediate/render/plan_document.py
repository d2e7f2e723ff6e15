"""A proposal and its outcome as one JSON document for programs. Secrets are masked here as everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from fleetkeeper.redact import masked
from remediate.proposal import ByHand, PlannedChange, Proposal, Unknown
from remediate.steps import journal_form

if TYPE_CHECKING:
    from fleetkeeper.exit_codes import Exit
    from fleetkeeper.judging.finding import Finding
    from remediate.plan_end import PlanEnd

VERSION = 1
Json = dict[str, Any]


KEYS = {
    "schema": f"Version of this document: {VERSION}. A key that goes or changes its meaning makes it another.",
    "inventory": "Name of the inventory.",
    "run": "Id of the run in the journal; null when nothing was to be applied.",
    "plans": "Each plan: `number`, `rule`, `subject`, its `findings`, its `steps` (each with `kind`, `node` and "
    "`shown`, what a person reads), `requires`, what it `disturbs`, `undo`, `success`, `notes`, `after`.",
    "for_a_person": "Findings that nothing here may mend: the `finding`, `why`, and `what_to_do`.",
    "unknown": "What could not be looked at: `rule`, `subject`, `why`, `hint`, and the `cause` it shares with others.",
    "waived": "Findings that are accepted, and `until` when.",
    "notes": "What should be said about waivers, and about users that were lent.",
    "held_back": "Why some plans are withheld; null when none is.",
    "outcomes": "What became of each plan: its `number`, `outcome` (fixed, done, already, still_failing, failed, "
    "unknown, changed, skipped, interrupted), `why`, what was `undone`, whether it was `rolled_back`; null when "
    "nothing was to be applied.",
    "left": "What a last look at everything still finds, as `findings` and `unknown`; null when nothing was applied.",
    "exit": "The exit code.",
}
"""Every key of the document, and what it says."""


@dataclass(frozen=True)
class Applied:
    """A run that was to apply a proposal: how its plans ended, and what a last look still finds (None: no look)."""

    run: str
    ends: Sequence[PlanEnd]
    left: Proposal | None = None


def plan_document(inventory: str, proposal: Proposal, exit_code: Exit, applied: Applied | None = None) -> Json:
    """The document, with the keys that KEYS describes; secrets are masked in every string.

    `applied` is None when nothing was to be applied.
    """
    left = applied.left if applied else None
    whole = {
        "schema": VERSION,
        "inventory": inventory,
        "run": applied.run if applied else None,
        "plans": [planned_document(change) for change in proposal.planned],
        "for_a_person": [by_hand_document(action) for action in proposal.by_hand],
        "unknown": [unknown_document(unknown) for unknown in proposal.unknown],
        "waived": [{**finding_document(finding), "until": str(waiver.until)} for finding, waiver in proposal.waived],
        "notes": list(proposal.notes),
        "held_back": proposal.held_back or None,
        "outcomes": [end_document(end) for end in applied.ends] if applied else None,
        "left": remaining_document(left) if left else None,
        "exit": int(exit_code),
    }
    cleaned: Json = mask_strings(whole)
    return cleaned


def remaining_document(left: Proposal) -> Json:
    """The findings and unknowns of a proposal: what is still wrong or not seen, whoever has to mend it."""
    planned = [finding for change in left.planned for finding in change.findings]
    return {
        "findings": [finding_document(finding) for finding in (*planned, *(action.finding for action in left.by_hand))],
        "unknown": [unknown_document(unknown) for unknown in left.unknown],
    }


def planned_document(change: PlannedChange) -> Json:
    """One plan, as `plans` in KEYS; `plan_document` masks it. Raises Untrusted as `journal_form` does."""
    plan = change.plan
    return {
        "number": change.number,
        "rule": change.rule.id,
        "subject": change.subject.name,
        "findings": [finding_document(finding) for finding in change.findings],
        "steps": [{**journal_form(step), "shown": step.show()} for step in plan.steps],
        "requires": [{"node": require.node, "because": require.because} for require in plan.requires],
        "disturbs": list(plan.disturbs),
        "disturbance": plan.disturbance,
        "undo": plan.undo,
        "success": plan.success,
        "notes": list(plan.notes),
        "after": list(plan.after),
    }


def finding_document(finding: Finding) -> Json:
    """One finding, as `findings` in KEYS."""
    return asdict(finding)


def by_hand_document(action: ByHand) -> Json:
    """One finding for a person, as `for_a_person` in KEYS."""
    return {
        "finding": finding_document(action.finding),
        "why": action.answer.why,
        "what_to_do": action.answer.what_to_do,
    }


def unknown_document(unknown: Unknown) -> Json:
    """One thing that could not be seen, as `unknown` in KEYS."""
    why = unknown.why
    names = {"rule": unknown.rule, "subject": unknown.subject}
    return {**names, "why": str(why), "hint": why.hint, "cause": why.cause}


def end_document(end: PlanEnd) -> Json:
    """The end of one plan, as `outcomes` in KEYS."""
    return {
        "number": end.planned.number,
        "outcome": end.end.name.lower(),
        "why": end.why,
        "undone": list(end.undone),
        "rolled_back": end.rolled_back,
    }


def mask_strings(value: Any) -> Any:
    """A copy of a JSON value with secrets masked in every string but keys; tuples become lists.

    JSON itself escapes control characters.
    """
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, dict):
        return {name: mask_strings(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [mask_strings(inner) for inner in value]
    return value
