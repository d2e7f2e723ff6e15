"""What became of each plan, and the journal, as text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from remediate.render.plan_text import Line, safe_line

if TYPE_CHECKING:
    from remediate.journal import PlanRow, RunRow, StepRow
    from remediate.plan_end import PlanEnd

STYLES = {
    "fixed": "good",
    "done": "good",
    "already right": "good",
    "failed": "bad",
    "applied, still failing": "bad",
    "unknown": "loud",
    "interrupted": "loud",
}


def end_lines(ends: Sequence[PlanEnd]) -> Iterator[Line]:
    """A row for each plan: what became of it, on which nodes, and why. Nothing without plans."""
    if not ends:
        return
    yield Line("What was done:", "title")
    width = max(len(ended.end.value) for ended in ends)
    for ended in ends:
        nodes = ", ".join(sorted(ended.planned.plan.nodes))
        about = f"{ended.planned.rule.id} ({safe_line(ended.planned.subject.name)})"
        head = f"  {ended.end.value:<{width}}  {about} on {nodes}"
        yield Line(head, STYLES.get(ended.end.value, ""))
        if ended.why:
            yield Line(f"  {'':<{width}}  {safe_line(ended.why)}")
        if ended.words:
            yield Line(f"  {'':<{width}}  its last words (secrets struck out; kept nowhere else):")
        for word in ended.words:
            yield Line(f"  {'':<{width}}  | {safe_line(word)}", "faint")
        for text in ended.undone:
            yield Line(f"  {'':<{width}}  {safe_line(text)}")
    yield Line()


def run_lines(runs: Iterable[RunRow]) -> Iterator[Line]:
    """A line for each run: id, beginning, who, inventory, exit code, and which run it undoes."""
    for run in runs:
        end = f"exit {run.exit}" if run.ended else "not ended"
        undoes = f", undoes {run.undoes}" if run.undoes else ""
        yield Line(f"{run.id}  {run.started}  {safe_line(run.who)}  {safe_line(run.inventory)}  {end}{undoes}")


def log_lines(run: RunRow, plans: Iterable[PlanRow], steps: Sequence[StepRow]) -> Iterator[Line]:
    """One run in full: its plans, steps, statuses, digests, and what the second look saw; steps of no plan last."""
    yield Line(f"run {run.id} on {safe_line(run.inventory)} by {safe_line(run.who)}, {safe_line(run.program)}", "title")
    yield Line(f"  from {run.started} to {run.ended or 'nobody knows when'}" + run_end_text(run))
    for plan in plans:
        subject = f" ({safe_line(plan.subject)})" if plan.subject else ""
        yield Line(f"{plan.number}. {plan.rule}{subject}: {plan.outcome or 'not ended'}", "head")
        if plan.why:
            yield Line(f"    {safe_line(plan.why)}")
        for step in steps:
            if step.plan == plan.number:
                yield from step_lines(step)
    for step in steps:
        if step.plan == 0:
            yield from step_lines(step)


def run_end_text(run: RunRow) -> str:
    """The exit code as the end of a sentence; empty while there is none."""
    return f", exit {run.exit}" if run.exit is not None else ""


def step_lines(step: StepRow) -> Iterator[Line]:
    """Lines about one step: its state, exit status, digests and harmless text.

    The last two lines only where there is something.
    """
    rc = f", exit {step.rc}" if step.rc is not None else ""
    yield Line(f"    step {step.number} on {step.node}: {safe_line(step.shown)}: {step.state}{rc}")
    if step.before or step.after:
        yield Line(f"      {short_digest(step.before)} → {short_digest(step.after)}", "faint")
    if step.said:
        yield Line(f"      {safe_line(step.said)}", "faint")


def short_digest(digest: str) -> str:
    """A SHA-256 shortened to 12 characters; other words (a user's name) as they are, "nothing" for an empty one.

    >>> short_digest("a" * 64), short_digest("root")
    ('aaaaaaaaaaaa', 'root')
    """
    return digest[:12] if len(digest) == 64 else safe_line(digest) or "nothing"
