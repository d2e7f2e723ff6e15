"""When a backup was made: by its name, in the policy's time zone, compared with its mtime; and how old it may be."""

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
    """The local time in a file's name, without a time zone; None when the name is not exactly of the strftime pattern.

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
    """The instant (UTC) of a local time from a file's name. `mtime` is in epoch seconds.

    The hour that comes twice in autumn is ambiguous: the mtime decides which of the two it was, or else the earlier.
    """
    first, second = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    return second if second > first and times_agree(second, mtime) else first


def moment_of_name(name: str, policy: Policy, mtime: float) -> datetime | None:
    """The instant (UTC) at which a backup was made by its name; None when the name is not exactly of the pattern.

    A name that holds only the day takes its time from `mtime` (epoch seconds) while that lies within this day of the
    policy's time zone. A dump that was written beyond midnight was begun in the day's last second; where the mtime does
    not agree with the day at all, the day's midnight counts.
    """
    local = stamp_in_name(name, policy.pattern)
    if local is None:
        return None
    return moment_of_day(local, policy.zone, mtime) if policy.by_day else moment_of_stamp(local, policy.zone, mtime)


def moment_of_day(day: datetime, zone: ZoneInfo, mtime: float) -> datetime:
    """The instant (UTC) for a name that holds only a day: see `moment_of_name`. `day` is its local midnight.

    The mtime if it is on that day, the day's last second if it is soon after, else its midnight.

    >>> toronto, day = ZoneInfo("America/Toronto"), datetime(2026, 11, 22)
    >>> at_two = datetime(2026, 11, 22, 2, tzinfo=toronto).timestamp()
    >>> [str(moment_of_day(day, toronto, at_two + hours * 3600)) for hours in (0, 22.5, 48)]
    ['2026-11-22 07:00:00+00:00', '2026-11-23 04:59:59+00:00', '2026-11-22 05:00:00+00:00']
    """
    start = day.replace(tzinfo=zone).astimezone(UTC)
    end = (day + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
    written = written_at(mtime)
    if start <= written < end:
        return written
    return end - timedelta(seconds=1) if end <= written <= end + WRITING else start


def times_agree(named: datetime, mtime: float) -> bool:
    """Whether an mtime (epoch seconds) lies between 5 minutes before and 6 hours after the instant in the name.

    The name is the start of a dump, the mtime its end.
    """
    return -EARLY <= written_at(mtime) - named <= WRITING


def written_at(mtime: float) -> datetime:
    """An mtime (epoch seconds) as a UTC time; one outside the calendar becomes the nearest time that it has.

    >>> written_at(1e12).year, written_at(-1e12).year, written_at(float("nan")).year
    (9000, 1970, 1970)
    """
    return datetime.fromtimestamp(min(mtime, LATEST) if mtime > 0 else 0.0, UTC)


def max_age(policy: Policy, now: datetime) -> timedelta:
    """How old the newest complete backup may be.

    The policy's `max_age`, else the schedule's longest gap, as it is in the year of `now`, plus `grace`.
    """
    return policy.max_age or longest_gap(policy.pace, policy.timezone, now.year) + policy.grace


@lru_cache
def longest_gap(schedule: str, timezone: str, year: int) -> timedelta:
    """The longest time between two runs of a cron schedule from the start of a year on, in elapsed time (UTC).

    Twice a day is thirteen hours apart once a year, in the night when the clocks go back. 366 days for a schedule that
    is never due. Computed once. Raises CronSimError for a schedule that is none. Times are followed for 400 days at
    most.

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
