"""A proposal as text: what is wrong, the exact change, what it disturbs, and the way back.

Plain lines with the name of a style each; colours are added where the terminal is known. Text of a server is escaped
here, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from fleetkeeper.inventory.units import count_of
from fleetkeeper.redact import masked
from fleetkeeper.untrusted import one_line, printable_text
from remediate.consent import HARMLESS, lacking_consent
from remediate.plan import Plan

if TYPE_CHECKING:
    from fleetkeeper.judging.finding import Finding
    from remediate.proposal import ByHand, PlannedChange, Proposal, Unknown


FOLD, ENOUGH = 24, 6
"""A list of more removed lines than FOLD shows this many of its first and last."""


class Line(NamedTuple):
    """One line, and the name of its style (empty: plain)."""

    text: str = ""
    style: str = ""


def safe_line(text: str) -> str:
    """One line of text from anywhere, without secrets and without control characters."""
    return one_line(masked(text))


def indent_lines(text: str, by: str) -> Iterator[str]:
    """The lines of a text, masked and printable, each with `by` in front."""
    return (f"{by}{printable_text(masked(line))}" for line in text.split("\n"))


def steps_text(plan: Plan) -> str:
    """The steps as text, to which consent is given; masked and printable, nothing folded."""
    return "\n".join(line.text for line in step_lines(plan))


def step_heads(plan: Plan) -> str:
    """The first line of each step as text, for the journal, which never holds the content of a file."""
    return "\n".join(f"on {step.node}: {safe_line(step.show().partition(chr(10))[0])}" for step in plan.steps)


def shown_steps(plan: Plan, before: str = "") -> Iterator[Line]:
    """The lines of a plan's steps on the terminal, long lists folded; `before` names an earlier plan with them."""
    if before:
        yield Line(f"    the same steps as {before}: done once", "step")
        return
    lines = list(step_lines(plan))
    removed = [line for line in lines if line.style == "removed"]
    hidden = set(map(id, removed[ENOUGH:-ENOUGH])) if len(removed) > FOLD else set()
    for line in lines:
        if id(line) not in hidden:
            yield line
        if hidden and line is removed[ENOUGH - 1]:
            yield Line(f"       … and {len(hidden)} more like these (--json lists all) …", "faint")


def step_lines(plan: Plan) -> Iterator[Line]:
    """All lines of a plan's steps. Secrets are masked in all but the first of each."""
    several = len({step.node for step in plan.steps}) > 1 or len(plan.steps) > 1
    for number, step in enumerate(plan.steps, 1):
        first, *rest = step.show().split("\n")
        head = f"{number}. " if several else ""
        yield Line(f"    {head}on {step.node}: {safe_line(first)}", "step")
        for text in rest:
            yield Line(f"       {printable_text(masked(text))}", diff_style(text))


def diff_style(text: str) -> str:
    """The name of the style for a line of a step: added, removed, or faint."""
    return {"+": "added", "-": "removed"}.get(text.lstrip()[:1], "faint")


def plan_lines(change: PlannedChange, total: int, before: str = "") -> Iterator[Line]:
    """The lines about one plan of `total`. `before` names the earlier one that has the same steps, if any.

    In order: findings, why it matters, steps, conditions, what it disturbs, way back, success, notes.
    """
    subject = f" ({safe_line(change.subject.name)})" if change.subject.name else ""
    yield Line(f"{change.number}/{total}  {change.rule.id}{subject}", "head")
    yield Line("  wrong:", "label")
    yield from (Line(f"    {finding_text(finding)}") for finding in change.findings)
    yield from (
        Line(f"  why it matters: {safe_line(why)}", "label")
        for why in dict.fromkeys(f.why for f in change.findings)
        if why
    )
    yield Line("  change:", "label")
    yield from shown_steps(change.plan, before)
    for require in change.plan.requires:
        yield Line(f"  only while: {safe_line(require.because)} ({require.node})", "label")
    loud = "loud" if needs_consent(change.plan) else "label"
    yield Line(f"  disturbs: {safe_line(change.plan.disturbance)}{consent_note(change.plan)}", loud)
    yield Line(f"  way back: {safe_line(change.plan.undo)}", "label")
    yield Line(f"  fixed when: {safe_line(change.plan.success)}", "label")
    for note in change.plan.notes:
        yield Line(f"  note: {safe_line(note)}", "label")


def needs_consent(plan: Plan) -> bool:
    """Whether the plan disturbs something for which --yes is not enough."""
    return bool(lacking_consent(plan, HARMLESS))


