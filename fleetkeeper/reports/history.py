"""What changed since the last audit of an inventory: new, gone and old findings.

What an audit is compared with is the last whole audit before (`fleetkeeper.reports.finding_intervals` remembers it). A
finding is only gone when its promise was judged again, in full, without it: one that could not be judged, or was not
asked for this time (`-k`, `--limit`), stays in memory as it was.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

from fleetkeeper.errors import UsageError
from fleetkeeper.judging.verdicts import Outcome, is_counted
from fleetkeeper.versions import UPGRADE, is_newer

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Change, Found, Judged

VERSION = 1
JUDGED_IN_FULL = {outcome.name.lower() for outcome in Outcome if outcome is not Outcome.UNKNOWN}
WEEK = timedelta(days=7)
UNREMEMBERED_RULES = frozenset(
    f"{topic}.{rule}"
    for topic, rules in {
        "nodes": "can_be_looked_at",
        "containers": "run_as_their_own_user enter_as_their_own_user cannot_gain_privileges",
        "services": "are_running with_local_data_are_pinned have_their_own_settings postgres_kept_its_data",
        "schedules": "backup_runs_where_postgres_runs cron_is_active backups_appeared",
        "backups": "are_fresh are_complete have_plausible_size tell_their_time are_thinned exist_elsewhere come_back",
        "volumes": "are_within_budget will_last",
        "certificates": "are_valid are_far_from_expiry are_served_as_on_disk will_renew use_sound_tls "
        "are_in_the_inventory",
        "mail": "is_delivered",
    }.items()
    for rule in rules.split()
)
"""The rules that an audit judged which did not remember yet which ones it judges."""
TASK = re.compile(r"\.[a-z0-9]{25}\b")
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True)
class OpenFinding:
    """One open finding. `since` is when it was first seen (ISO 8601, UTC).

    `key` is equal for the same finding next time.
    """

    key: str
    rule: str
    subject: str
    node: str
    about: str
    saw: str
    severity: str
    since: str = ""

    @property
    def promise(self) -> tuple[str, str]:
        """Rule id and subject."""
        return self.rule, self.subject


@dataclass(frozen=True)
class Changes:
    """The findings of one inventory, compared with the audit before.

    `previous` is when that ended (ISO 8601, UTC); empty when there was none. `unseen` were open before and could not be
    judged this time: neither gone nor seen again. `waived` were open before, and are still there, accepted. `dropped`
    were open before, of promises that the inventory does not ask for any more.
    `newly_judged` are findings of rules that no audit before asked, such as those that an upgrade brings: not new.
    `rules` are the ids of all rules that were ever asked, `reminded` is when `long_red` was last told (ISO 8601, UTC).
    """

    inventory: str
    previous: str = ""
    new: tuple[OpenFinding, ...] = ()
    gone: tuple[OpenFinding, ...] = ()
    old: tuple[OpenFinding, ...] = ()
    unseen: tuple[OpenFinding, ...] = ()
    waived: tuple[OpenFinding, ...] = ()
    dropped: tuple[OpenFinding, ...] = ()
    newly_judged: tuple[OpenFinding, ...] = ()
    rules: frozenset[str] | None = None
    long_red: tuple[OpenFinding, ...] = ()
    """Errors open for a week and more, longest first; empty when they were told within the last week."""
    reminded: str = ""
    whole: bool = True
    """Whether every promise was asked: a part of an audit uses up nothing that the night's has to tell."""


@dataclass(frozen=True)
class Extent:
    """What of an inventory an audit judged: the nodes of `limit` (empty: all), and whether every promise was asked."""

    limit: Collection[str] = ()
    whole: bool = True


WHOLE = Extent()


@dataclass(frozen=True)
class Memory:
    """The findings that the last whole audit left open, and when it ended (ISO 8601, UTC); both empty without one.

    `rules` and `reminded` are as in Changes; `rules` is None when no audit is remembered.
    """

    finished: str = ""
    open: tuple[OpenFinding, ...] = ()
    rules: frozenset[str] | None = None
    reminded: str = ""


def file_of(state: Path, name: str, path: str) -> Path:
    """The path of the file in which an older fleetkeeper kept the open findings of an inventory.

    `path` is that of the inventory's file: two files of one name in two folders do not share it. Nothing is made here.
    """
    return state / "audits" / name / f"open-{hashlib.sha256(path.encode()).hexdigest()[:12]}.json"


def recall_findings(path: Path) -> Memory:
    """The memory in a file of an older fleetkeeper; an empty one when it does not exist or makes no sense.

    Raises UsageError when a newer fleetkeeper wrote it. A file that cannot be read gives an empty one, too.
    """
    try:
        text = json.loads(path.read_text(encoding="utf-8"))
        if newer := is_newer(str(path), text["schema"], VERSION):
            raise UsageError(newer, UPGRADE)
        open_ = tuple(OpenFinding(**item) for item in text["open"])
        rules = frozenset(map(str, text.get("rules", UNREMEMBERED_RULES)))
        finished = str(text.get("last_whole", text["finished"]))
        return Memory(finished, open_, rules, str(text.get("reminded", "")))
    except (OSError, ValueError, LookupError, TypeError):
        return Memory()


