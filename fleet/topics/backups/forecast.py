"""When budget and disk run out under the keep policy itself, from the history of the sizes of backups. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import LinearRegression, linear_regression

from cronsim import CronSim

from fleet.topics.backups.catalog import Backup, Catalog
from fleet.topics.backups.policy import Policy
from fleet.topics.backups.retention import reasons_to_keep

DAY = timedelta(days=1)
STEPS = 10
MOST = 2000
RECENT = 60
"""So many of the newest backups tell how fast they grow: what was years ago says little about tomorrow."""


@dataclass(frozen=True)
class Forecast:
    """`size` is what the newest complete backup weighs (bytes), `daily` how much more each day brings (bytes).

    `runs_out` is the first day within the policy's horizon without room (`now` itself: thinning by keep would not help
    today either), and `of` what is then missing; None: it lasts.
    """

    size: int
    daily: float
    runs_out: datetime | None = None
    of: str = ""


def forecast(known: Catalog, policy: Policy, used: int, free: int, now: datetime) -> Forecast:
    """Reckon from day to day. `used` are the volume's bytes now, `free` those that its disk may still give."""
    trend = trend_of(known.complete)
    expected = Forecast(known.complete[0].file.size, max(0.0, trend.slope * DAY.total_seconds()))
    others = used - weight(known.backups)
    future = coming(known.complete[0], trend, policy, now)
    standing = kept_by(known.complete, [], policy)
    for step in range(STEPS + 1):
        day = now + policy.horizon * step / STEPS
        kept = kept_by(standing, [one for one in future if one.time <= day], policy)
        total = others + weight(kept)
        if policy.volume.budget is not None and total > policy.volume.budget:
            return replace(expected, runs_out=day, of="its budget")
        if total - used > free:
            return replace(expected, runs_out=day, of="disk")
    return expected


def weight(backups: Sequence[Backup]) -> int:
    return sum(backup.file.blocks for backup in backups)


def trend_of(complete: Sequence[Backup]) -> LinearRegression:
    """Bytes over epoch seconds, by least squares over the newest; flat when there are too few."""
    recent = complete[:RECENT]
    times = [backup.time.timestamp() for backup in recent]
    if len(set(times)) < 3:
        return LinearRegression(0.0, float(max(backup.file.size for backup in recent)))
    return linear_regression(times, [backup.file.size for backup in recent])


def coming(newest: Backup, trend: LinearRegression, policy: Policy, now: datetime) -> list[Backup]:
    """The backups that the schedule will make until the horizon, each at least as big as the newest one."""
    return [future_backup(newest, trend, run) for run in runs(policy, now)]


def runs(policy: Policy, now: datetime) -> Iterator[datetime]:
    """When the schedule is due until the horizon; of one that is due every few minutes some runs stand for all."""
    at, end = now.astimezone(policy.zone), now + policy.horizon
    while (run := next(iter(CronSim(policy.schedule, at)), end + DAY)) <= end:
        yield run
        at = run + policy.horizon / MOST


def future_backup(newest: Backup, trend: LinearRegression, run: datetime) -> Backup:
    size = max(newest.file.size, round(trend.slope * run.timestamp() + trend.intercept))
    blocks = round(size * (newest.file.blocks / newest.file.size if newest.file.size else 1))
    file = replace(newest.file, name=f"due at {run.isoformat()}", size=size, blocks=blocks)
    return replace(newest, file=file, time=run, named=run)


def kept_by(complete: Sequence[Backup], made: Sequence[Backup], policy: Policy) -> list[Backup]:
    """What keep leaves of the backups there are and those that will be made by then."""
    everything = sorted((*complete, *made), key=lambda backup: backup.time, reverse=True)
    reasons = reasons_to_keep(everything, policy)
    return [backup for backup in everything if backup.name in reasons]