def consent_note(plan: Plan) -> str:
    """A note with the words that --allow needs for the plan; empty when it needs none."""
    words = lacking_consent(plan, HARMLESS)
    return f" [needs --allow {','.join(words)}]" if words else ""


def hand_lines(by_hand: Iterable[ByHand]) -> Iterator[Line]:
    """Lines about what a person must do, the findings of one rule together; errors first, then warnings."""
    groups: dict[tuple[bool, str, str], list[ByHand]] = {}
    for action in sorted(by_hand, key=lambda item: item.finding.severity == "warning"):
        groups.setdefault((action.finding.severity == "warning", action.finding.rule, action.answer.why), []).append(
            action
        )
    for (warning, rule, why), group in groups.items():
        yield Line(f"  {rule}{' (warning)' if warning else ''}: {safe_line(why)}", "head")
        advice = ""
        for action in sorted(group, key=lambda item: item.answer.what_to_do):
            if action.answer.what_to_do != advice:
                advice = action.answer.what_to_do
                yield from (Line(text) for text in indent_lines(f"to do: {advice}", "    "))
            yield Line(f"      {finding_text(action.finding)}", "faint")


def finding_text(finding: Finding) -> str:
    """One line: where, what was seen, what was wanted."""
    names = (finding.node, finding.about or finding.subject)
    where = ", ".join(dict.fromkeys(name for name in names if name))
    return f"{safe_line(where)}: {safe_line(finding.saw)}; wanted: {safe_line(finding.want)}"


def unknown_lines(unknown: Iterable[Unknown]) -> Iterator[Line]:
    """A line for each cause, else each reason, why something could not be seen, however many rules it concerns.

    Then its hint, if any; the line names the node, the first rule and how many others. In the order of the first of
    each; the same cause on two nodes, or with two hints, has two lines.
    """
    reasons: dict[tuple[str, str], list[str]] = {}
    for item in unknown:
        cause = str(replace(item.why, why=item.why.cause or item.why.why))
        reasons.setdefault((cause, item.why.hint), []).append(item.rule)
    for (why, hint), rules in reasons.items():
        rest = f" and {count_of(len(set(rules)) - 1, 'other promise')}" if len(set(rules)) > 1 else ""
        yield Line(f"    {safe_line(why)} ({rules[0]}{rest})")
        if hint:
            yield Line(f"      hint: {safe_line(hint)}", "faint")


def proposal_lines(proposal: Proposal, inventory: str) -> Iterator[Line]:
    """All lines about a proposal, its summary last.

    In order: plans, what is for a person, unknown, notes, what is held back.
    """
    first: dict[str, str] = {}
    for change in proposal.planned:
        steps = steps_text(change.plan)
        yield from plan_lines(change, len(proposal.planned), first.get(steps, ""))
        yield Line()
        first.setdefault(steps, f"{change.number}/{len(proposal.planned)}")
    yield from section_lines("For a person", hand_lines(proposal.by_hand))
    yield from section_lines("Could not be looked at", unknown_lines(proposal.unknown))
    yield from section_lines("Notes", (Line(f"  {safe_line(note)}") for note in proposal.notes))
    if proposal.held_back:
        yield Line(f"Held back: {safe_line(proposal.held_back)}", "loud")
    yield Line(proposal_summary(proposal, inventory), "head")


def section_lines(title: str, lines: Iterable[Line]) -> Iterator[Line]:
    """A title, the lines and an empty line; nothing without lines."""
    matches = list(lines)
    if matches:
        yield Line(f"{title}:", "title")
        yield from matches
        yield Line()


def count_for_person(by_hand: Sequence[ByHand]) -> Iterator[str]:
    """How many findings and how many warnings there are for a person, in words; nothing for none of a kind."""
    warnings = sum(action.finding.severity == "warning" for action in by_hand)
    for number, word in ((len(by_hand) - warnings, "finding"), (warnings, "warning")):
        if number:
            yield f"{count_of(number, word)} for a person"


def proposal_summary(proposal: Proposal, inventory: str) -> str:
    """One line: how many plans, findings and warnings for a person, unknowns and waived findings, or nothing to do."""
    parts = [
        count_of(len(proposal.planned), "plan") if proposal.planned else "",
        *count_for_person(proposal.by_hand),
        f"{count_of(len(proposal.unknown), 'unknown')}" if proposal.unknown else "",
        f"{len(proposal.waived)} waived" if proposal.waived else "",
    ]
    if proposal.left:
        parts.append(
            f"{count_of(len(proposal.left), 'service')} that a killed change has left unfinished (see the notes)"
        )
    text = ", ".join(part for part in parts if part)
    return f"{inventory}: {text}" if text else f"{inventory}: nothing to do"
