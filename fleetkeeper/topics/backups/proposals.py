"""Proposed values for an inventory where nothing on the servers gives them: how many backups stay, in how much room."""

from __future__ import annotations

from itertools import takewhile
from math import ceil, log10
from zoneinfo import ZoneInfo

from cronsim import CronSim

from fleetkeeper.inventory.survey_results import Backups
from fleetkeeper.inventory.units import BYTES
from fleetkeeper.topics.backups.policy import WHEN

KEEP = {"last": 4, "daily": 14, "weekly": 8, "monthly": 12, "yearly": 10}
A_WEEK = 7
HEADROOM = 2
LEAST = 16 * 2**20
FREE = 2**30
STEPS = (1, 1.5, 2, 3, 4, 5, 6, 8, 10)


def propose_budget(backups: Backups) -> int:
    """A budget in bytes: as many dumps as `KEEP` keeps and a week of runs, each as large as the newest, twice over.

    Rounded up to what people write, and at least `LEAST`. Never more than four fifths of the bytes that the volume
    takes and that are free on its disk, where the free ones are known (not 0). Raises CronSimError where the schedule
    is no five fields.
    """
    files = sum(KEEP.values()) + A_WEEK * runs_a_day(backups.schedule)
    proposed = round_up(max(LEAST, HEADROOM * files * max(backups.newest, 1)))
    room = (backups.used + backups.free) * 4 // 5
    return min(proposed, rounded_down(room)) if backups.free else proposed


def runs_a_day(schedule: str) -> int:
    """How many times a day a cron schedule runs, rounded up; at least 1.

    >>> runs_a_day("0 0,12 * * *"), runs_a_day("0 3 * * 0")
    (2, 1)
    """
    start = WHEN.replace(hour=0, minute=0, second=0, tzinfo=ZoneInfo("UTC"))
    runs = sum(1 for _ in takewhile(lambda run: (run - start).days < A_WEEK, CronSim(schedule, start)))
    return max(1, ceil(runs / A_WEEK))


def round_up(count: int) -> int:
    """The same or the next larger amount that people write: 1, 1.5, 2, 3, … of the largest binary unit.

    >>> round_up(17 * 2**20) // 2**20, round_up(130 * 2**30) // 2**30
    (20, 150)
    """
    unit, number = unit_and_number(count)
    scale = 10 ** int(log10(max(number, 1)))
    return int(next(step for step in STEPS if step * scale >= number) * scale * unit)


def rounded_down(count: int) -> int:
    """The same or the next smaller number of bytes that people write, as for `round_up`."""
    unit, number = unit_and_number(count)
    scale = 10 ** int(log10(max(number, 1)))
    return int(max([step for step in STEPS if step * scale <= number] or [1]) * scale * unit)


def unit_and_number(count: int) -> tuple[int, float]:
    """The largest binary unit (in bytes) that is not above a number of bytes, and the number in that unit."""
    unit = max(BYTES[name] for name in ("B", "KiB", "MiB", "GiB", "TiB") if BYTES[name] <= max(count, 1))
    return unit, count / unit


def propose_free(backups: Backups) -> int | None:
    """The bytes that must stay free on the disk; None where the default of one GiB does.

    A value is proposed where less than 2 GiB are free: the default would be most of it already.
    """
    room = backups.used + backups.free
    return rounded_down(room // 20) if backups.free and backups.free < 2 * FREE and room else None
