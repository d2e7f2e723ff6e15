"""Which backups stay, and why: restic's `forget`, counting complete ones only. Pure.

Newest first; buckets by hour, day, ISO week, month and year in the policy's time zone; counters are independent and
their results are ORed; the newest of each bucket stays; empty periods are not counted; -1 is without end; while a
counter is not used up the oldest stays too; `within` is relative to the newest
(https://restic.readthedocs.io/en/stable/060_forget.html).

Ours goes further: only a complete dump of a plausible size fills a bucket, an unknown one stays until it is known, one
that is dated in the future neither counts nor anchors, and the newest `at_least` and the oldest of them stay whatever
the rules say. Of broken dumps the last file of a period never goes, nor more at once than `keep.broken_at_most`; while
the newest complete dump is implausible, or an unconfirmed giant, no complete one goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from fleetkeeper.inventory.units import show_duration, show_size
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import Catalog
from fleetkeeper.topics.backups.periods import BUCKETS, bucket, last_of_period, periods_of_keep
from fleetkeeper.topics.backups.policy import Keep, Policy

if TYPE_CHECKING:
    from fleetkeeper.topics.backups.database.facts import AcceptedSize

BROKEN_STAYS = timedelta(days=1)
"""A dump that waits for a lock writes nothing for a long time, and looks cut short: so young a one may still grow."""


@dataclass(frozen=True)
class KeptBackup:
    """A backup that stays, with the reasons for it."""

    backup: Backup
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class ExcessBackup:
    """A backup that may go, with the reason for it."""

    backup: Backup
    reason: str


@dataclass(frozen=True)
class Hold:
    """Why fewer backups go than `keep` lets go, and what a person can do about it."""

    why: str
    what_to_do: str


@dataclass(frozen=True)
class Retention:
    """The backups that stay (newest first) and those that may go (oldest first).

    `protected` are names that nothing may remove. `held` says why backups stay that `keep` lets go; None when nothing
    is held up.
    """

    kept: tuple[KeptBackup, ...]
    excess: tuple[ExcessBackup, ...]
    protected: frozenset[str]
    held: Hold | None = None


@lru_cache(maxsize=8)
def apply_keep(catalog: Catalog, policy: Policy, now: datetime) -> Retention:
    """Which backups stay and which may go. `now` is the time by the volume node's clock.

    With `held`: none may go while more look broken than `keep.broken_at_most`, and only broken ones while the newest
    complete one is implausible or an unconfirmed giant. Failed drills, other deleters and `guessed` are not looked at.
    Computed once for the same arguments.
    """
    retention = let_go(catalog, policy, now)
    if hold := too_many_broken(by_keep(catalog, policy, now), catalog, policy):
        return hold_backups(retention, retention.excess, hold)
    if hold := newest_implausible(catalog) or newest_unconfirmed(catalog):
        return hold_backups(retention, [excess for excess in retention.excess if excess.backup.state != "broken"], hold)
    return retention


@lru_cache(maxsize=8)
def let_go(catalog: Catalog, policy: Policy, now: datetime) -> Retention:
    """Which backups stay and which may go when nothing holds thinning up.

    A broken file that is the last of its period stays all the same. `now` is the time by the volume node's clock.
    Computed once for the same arguments.
    """
    retention = by_keep(catalog, policy, now)
    return spare_backups(retention, last_of_period([excess.backup for excess in retention.excess], catalog, policy))


@lru_cache(maxsize=8)
def by_keep(catalog: Catalog, policy: Policy, now: datetime) -> Retention:
    """Which backups stay and which may go by `keep` alone, broken ones included; `held` is None.

    What `left_alone` names stays too; broken files that are the last of their period are not spared here. `excess` is
    oldest first. Computed once for the same arguments.
    """
    reasons = reasons_to_keep(catalog.counted, policy, catalog.accepted)
    kept: list[KeptBackup] = []
    excess: list[ExcessBackup] = []
    for backup in catalog.backups:
        why = reasons.get(backup.name, ()) or left_alone(backup, catalog.counted, now)
        if why:
            kept.append(KeptBackup(backup, tuple(why)))
        else:
            excess.append(ExcessBackup(backup, backup.doubt or "no rule of keep needs it"))
    return Retention(tuple(kept), tuple(reversed(excess)), protected_names(catalog.counted, policy, catalog.accepted))


def let_go_before(catalog: Catalog, policy: Policy, now: datetime) -> tuple[ExcessBackup, ...]:
    """The backups that `keep` had let go `slack` ago, oldest first, whatever has held them up since."""
    then = now - policy.slack
    earlier = tuple(backup for backup in catalog.backups if backup.time <= then)
    return let_go(replace(catalog, backups=earlier), policy, then).excess


def spare_backups(retention: Retention, reasons: Mapping[str, str]) -> Retention:
    """The same retention, but the excess backups in `reasons` (by name) stay, each for its reason."""
    if not reasons:
        return retention
    kept = (
        *retention.kept,
        *(
            KeptBackup(excess.backup, (reasons[excess.backup.name],))
            for excess in retention.excess
            if excess.backup.name in reasons
        ),
    )
    newest_first = sorted(kept, key=lambda item: (item.backup.time, item.backup.name), reverse=True)
    excess = tuple(excess for excess in retention.excess if excess.backup.name not in reasons)
    return replace(retention, kept=tuple(newest_first), excess=excess)


def hold_backups(retention: Retention, gone: Iterable[ExcessBackup], hold: Hold) -> Retention:
    """The same retention, but `gone` stay for the reason of `hold`, until a person has dealt with it."""
    return replace(spare_backups(retention, {excess.backup.name: hold.why for excess in gone}), held=hold)


def newest_implausible(catalog: Catalog) -> Hold | None:
    """The hold on all complete dumps while the newest proven one lacks data or is implausibly small, else None.

    None also without any. The others may be all there is.
    """
    newest = next(iter(catalog.proven), None)
    if newest is not None and newest.lacks:
        return Hold(f"no complete dump goes while the newest, {newest.name}, is no backup: {newest.lacks}", SEE_COMMAND)
    if newest is None or newest.small is None:
        return None
    return Hold(f"no complete dump goes while the newest, {newest.name}, is {newest.small}", MEANT_TO_SHRINK)


SEE_COMMAND = (
    "see what the command of the backups dumps (database, `-s`, `-t`, `-n`); tables that it leaves out on purpose are "
    "named in `backups.left_out`"
)


def newest_unconfirmed(catalog: Catalog) -> Hold | None:
    """The hold on all complete dumps while the newest proven one is an unconfirmed giant, else None.

    None also without any. It may be of something else.
    """
    newest = next(iter(catalog.proven), None)
    if newest is None or not newest.unconfirmed:
        return None
    saw = f"the newest, {newest.name}, has {show_size(newest.file.size)}, far more than those before it"
    return Hold(f"no complete dump goes while {saw}, and none after it agrees", MEANT_TO_GROW)


MEANT_TO_GROW = (
    "a next backup of about that size ends this, and so does `remediate backups accept --because TEXT`; "
    "if the database did not grow so much, see what was dumped"
)
MEANT_TO_SHRINK = (
    "look into the database before the next backup; if it should be so small, "
    "`remediate backups accept --because TEXT` makes that size the one that others are compared with"
)


def too_many_broken(retention: Retention, catalog: Catalog, policy: Policy) -> Hold | None:
    """The hold while more files look broken than `keep.broken_at_most`, else None.

    Counted are the broken ones among the excess of `retention`, which is that of `by_keep`. A wrong reader must not
    empty a volume.
    """
    broken = sum(excess.backup.state == "broken" for excess in retention.excess)
    most = policy.keep.broken_at_most.of(len(catalog.backups))
    if broken <= most:
        return None
    many = f"{broken} of {len(catalog.backups)} files look broken"
    limit = f"more than `keep.broken_at_most` ({policy.keep.broken_at_most})"
    return Hold(f"{many}, {limit}: look at them first", f"see what they are (`remediate backups list`); {BY_HAND}")


BY_HAND = "delete those that are worth nothing by hand, or raise `backups.keep.broken_at_most`"


def needed_for(gone: Sequence[ExcessBackup], catalog: Catalog, policy: Policy) -> tuple[Backup, ...]:
    """The backups that stay and because of which `gone` may go, newest first: they must be proven again before that.

    They are the protected ones; for each complete dump that goes, the one that stands for its hour, day, week, month
    and year, or where `keep` does not reach back so far, all that use up that counter: if one of them were broken, the
    dump that goes would take its place.
    """
    going = {excess.backup.name for excess in gone}
    whole = [excess.backup for excess in gone if excess.backup.state != "broken"]
    stay = [backup for backup in catalog.counted if backup.name not in going]
    names = set(protected_names(catalog.counted, policy, catalog.accepted)) - going
    for period in periods_of_keep(catalog.counted, policy):
        first: dict[str, str] = {}
        for backup in stay:
            if period.reaches(backup):
                first.setdefault(period.bucket_of(backup), backup.name)
        for item in whole:
            own = first.get(period.bucket_of(item))
            names |= {own} if own else set(first.values())
    if policy.keep.last > 0 and whole:
        names |= {backup.name for backup in stay[: policy.keep.last]}
    return tuple(backup for backup in stay if backup.name in names)


def reasons_to_keep(
    complete: Sequence[Backup], policy: Policy, accepted: AcceptedSize | None = None
) -> dict[str, list[str]]:
    """The reasons for each complete backup that stays, by name; one that may go is left out.

    `complete` are those that count (`Catalog.counted`), newest first.
    """
    reasons: dict[str, list[str]] = {}
    for name, why in (*by_policy(complete, policy.keep, policy.zone), *by_protection(complete)):
        reasons.setdefault(name, []).append(why)
    for backup in complete[: policy.at_least]:
        reasons.setdefault(backup.name, [f"at least {policy.at_least} proven stay"])
    for backup in before_the_change(complete, policy, accepted):
        reasons.setdefault(backup.name, []).append("the last one before a smaller size was accepted")
    return reasons


def by_policy(complete: Sequence[Backup], keep: Keep, zone: ZoneInfo) -> Iterator[tuple[str, str]]:
    """Name and reason of each backup that a counter of `keep` or `within` keeps; a name may come several times.

    The reason is such as "daily 2026-11-22".
    """
    yield from by_bucket(complete, "last", keep.last, lambda backup: backup.name)
    for period, form in BUCKETS.items():
        yield from by_bucket(complete, period, getattr(keep, period), bucket(form, zone))
    if keep.within is not None and complete:
        oldest = complete[0].time - keep.within
        yield from (
            (backup.name, f"within {show_duration(keep.within)}") for backup in complete if backup.time > oldest
        )


def by_bucket(
    complete: Sequence[Backup], period: str, count: int, bucket_of: Callable[[Backup], str]
) -> Iterator[tuple[str, str]]:
    """Name and reason of the newest backup of each of `count` buckets.

    Also those of the oldest backup while the count is not used up. `complete` is newest first; -1 is without end.
    """
    latest = None
    for index, backup in enumerate(complete, 1):
        if count == 0:
            return
        current = bucket_of(backup)
        if current != latest:
            yield backup.name, f"{period} {current}" if period != "last" else "last"
        elif index == len(complete):
            yield backup.name, f"oldest {period} {current}"
        else:
            continue
        latest, count = current, count - 1


def by_protection(complete: Sequence[Backup]) -> Iterator[tuple[str, str]]:
    """Name and reason of the newest and the oldest complete backup, which stay whatever the rules say.

    One backup alone comes twice; none without backups.
    """
    if complete:
        yield complete[0].name, "newest proven"
        yield complete[-1].name, "oldest proven"


def before_the_change(complete: Sequence[Backup], policy: Policy, accepted: AcceptedSize | None) -> tuple[Backup, ...]:
    """The last backup of each size that was usual before a smaller one was accepted, newest first.

    Empty where none was accepted. Its data are in no later one. The record has the last acceptance only: the earlier
    ones show in the sizes. `complete` is newest first.
    """
    if accepted is None:
        return ()
    last, size = [], accepted.size
    for backup in complete:
        if backup.time < accepted.made and has_shrunk(backup.file.size, size, policy):
            last.append(backup)
            size = backup.file.size
    return tuple(last)


def has_shrunk(size: int, to: int, policy: Policy) -> bool:
    """Whether `to` is more than the policy's `shrink` percent below `size` (both in bytes)."""
    return to * 100 < size * (100 - policy.shrink)


