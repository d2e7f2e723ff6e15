"""`remediate backups list`: every backup with what is known about it, and why it stays or may go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.units import count_of, show_size
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.backup import NO_REASON, Backup
from fleetkeeper.topics.backups.catalog import UNFINISHED, Catalog, true_clock, unfinished_dumps
from fleetkeeper.topics.backups.database.facts import Drill
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import Retention, apply_keep
from fleetkeeper.topics.backups.rules.drills import failed_drill
from fleetkeeper.transport.commands import Unobservable
from remediate.backups.context import Desk
from remediate.render.plan_text import Line, safe_line

TOPICS = ("nodes", "backups", "databases")


@dataclass(frozen=True)
class BackupRow:
    """One backup as it is listed. `age` is in seconds; `reasons` say why it stays, or why thinning may remove it.

    `drill` is its last drill, unless that was refused.
    """

    backup: Backup
    age: float
    stays: bool
    reasons: tuple[str, ...]
    drill: Drill | None = None

    @property
    def said(self) -> str:
        """Its state as text, with the reason if there is one."""
        return "in progress" if self.backup.growing else f"{self.backup.state}: {self.backup.why}".removesuffix(": ")

    def document(self) -> dict[str, Any]:
        """The row as a JSON object: name, time (ISO 8601), age, size, state and why, whether it stays, its last drill.

        `age_seconds` and `bytes` are numbers; `state` is "in progress" for a file that grows. `drilled` is the time of
        a drill that succeeded, `drill_error` what failed: null in any other case.
        """
        backup = self.backup
        return {
            "name": backup.name,
            "time": backup.time.isoformat(),
            "age_seconds": round(self.age),
            "bytes": backup.file.size,
            "state": "in progress" if backup.growing else backup.state,
            "why": backup.why,
            "stays": self.stays,
            "reasons": list(self.reasons),
            "drilled": self.drill.at.isoformat() if self.drill and not self.drill.error else None,
            "drill_error": self.drill.error if self.drill and self.drill.error else None,
        }

    @property
    def tried(self) -> str:
        """The result of its last drill as text; empty when there was none."""
        if self.drill is None:
            return ""
        day = f"on {self.drill.at:%Y-%m-%d}"
        return f"did not come back {day}: {self.drill.error}" if self.drill.error else f"came back in a drill {day}"


def show(desk: Desk) -> Exit:
    """List the backups, newest first, as a table or as JSON. Returns the exit code. Nothing is changed.

    NOT_ALL_SEEN, with the reason shown, when they could not be seen.
    """
    fleet = desk.look(*TOPICS)
    try:
        catalog, now = desk.catalog(fleet), true_clock(fleet, desk.policy.volume.node)
        rows = list(held_up(fleet, backup_rows(catalog, desk.policy, now, drills_by_name(fleet))))
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    if desk.screen.json:
        desk.screen.document({"schema": 1, "backups": [row.document() for row in rows]})
    desk.screen.lines(table_lines(rows))
    desk.screen.lines(part_lines(unfinished_dumps(catalog, desk.policy, now)))
    desk.screen.lines(summary_lines(rows, desk.policy))
    return Exit.NOTHING_LEFT


def held_up(fleet: Fleet, rows: Iterable[BackupRow]) -> Iterator[BackupRow]:
    """The rows; those that nothing removes now, whatever `keep` says, are marked as staying, with the reason.

    After a failed drill that is every backup that is not broken; while the records could not be seen, every one.
    """
    policy = fleet.inventory.section(Policy)
    try:
        hold = failed_drill(fleet, policy)
    except Unobservable as why:
        unseen = f"nothing goes while the record of the database is not seen: {why}"
        yield from (row if row.stays else replace(row, stays=True, reasons=(unseen,)) for row in rows)
        return
    for row in rows:
        stays = row.stays or hold is None or row.backup.state == "broken"
        yield row if stays or hold is None else replace(row, stays=True, reasons=(hold.why,))


def drills_by_name(fleet: Fleet) -> dict[str, Drill]:
    """By name of a backup its last drill, without refused ones; empty when the records could not be read."""
    try:
        records = fleet.of(fleet.inventory.section(Policy).volume.node, Databases).records
    except Unobservable:
        return {}
    drills = () if records is None or isinstance(records, Unobservable) else records.drills
    return {drill.backup: drill for drill in drills if not drill.refused}


def backup_rows(catalog: Catalog, policy: Policy, now: datetime, drilled: dict[str, Drill]) -> Iterator[BackupRow]:
    """A row for each backup, newest first. `drilled` is as `drills_by_name` returns it. Pure.

    As if `keep` were applied at `now`.
    """
    retention: Retention = apply_keep(catalog, policy, now)
    kept = {kept.backup.name: kept.reasons for kept in retention.kept}
    gone = {excess.backup.name: (excess.reason,) for excess in retention.excess}
    for backup in catalog.backups:
        reasons = kept.get(backup.name) or gone[backup.name]
        age = (now - backup.time).total_seconds()
        yield BackupRow(backup, age, backup.name in kept, reasons, drilled.get(backup.name))


def table_lines(rows: list[BackupRow]) -> Iterator[Line]:
    """The rows as lines of text, in columns; one line when there are none."""
    if not rows:
        yield Line("there is no backup")
    width = max((len(safe_line(row.backup.name)) for row in rows), default=0)
    for row in rows:
        style = {"complete": "", "broken": "bad", "unknown": "loud"}[row.backup.state]
        text = "; ".join(filter(None, (*state_and_fate(row), row.tried)))
        size = show_size(row.backup.file.size)
        yield Line(
            f"{safe_line(row.backup.name):<{width}}  {shown_age(row.age):>9}  {size:>9}  {safe_line(text)}", style
        )


def state_and_fate(row: BackupRow) -> tuple[str, ...]:
    """What is known of a backup, and whether it stays, with the reasons; one reason for both is said once."""
    fate = f"{'stays' if row.stays else 'may go'}: {', '.join(row.reasons)}"
    if row.backup.state == "unknown" and row.stays and row.reasons == (row.backup.doubt,):
        return (f"unknown, so it stays: {row.backup.why or NO_REASON}",)
    return row.said, fate


def part_lines(parts: Iterable[File]) -> Iterator[Line]:
    """A line for each file that an unfinished dump left: name, size, and that it is unfinished."""
    for part in parts:
        yield Line(f"{safe_line(part.name)}  {show_size(part.size)}  {UNFINISHED}", "loud")


def summary_lines(rows: list[BackupRow], policy: Policy) -> Iterator[Line]:
    """One line: how many backups there are, their size on the disk, and how much of it may go; nothing without any."""
    if rows:
        gone = [row.backup.file.blocks for row in rows if not row.stays]
        freed = f"; {len(gone)} may go, {show_size(sum(gone))}" if gone else "; all of them stay"
        total = show_size(sum(row.backup.file.blocks for row in rows))
        yield Line(f"{count_of(len(rows), 'backup')} in {policy.volume.name} on {policy.volume.node}, {total}{freed}")


def shown_age(seconds: float) -> str:
    """An age in seconds as text for a person, with its largest unit only.

    >>> shown_age(100000), shown_age(59), shown_age(-7200)
    ('1 d', '59 s', 'in 2 h')
    """
    if seconds < 0:
        return f"in {shown_age(-seconds)}"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"
