"""When budget and disk run out under the keep policy, extrapolated from the sizes of past backups. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import LinearRegression, linear_regression

from cronsim import CronSim

from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import Catalog
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import reasons_to_keep

DAY = timedelta(days=1)
STEPS = 10
BLOCK = 4096
"""What most file systems round a file up to."""
ROUNDING = 1 << 20
"""A file that takes less than this beyond its size is rounded up to blocks of some size (Lustre's have 1 MiB)."""
DENSEST = 100
"""No file system compresses a dump to a hundredth: one that takes less is not written to the disk yet, or uncounted."""
MOST = 2000
RECENT = 60
"""So many of the newest backups tell how fast they grow: what was years ago says little about tomorrow."""


@dataclass(frozen=True)
class Forecast:
    """The growth of a policy's backups, and the day on which there is no room for them.

    `size` is the size of the newest complete backup (bytes), `daily` by how many bytes it grows each day. `runs_out` is
    the first day within the policy's horizon without room (the time of the look itself: thinning by keep would not help
    today either); None when the room lasts. `of` is then the resource that is short: "its budget" or "disk", else
    empty.
    """

    size: int
    daily: float
    runs_out: datetime | None = None
    of: str = ""


@dataclass(frozen=True)
class Room:
    """The bytes that a volume takes now, and the bytes that may still be written to its disk."""

    used: int
    free: int


def make_forecast(catalog: Catalog, policy: Policy, room: Room, now: datetime, *, thinned: bool = True) -> Forecast:
    """The forecast for a policy's backups, which must include a complete one.

    `thinned` False computes as if nothing were ever removed, since something holds thinning up. `runs_out` is None
    where both last. `room` is what the volume takes and has free, in bytes.
    """
    trend = trend_of(catalog.counted)
    forecast = Forecast(catalog.counted[0].file.size, max(0.0, trend.slope * DAY.total_seconds()))
    others = room.used - total_size(catalog.backups)
    future = coming_backups(catalog.counted, trend, policy, now)
    standing = kept_by(catalog.counted, [], policy)
    for step in range(STEPS + 1):
        day = now + policy.horizon * step / STEPS
        made = [backup for backup in future if backup.time <= day]
        total = others + total_size(kept_by(standing, made, policy)) if thinned else room.used + total_size(made)
        if policy.volume.budget is not None and total > policy.volume.budget:
            return replace(forecast, runs_out=day, of="its budget")
        if total - room.used > room.free:
            return replace(forecast, runs_out=day, of="disk")
    return forecast


def total_size(backups: Sequence[Backup]) -> int:
    """The bytes that these backups take on the disk."""
    return sum(backup.file.blocks for backup in backups)


def trend_of(complete: Sequence[Backup]) -> LinearRegression:
    """Bytes over epoch seconds, by least squares over the newest 60; flat when there are fewer than three times.

    `complete` is newest first and not empty; a flat trend is at the biggest of them.
    """
    recent = complete[:RECENT]
    times = [backup.time.timestamp() for backup in recent]
    if len(set(times)) < 3:
        return LinearRegression(0.0, float(max(backup.file.size for backup in recent)))
    return linear_regression(times, [backup.file.size for backup in recent])


def coming_backups(complete: Sequence[Backup], trend: LinearRegression, policy: Policy, now: datetime) -> list[Backup]:
    """The backups that the schedule will make until the horizon, oldest first, each at least as big as the newest."""
    like = biggest(complete)
    return [future_backup(complete[0], trend, like, run) for run in coming_runs(policy, now)]


def coming_runs(policy: Policy, now: datetime) -> Iterator[datetime]:
    """The runs of a cron schedule after `now` and up to the horizon, in order.

    Once a day where the policy has no schedule. Of a dense schedule only runs that are at least a 2000th of the horizon
    apart, spread over all of it.
    """
    at, end = now.astimezone(policy.zone), now + policy.horizon
    while (run := next(iter(CronSim(policy.pace, at)), end + DAY)) <= end:
        yield run
        at = run + policy.horizon / MOST


def future_backup(newest: Backup, trend: LinearRegression, like: File, run: datetime) -> Backup:
    """The backup that a run of the schedule will make: its size follows the trend, but is at least that of `newest`.

    `like` is a file that the disk of the backups rounds or compresses as it will that one.
    """
    size = max(newest.file.size, round(trend.slope * run.timestamp() + trend.intercept))
    file = replace(newest.file, name=f"due at {run.isoformat()}", size=size, blocks=blocks_of(size, like))
    return replace(newest, file=file, time=run, named=run)


def biggest(complete: Sequence[Backup]) -> File:
    """The file that tells most about the disk: the biggest of the newest 60 that the disk has counted.

    Where it has counted none, the biggest of all 60. `complete` is newest first and not empty.
    """
    files = [backup.file for backup in complete[:RECENT]]
    counted = [file for file in files if file.blocks * DENSEST > file.size]
    return max(counted or files, key=lambda file: file.size)


def blocks_of(size: int, like: File) -> int:
    """The bytes that a file of `size` bytes takes on the disk of `like`: rounded up as that is, or compressed as it is.

    >>> blocks_of(238_490, File("x", 395, 0.0, 1, blocks=4096)), blocks_of(100, File("x", 50, 0.0, 1, blocks=50))
    (241664, 100)
    >>> blocks_of(10_000, File("x", 4097, 0.0, 1, blocks=8192))
    12288
    >>> blocks_of(1 << 30, File("x", 1 << 24, 0.0, 1, blocks=1 << 23)) == 1 << 29
    True
    >>> blocks_of(1 << 30, File("x", 1 << 24, 0.0, 1, blocks=0)) == 1 << 30
    True
    """
    beyond = like.blocks - like.size
    if 0 < beyond < ROUNDING:
        block = max(BLOCK, 1 << beyond.bit_length())
        return -(-size // block) * block
    if like.size <= BLOCK or like.blocks * DENSEST <= like.size:
        return size
    return round(size * like.blocks / like.size)


def kept_by(complete: Sequence[Backup], made: Sequence[Backup], policy: Policy) -> list[Backup]:
    """The backups, newest first, that `keep` would keep of the present complete ones and those made by then."""
    everything = sorted((*complete, *made), key=lambda backup: backup.time, reverse=True)
    reasons = reasons_to_keep(everything, policy)
    return [backup for backup in everything if backup.name in reasons]
