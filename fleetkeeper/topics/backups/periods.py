"""Hours, days, weeks, months and years of backups: which `keep` reaches, and which files they still have. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import Catalog
from fleetkeeper.topics.backups.policy import Policy

BUCKETS: Mapping[str, str] = {
    "hourly": "%Y-%m-%d %H",
    "daily": "%Y-%m-%d",
    "weekly": "%G-W%V",
    "monthly": "%Y-%m",
    "yearly": "%Y",
}


@dataclass(frozen=True)
class Period:
    """A kind of period that `keep` names, such as "daily".

    `bucket_of` gives the label of a backup's period (`2026-11-22`). `since` is the label of the oldest period that
    `keep` reaches; empty when it reaches all of them.
    """

    name: str
    bucket_of: Callable[[Backup], str]
    since: str = ""

    def reaches(self, backup: Backup) -> bool:
        """Whether a backup lies in a period that `keep` reaches: labels sort as their times do."""
        return self.bucket_of(backup) >= self.since


def periods_of_keep(complete: Sequence[Backup], policy: Policy) -> Iterator[Period]:
    """Every kind of period that `keep` names, as far back as its counter reaches over `complete` (newest first).

    A negative counter reaches over all.
    """
    for period, form in BUCKETS.items():
        count = getattr(policy.keep, period)
        if count == 0:
            continue
        bucket_of = bucket(form, policy.zone)
        filled = list(dict.fromkeys(bucket_of(backup) for backup in complete))
        yield Period(period, bucket_of, filled[count - 1] if 0 < count <= len(filled) else "")


def bucket(form: str, zone: ZoneInfo) -> Callable[[Backup], str]:
    """The function that gives the label of a backup's period. `form` is the strftime pattern of the labels."""
    return lambda backup: bucket_label(backup.time, zone, form)


@lru_cache(maxsize=1 << 17)
def bucket_label(time: datetime, zone: ZoneInfo, form: str) -> str:
    """The label of the period of a time; cached, since a forecast asks for the same ones over and over."""
    return time.astimezone(zone).strftime(form)


def last_of_period(gone: Sequence[Backup], catalog: Catalog, policy: Policy) -> dict[str, str]:
    """The broken backups among `gone` that must stay, by name, with the reason: their period would have no file left.

    A period is an hour, day, week, month or year as far back as `keep` reaches with it; any file in it counts.
    """
    going = {backup.name for backup in gone}
    broken = {backup.name for backup in gone if backup.state == "broken"}
    reasons: dict[str, str] = {}
    for period in periods_of_keep(catalog.counted, policy) if broken else ():
        buckets: dict[str, list[Backup]] = {}
        for backup in catalog.backups:
            if period.reaches(backup):
                buckets.setdefault(period.bucket_of(backup), []).append(backup)
        for name, members in buckets.items():
            last = next((member for member in members if member.name in broken), None)
            if last is not None and all(backup.name in going for backup in members):
                reasons[last.name] = f"the last file of its period ({period.name} {name})"
                going.discard(last.name)
    return reasons


def remaining_in(gone: Sequence[Backup], catalog: Catalog, policy: Policy) -> tuple[Backup, ...]:
    """For the periods of the broken backups among `gone`, the newest other file of each that stays, newest first."""
    going = {backup.name for backup in gone}
    broken = [backup for backup in gone if backup.state == "broken"]
    matches: dict[str, Backup] = {}
    for period in periods_of_keep(catalog.counted, policy) if broken else ():
        left: dict[str, Backup] = {}
        for backup in catalog.backups:
            if backup.name not in going:
                left.setdefault(period.bucket_of(backup), backup)
        near = (left.get(period.bucket_of(backup)) for backup in broken if period.reaches(backup))
        matches |= {backup.name: backup for backup in near if backup is not None}
    return tuple(backup for backup in catalog.backups if backup.name in matches)
