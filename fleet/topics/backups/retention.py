"""Which backups stay, and why: restic's `forget`, counting verified ones only. Pure.

Newest first; buckets by hour, day, ISO week, month and year in the policy's time zone; counters are independent and
their results are ORed; the newest of each bucket stays; empty periods are not counted; -1 is without end; while a
counter is not used up the oldest stays too; `within` is relative to the newest
(https://restic.readthedocs.io/en/stable/060_forget.html).

Ours goes further: only what is proven complete fills a bucket, what is not known stays until it is, what lies in the
future neither counts nor anchors, and the newest, the oldest and `at_least` verified ones stay whatever the rules say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from fleet.topics.backups.catalog import Backup, Catalog
from fleet.topics.backups.policy import Keep, Policy
from fleet.units import show_duration

BUCKETS: Mapping[str, str] = {
    "hourly": "%Y-%m-%d %H",
    "daily": "%Y-%m-%d",
    "weekly": "%G-W%V",
    "monthly": "%Y-%m",
    "yearly": "%Y",
}
BROKEN_STAYS = timedelta(days=1)
"""A dump that waits for a lock writes nothing for a long time, and looks cut short: so young a one may still grow."""


@dataclass(frozen=True)
class Kept:
    """A backup that stays, with the reasons for it."""

    backup: Backup
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Gone:
    """A backup that may go, with the reason for it."""

    backup: Backup
    reason: str


@dataclass(frozen=True)
class Retention:
    """What stays (newest first) and what may go (oldest first). `protected` are names that nothing may remove."""

    kept: tuple[Kept, ...]
    excess: tuple[Gone, ...]
    protected: frozenset[str]


@lru_cache(maxsize=8)
def retention(catalog: Catalog, policy: Policy, now: datetime) -> Retention:
    """Sort every backup into what stays and what may go."""
    reasons = reasons_to_keep(catalog.complete, policy)
    kept: list[Kept] = []
    excess: list[Gone] = []
    for backup in catalog.backups:
        why = reasons.get(backup.name, ()) or left_alone(backup, catalog.complete, now)
        if why:
            kept.append(Kept(backup, tuple(why)))
        else:
            excess.append(Gone(backup, backup.why or "no rule of keep needs it"))
    return Retention(tuple(kept), tuple(reversed(excess)), protected(catalog.complete, policy))


def overdue(catalog: Catalog, policy: Policy, now: datetime) -> tuple[Gone, ...]:
    """What might have gone already when `slack` began: each new backup lets another go, and that is no fault.

    All of it is among the excess of today.
    """
    then = now - policy.slack
    return retention(
        replace(catalog, backups=tuple(one for one in catalog.backups if one.time <= then)), policy, then
    ).excess


def reasons_to_keep(complete: Sequence[Backup], policy: Policy) -> dict[str, list[str]]:
    """The reasons for each complete backup that stays, by name. `complete` is newest first."""
    reasons: dict[str, list[str]] = {}
    for name, why in (*by_policy(complete, policy.keep, policy.zone), *by_protection(complete)):
        reasons.setdefault(name, []).append(why)
    return fill_up(complete, policy.at_least, reasons)


def by_policy(complete: Sequence[Backup], keep: Keep, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Reasons by the counters and by `within`."""
    yield from by_bucket(complete, "last", keep.last, lambda backup: backup.name)
    for period, form in BUCKETS.items():
        yield from by_bucket(complete, period, getattr(keep, period), bucket(form, zone))
    if keep.within is not None and complete:
        oldest = complete[0].time - keep.within
        yield from ((one.name, f"within {show_duration(keep.within)}") for one in complete if one.time > oldest)


def bucket(form: str, zone: ZoneInfo) -> Callable[[Backup], str]:
    return lambda backup: label(backup.time, zone, form)


@lru_cache(maxsize=1 << 17)
def label(time: datetime, zone: ZoneInfo, form: str) -> str:
    """The bucket of a time; a forecast asks for the same ones over and over."""
    return time.astimezone(zone).strftime(form)


def by_bucket(
    complete: Sequence[Backup], period: str, count: int, bucket_of: Callable[[Backup], str]
) -> Iterator[tuple[str, str]]:
    """The newest of each of `count` buckets; the oldest of all while the count is not used up."""
    latest = None
    for place, backup in enumerate(complete, 1):
        if count == 0:
            return
        current = bucket_of(backup)
        if current != latest:
            yield backup.name, f"{period} {current}" if period != "last" else "last"
        elif place == len(complete):
            yield backup.name, f"oldest {period} {current}"
        else:
            continue
        latest, count = current, count - 1


def by_protection(complete: Sequence[Backup]) -> Iterator[tuple[str, str]]:
    """The newest and the oldest verified one stay, whatever the rules say."""
    if complete:
        yield complete[0].name, "newest verified"
        yield complete[-1].name, "oldest verified"


def fill_up(complete: Sequence[Backup], at_least: int, reasons: dict[str, list[str]]) -> dict[str, list[str]]:
    """Keep more, newest first, until `at_least` verified ones stay."""
    for backup in complete:
        if len(reasons) >= at_least:
            break
        if backup.name not in reasons:
            reasons[backup.name] = [f"at least {at_least} verified stay"]
    return reasons


def protected(complete: Sequence[Backup], policy: Policy) -> frozenset[str]:
    """What not even a budget may remove: the newest `at_least` verified ones, and the oldest."""
    return frozenset(backup.name for backup in (*complete[: policy.at_least], *complete[-1:]))


def left_alone(backup: Backup, complete: Sequence[Backup], now: datetime) -> tuple[str, ...]:
    """Why a backup stays although no rule of `keep` needs it, or nothing."""
    if backup.growing:
        return ("in progress",)
    if backup.future:
        return ("dated in the future",)
    if backup.odd:
        return (backup.odd,)
    if backup.state == "unknown":
        return (f"not known to be complete: {backup.why}",)
    if backup.state == "broken" and not replaced(backup, complete, now):
        return ("broken, but without a newer complete one, or younger than a day",)
    return ()


def replaced(broken: Backup, complete: Sequence[Backup], now: datetime) -> bool:
    """Whether a broken dump is surely over, and a newer one made up for it."""
    age = now.timestamp() - broken.file.mtime
    return bool(complete) and complete[0].time > broken.time and age > BROKEN_STAYS.total_seconds()