def compare_findings(
    inventory: str, items: Sequence[Judged], before: Memory, now: str, extent: Extent = WHOLE
) -> Changes:
    """The open findings compared with those of the audit before. `now` is ISO 8601, in UTC.

    Of `items` only those of this inventory count. Nothing is written: see `FindingHistory.remember`.
    What was open on a node outside of the `extent` is neither gone nor seen again.
    """
    mine = [item for item in items if item["inventory"] == inventory]
    first = {finding.key: finding.since for finding in before.open}
    seen = [replace(finding, since=first.get(finding.key) or now) for finding in open_findings(mine)]
    accepted = {finding.key for finding in open_findings(mine, waived=True)}
    open_keys = {finding.key for finding in seen}
    keys = open_keys | accepted
    missing = [finding for finding in before.open if finding.key not in keys]
    whole = judged_in_full(mine)
    again = [finding for finding in missing if finding.promise in whole and is_counted(finding.node, extent.limit)]
    promises = {(item["rule"], item["subject"]) for item in mine}
    dropped = [finding for finding in missing if extent.whole and finding.promise not in promises]
    ended = {finding.key for finding in (*again, *dropped)}
    unasked = {item["rule"] for item in mine} - before.rules if before.rules is not None else set()
    changes = Changes(
        inventory,
        before.finished,
        new=tuple(finding for finding in seen if finding.key not in first and finding.rule not in unasked),
        newly_judged=tuple(finding for finding in seen if finding.key not in first and finding.rule in unasked),
        rules=frozenset(item["rule"] for item in mine) | (before.rules or frozenset()),
        old=tuple(finding for finding in seen if finding.key in first),
        gone=tuple(again),
        unseen=tuple(finding for finding in missing if finding.key not in ended),
        waived=tuple(finding for finding in before.open if finding.key in accepted - open_keys),
        dropped=tuple(dropped),
        whole=extent.whole,
    )
    return with_reminder(changes, before.reminded, now)


def with_reminder(changes: Changes, reminded: str, now: str) -> Changes:
    """The changes with `long_red`, the errors that have been open for a week, at most once a week, by a whole audit.

    `reminded` is when they were told last (empty: never), `now` the present; both in ISO 8601, UTC. Without any such
    error `reminded` stays.
    """
    if not changes.whole or (reminded and not is_week_old(reminded, now)):
        return replace(changes, reminded=reminded)
    still = [finding for finding in (*changes.old, *changes.unseen) if finding.severity == "error"]
    long_red = sorted((finding for finding in still if is_week_old(finding.since, now)), key=lambda item: item.since)
    return replace(changes, long_red=tuple(long_red), reminded=now if long_red else reminded)


def is_week_old(moment: str, now: str) -> bool:
    """Whether a week, less an hour, has passed (times in ISO 8601, UTC). True for a moment that makes no sense.

    >>> is_week_old("2026-11-20T03:00:00+00:00", "2026-11-27T02:30:00+00:00")
    True
    """
    try:
        return datetime.fromisoformat(now) - datetime.fromisoformat(moment) >= WEEK - timedelta(hours=1)
    except (ValueError, TypeError):
        return True


def judged_in_full(items: Iterable[Judged]) -> set[tuple[str, str]]:
    """Rule and subject of every promise that was judged with nothing unknown, or that does not apply any more.

    One that was left out (`left_out`) is none of them.
    """
    return {
        (item["rule"], item["subject"])
        for item in items
        if item["outcome"] in JUDGED_IN_FULL and not item["unknown"] and not item["left_out"]
    }


def open_findings(items: Iterable[Judged], *, waived: bool = False) -> Iterator[OpenFinding]:
    """The open findings of some items, or the waived ones. Of several that are the same each gets a key of its own.

    That key is a digest. `since` is not filled in yet.
    """
    times: Counter[tuple[str, ...]] = Counter()
    for item in items:
        for finding in item["findings"]:
            if bool(finding["waived"]) is waived:
                same = sameness(finding)
                times[same] += 1
                yield made(finding, digest((*same, str(times[same]))))


def made(finding: Found, key: str) -> OpenFinding:
    """A finding of results.json as an OpenFinding, under the key that recognises it in the next audit."""
    about, saw, severity = finding["about"], finding["saw"], finding["severity"]
    return OpenFinding(key, finding["rule"], finding["subject"], finding["node"], about, saw, severity)


def sameness(finding: Found) -> tuple[str, ...]:
    """The fields in which two findings must agree to be the same: without numbers and without ids of swarm tasks.

    >>> a = {"rule": "r", "subject": "s", "node": "n", "about": "db.1.0123456789abcdefghijklmno", "want": "under 5 d"}
    >>> sameness(a) == sameness({**a, "about": "db.1.onmlkjihgfedcba9876543210", "want": "under 6 d"})
    True
    """
    about = TASK.sub("", finding["about"])
    return finding["rule"], finding["subject"], finding["node"], about, DIGITS.sub("#", finding["want"])


def digest(parts: Iterable[str]) -> str:
    """A hash of the parts (the first 16 hex digits of a SHA-256)."""
    text = "\0".join(parts).encode("utf-8", "backslashreplace")
    return hashlib.sha256(text).hexdigest()[:16]


def changes_document(changes: Changes) -> Change:
    """The changes in the form of results.json. `previous` is None where there was no audit before."""
    names = ("new", "newly_judged", "gone", "old", "unseen", "waived", "dropped")
    lists = {name: [vars(item) for item in getattr(changes, name)] for name in names}
    return cast("Change", {"inventory": changes.inventory, "previous": changes.previous or None, **lists})