def protected_names(complete: Sequence[Backup], policy: Policy, accepted: AcceptedSize | None = None) -> frozenset[str]:
    """The names of backups that not even a budget may remove.

    They are the newest `at_least` complete ones, the oldest, and those of `before_the_change`. `complete` are those
    that count, newest first.
    """
    stay = (*complete[: policy.at_least], *complete[-1:], *before_the_change(complete, policy, accepted))
    return frozenset(backup.name for backup in stay)


def left_alone(backup: Backup, complete: Sequence[Backup], now: datetime) -> tuple[str, ...]:
    """The reasons why a backup stays although no rule of `keep` needs it; empty when it may go.

    A broken one may go once `is_replaced`; one that is growing, doubtful, a giant or has hard links stays. `complete`
    are those that count, newest first.
    """
    if backup.growing:
        return ("in progress",)
    if backup.state == "broken" and not (backup.future or backup.odd or backup.linked):
        waits = "broken, but without a newer complete one, or younger than a day"
        return () if is_replaced(backup, complete, now) else (waits,)
    if backup.doubt:
        return (backup.doubt,) if not backup.linked else (backup.doubt, backup.linked)
    if backup.giant:
        return ("far bigger than those before and after it: it may hold what was lost since",)
    return (backup.linked,) if backup.linked else ()


def is_replaced(broken: Backup, complete: Sequence[Backup], now: datetime) -> bool:
    """Whether a broken dump has not been written to for a day, and a newer one of `complete` (newest first) exists."""
    age = now.timestamp() - broken.file.mtime
    return bool(complete) and complete[0].time > broken.time and age > BROKEN_STAYS.total_seconds()
