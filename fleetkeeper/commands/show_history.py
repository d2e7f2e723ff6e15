"""`fleetkeeper history [RULE]`: the findings that whole audits remember, from their beginning to their end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, complete_rules, named_or_last

if TYPE_CHECKING:
    from fleetkeeper.reports.finding_intervals import Interval

FEW = 5
"""Under so many repairs their times are listed, and not summed up."""


@click.command()
@click.argument("rule", required=False, default="", shell_complete=complete_rules)
@HOSTS
@STATE
def history(rule: str, hosts: str | None, state: Path | None) -> None:
    """Show when findings began, and when and how they ended, as whole audits saw them; of a RULE, or of all.

    Open ones come first, the oldest first. RULE is the id of a rule, a topic, or a glob. Nothing is looked at.
    """
    from fleetkeeper.audit import open_audit
    from fleetkeeper.judging.rule import matching_rules
    from fleetkeeper.reports.finding_intervals import InventoryFile, open_history
    from fleetkeeper.state import directory
    from fleetkeeper.topics.registry import rules_of
    from fleetkeeper.untrusted import one_line

    inventory = open_audit(named_or_last(hosts, state), state=state).only_inventory()
    notes: list[str] = []
    now = datetime.now(UTC)
    with open_history(directory(state), now, notes, write=False) as memory:
        intervals = memory.intervals(InventoryFile(inventory.name, inventory.path)) if memory else []
    for note in notes:
        click.echo(one_line(note), err=True)
    if rule:
        matches = matching_rules([rule], {*rules_of(inventory), *(interval.rule for interval in intervals)})
        intervals = [interval for interval in intervals if interval.rule in matches]
    for line in history_lines(intervals, now):
        click.echo(one_line(line))


def history_lines(intervals: Sequence[Interval], now: datetime) -> Iterator[str]:
    """The lines of the command: open findings, ended ones, and how long repairs took."""
    if not intervals:
        yield "no finding is remembered"
        return
    open_ = [interval for interval in intervals if interval.closed is None]
    ended = [interval for interval in intervals if interval.closed is not None]
    for interval in sorted(open_, key=lambda each: (each.opened, each.rule, each.subject, each.node)):
        yield f"open   since {day_of(interval.opened)} ({age_text(interval.opened, now)})  {name_of_finding(interval)}"
    for interval in sorted(ended, key=lambda each: (-(each.closed or 0), each.rule, each.subject, each.node)):
        yield (
            f"{interval.ending or 'ended':<9} {day_of(interval.opened)} to {day_of(interval.closed or 0)}"
            f"  {name_of_finding(interval)}"
        )
    yield repair_line(open_, ended, now)


def repair_line(open_: Sequence[Interval], ended: Sequence[Interval], now: datetime) -> str:
    """How many days repairs took in the last 90 days, beside the age of what is still open.

    Those that the inventory no longer asks for, or that were accepted, are no repairs.
    """
    from statistics import median

    begin = (now - timedelta(days=90)).timestamp()
    repaired = [each for each in ended if each.ending == "gone" and (each.closed or 0) >= begin]
    days = sorted(round(((each.closed or 0) - each.opened) / 86400) for each in repaired)
    oldest = f"; the oldest open one is {age_text(min(each.opened for each in open_), now)} old" if open_ else ""
    if not days:
        return f"repaired in 90 days: none{oldest}"
    took = f"median {median(days):g} d" if len(days) >= FEW else ", ".join(f"{each} d" for each in days)
    return f"repaired in 90 days: {len(days)} ({took}){oldest}"


def name_of_finding(interval: Interval) -> str:
    """Rule, subject and node of a finding."""
    return f"{interval.rule} [{interval.subject}]" + (f" on {interval.node}" if interval.node else "")


def day_of(moment: int) -> str:
    """The day of a time in seconds since 1970, in UTC.

    >>> day_of(1796076000)
    '2026-11-30'
    """
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d}"


def age_text(moment: int, now: datetime) -> str:
    """How many days ago a time was."""
    return f"{max(0, int((now.timestamp() - moment) // 86400))} d"
