"""What should be said about waivers: those that end soon, those that have run out, those that nothing needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.verdicts import Verdict, waiver_covers

SOON = timedelta(days=14)


def waiver_notes(
    waivers: Iterable[Waiver], verdicts: Sequence[Verdict], today: date, *, whole: bool = True
) -> list[str]:
    """One line for each waiver that somebody should look at.

    `whole` says that every rule was judged on every node: only then can a waiver be called unneeded, and not while
    anything is unknown, since that may hide what it is for.
    """
    sure = whole and not any(verdict.unknown for verdict in verdicts)
    lines = [waiver_note(waiver, verdicts, today, sure) for waiver in waivers]
    return [text for text in lines if text]


def waiver_note(waiver: Waiver, verdicts: Sequence[Verdict], today: date, sure: bool) -> str:
    """What to say about one waiver; nothing when all is well with it."""
    used = any(accepting is waiver for verdict in verdicts for _, accepting in verdict.waived)
    over = any(
        waiver_covers(waiver, finding) for verdict in verdicts for finding in (*verdict.findings, *verdict.warnings)
    )
    if waiver.until < today and over:
        return f"{waiver_name(waiver)} ran out on {waiver.until}: what it accepted counts again ({waiver.owner})"
    if used and waiver.until - today <= SOON:
        return f"{waiver_name(waiver)} ends on {waiver.until}, {how_soon(waiver.until - today)} ({waiver.owner})"
    if sure and not used and not over:
        return f"{waiver_name(waiver)} is needed by nothing: take it out ({waiver.owner})"
    return ""


def how_soon(left: timedelta) -> str:
    """When something ends, for people.

    >>> how_soon(timedelta(0)), how_soon(timedelta(1)), how_soon(timedelta(2))
    ('today', 'tomorrow', 'in 2 days')
    """
    return {0: "today", 1: "tomorrow"}.get(left.days, f"in {left.days} days")


def waiver_name(waiver: Waiver) -> str:
    """The waiver as its owner knows it.

    >>> waiver_name(Waiver(rule="a.b", subject="web", until=date(2027, 1, 31), owner="me", because="so"))
    'the waiver of a.b for web'
    """
    subject = f" for {waiver.subject}" if waiver.subject != "*" else ""
    node = f" on {waiver.node}" if waiver.node != "*" else ""
    return f"the waiver of {waiver.rule}{subject}{node}"
