"""Notes about waivers: those that end soon, have expired, lack their reason, and those that nothing needs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from fleetkeeper.inventory.schema import FILL_IN, Waiver
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.acceptance import waiver_covers
from fleetkeeper.judging.verdicts import Verdict

SOON = timedelta(days=14)


def waiver_notes(
    waivers: Iterable[Waiver], verdicts: Sequence[Verdict], today: date, *, whole: bool = True
) -> list[str]:
    """One line for each waiver that expired with findings, lacks its reason, ends within 14 days, or is not needed.

    `whole` says that every rule was judged on every node: only then, and while no verdict is unknown, can a waiver be
    reported as not needed.
    """
    sure = whole and not any(verdict.unknown for verdict in verdicts)
    listed = list(waivers)
    lines = [waiver_note(waiver, verdicts, today, sure) for waiver in listed if not waiver.lacks_reason]
    return [text for text in (*lines, unfilled_note([waiver for waiver in listed if waiver.lacks_reason])) if text]


def unfilled_note(unfilled: Sequence[Waiver]) -> str:
    """The note about waivers whose reason a person has yet to write; "" when there are none."""
    if not unfilled:
        return ""
    owners = ", ".join(sorted({waiver.owner for waiver in unfilled}))
    verb = "accepts" if len(unfilled) == 1 else "accept"
    number = count_of(len(unfilled), "waiver")
    return f"{number} in the inventory {verb} nothing: the reason still says {FILL_IN} ({owners})"


def waiver_note(waiver: Waiver, verdicts: Sequence[Verdict], today: date, sure: bool) -> str:
    """The note about one waiver; "" when there is nothing to report. `sure` allows to report it as not needed.

    `verdicts` are all of the audit. The waiver must have its reason: see `unfilled_note` for the others. `today` is by
    the date of the look, in UTC.
    """
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
    """The time left in words. "today", "tomorrow" or "in N days".

    >>> how_soon(timedelta(0)), how_soon(timedelta(1)), how_soon(timedelta(2))
    ('today', 'tomorrow', 'in 2 days')
    """
    return {0: "today", 1: "tomorrow"}.get(left.days, f"in {left.days} days")


def waiver_name(waiver: Waiver) -> str:
    """How messages name a waiver: by its rule, and its subject and node unless they are `*`.

    >>> waiver_name(Waiver(rule="a.b", subject="web", until=date(2027, 1, 31), owner="me", because="so"))
    'the waiver of a.b for web'
    """
    subject = f" for {waiver.subject}" if waiver.subject != "*" else ""
    node = f" on {waiver.node}" if waiver.node != "*" else ""
    return f"the waiver of {waiver.rule}{subject}{node}"
