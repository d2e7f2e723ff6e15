"""What `remediate --nightly` did, kept in a small file for the audit of the next morning, which tells it.

The file is written when a night's repairs begin, and again when they end: one without an end was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fleetkeeper.exit_codes import MEANINGS, Exit
from fleetkeeper.inventory.units import count_of
from fleetkeeper.reports.history import file_of
from fleetkeeper.reports.results import write_results
from fleetkeeper.untrusted import one_line

VERSION = 1
OVERDUE = timedelta(hours=26)
SHOWN = 5


@dataclass(frozen=True)
class RepairEnd:
    """How one plan of the night ended: `outcome` in words, and the reason."""

    rule: str
    subject: str
    outcome: str
    why: str = ""


@dataclass(frozen=True)
class NightRepairs:
    """One night's repairs. `started` and `ended` are ISO 8601 in UTC; `ended` is empty until they ended.

    `run` is the id in the journal, empty when nothing was to be done; `exit` is the exit code, `why` an error.
    """

    started: str
    ended: str = ""
    run: str = ""
    exit: int | None = None
    ends: tuple[RepairEnd, ...] = ()
    why: str = ""


def repairs_file(state: Path, name: str, path: str) -> Path:
    """The file about the last night's repairs of an inventory, by its name and the path of its file."""
    memory = file_of(state, name, path)
    return memory.with_name(memory.name.replace("open-", "repairs-", 1))


def remember_repairs(file: Path, night: NightRepairs) -> None:
    """Write what is known about a night's repairs. Raises OSError."""
    write_results(file, {"schema": VERSION, **asdict(night)})


def recall_repairs(file: Path) -> NightRepairs | None:
    """The last night's repairs; None when there is no file, or it makes no sense, or is of another version."""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        if content.pop("schema") != VERSION:
            return None
        ends = tuple(RepairEnd(**end) for end in content.pop("ends"))
        night = NightRepairs(**content, ends=ends)
        datetime.fromisoformat(night.started)
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None
    return night


def repair_lines(night: NightRepairs | None, previous: str, now: datetime) -> Iterator[str]:
    """The lines about the last night's repairs, of an inventory that asks for them.

    `previous` is when the last whole audit before ended (ISO 8601, UTC; empty without one): what it told is not again.
    None (never made), and a night that began more than 26 hours ago, are told every time. Nothing when the last night
    was told already.
    """
    if night is None:
        yield "no nightly repairs have been made from this state directory: does `remediate --nightly` run?"
    elif now - datetime.fromisoformat(night.started) > OVERDUE:
        yield f"no nightly repairs since {night.started[:16].replace('T', ' ')} UTC: does `remediate --nightly` run?"
    elif night.started > previous:
        yield from night_lines(night)


def night_lines(night: NightRepairs) -> Iterator[str]:
    """What one night's repairs did: a line in numbers, and one for each plan, at most SHOWN.

    Or one line that they did not end, or were not made, and why.
    """
    log = f" (`remediate log {night.run}`)" if night.run else ""
    if not night.ended:
        yield "last night's repairs began and never came to their end: `remediate log` says what was done"
        return
    if night.why:
        yield one_line(f"last night's repairs were not made: {night.why}")
        return
    outcomes = [end.outcome for end in night.ends]
    numbers = ", ".join(f"{outcomes.count(outcome)} {outcome}" for outcome in dict.fromkeys(outcomes))
    meaning = MEANINGS[Exit(night.exit)] if night.exit in set(Exit) else ""
    yield f"last night's repairs: {numbers or 'no plan'}; exit {night.exit}, {meaning}{log}"
    for end in night.ends[:SHOWN]:
        yield one_line(f"  {end.outcome}  {end.rule} [{end.subject}]{': ' + end.why if end.why else ''}")
    if len(night.ends) > SHOWN:
        yield f"  and {count_of(len(night.ends) - SHOWN, 'other plan')}"
