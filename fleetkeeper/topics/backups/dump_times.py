"""When a backup was made: from its name, in the policy's time zone, held against its mtime; and how old it may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice, pairwise, takewhile
from zoneinfo import ZoneInfo

from cronsim import CronSim

from fleetkeeper.readers.numbers import LATEST
from fleetkeeper.topics.backups.policy import Policy

EARLY = timedelta(minutes=5)
"""How much older than its name a file may be: the clocks of two nodes are never quite the same."""
WRITING = timedelta(hours=6)
"""How much younger than its name a file may be: the name is the start of a dump, the mtime its end."""
YEARS = range(1970, 9000)
"""What can be reckoned with in every time zone: a name of the year 9999 is no backup's."""
MANY = 5000
SELDOM = 20


def stamp_in_name(name: str, pattern: str) -> datetime | None:
    """The local time in a file's name; None when the name is not exactly of the pattern.

    >>> stamp_in_name("backup_2026_01_02T03_04_05.sql.gz", "backup_%Y_%m_%dT%H_%M_%S.sql.gz")
    datetime.datetime(2026, 1, 2, 3, 4, 5)
    >>> stamp_in_name("backup_2026_1_2T3_4_5.sql.gz", "backup_%Y_%m_%dT%H_%M_%S.sql.gz") is None
    True
    """
    try:
        local = datetime.strptime(name, pattern)
    except ValueError:
        return None
    return local if local.strftime(pattern) == name and local.year in YEARS else None


def moment_of_stamp(local: datetime, zone: ZoneInfo, mtime: float) -> datetime:
    """The instant that a stamp means, in UTC.

    The hour that comes twice in autumn is ambiguous: the mtime tells which of the two it was, or else the earlier.
    """
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return second if second > first and times_agree(second, mtime) else first


def times_agree(named: datetime, mtime: float) -> bool:
    """Whether a file was written when its name says that its dump was started."""
    return -EARLY <= written_at(mtime) - named <= WRITING


def written_at(mtime: float) -> datetime:
    """When a file was written, in UTC. File systems know times that no calendar does: the nearest that can be told.

    >>> written_at(1e12).year, written_at(-1e12).year, written_at(float("nan")).year
    (9000, 1970, 1970)
    """
    return datetime.fromtimestamp(min(mtime, LATEST) if mtime > 0 else 0.0, UTC)


def max_age(policy: Policy, now: datetime) -> timedelta:
    """How old the newest complete backup may be: what the policy says, else the schedule's longest gap and grace."""
    return policy.max_age or longest_gap(policy.schedule, policy.timezone, now.year) + policy.grace


@lru_cache
def longest_gap(schedule: str, timezone: str, year: int) -> timedelta:
    """The longest time between two runs from the start of a year on, as it really passes (in UTC).

    Twice a day is thirteen hours apart once a year, in the night when the clocks go back.

    >>> longest_gap("0 0,12 * * *", "America/Toronto", 2026), longest_gap("0 0,12 * * *", "UTC", 2026)
    (datetime.timedelta(seconds=46800), datetime.timedelta(seconds=43200))
    """
    start = datetime(year, 1, 1, tzinfo=ZoneInfo(timezone))
    year_on = takewhile(lambda run: run < start + timedelta(days=400), CronSim(schedule, start))
    due = list(islice(year_on, MANY))
    if len(due) < 3:
        due = list(islice(CronSim(schedule, start), SELDOM))
    instants = [run.astimezone(UTC) for run in due]
    gap = max((after - before for before, after in pairwise(instants)), default=timedelta(days=366))
    # A schedule too dense to be followed through a whole year may have met no change of clocks yet.
    return gap + timedelta(hours=1) if len(due) == MANY else gap
