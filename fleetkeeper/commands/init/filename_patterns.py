"""The pattern and the schedule of backups, from the names of existing files. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from fleetkeeper.topics.backups.dump_times import moment_of_stamp, stamp_in_name, times_agree
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Keep, Policy, Volume, names_a_day

YEARS = r"(?P<Y>(?:19|20)\d\d)"
STAMP = re.compile(
    YEARS + r"(?P<a>[-_.]?)(?P<m>[01]\d)(?P<b>[-_.]?)(?P<d>[0-3]\d)(?P<c>[-_.T]?)"
    r"(?P<H>[0-2]\d)(?P<e>[-_.:h]?)(?P<M>[0-5]\d)(?:(?P<f>[-_.:m]?)(?P<S>[0-5]\d))?(?!\d)",
    re.ASCII,
)
DAY = re.compile(YEARS + r"(?P<a>[-_.]?)(?P<m>[01]\d)(?P<b>[-_.]?)(?P<d>[0-3]\d)(?!\d)", re.ASCII)
ENDS = (".sql.gz", ".sql", ".dump")
SOME = 3
EVERY_NIGHT = "0 3 * * *"


def pattern_of(names: Iterable[str]) -> str:
    """The strftime pattern that most of the file names have; empty when none has one.

    The first of several that are as frequent.

    >>> pattern_of(["backup_2026_11_22T00_00_01.sql.gz", "backup_2026_11_21T12_00_01.sql.gz", "notes.txt"])
    'backup_%Y_%m_%dT%H_%M_%S.sql.gz'
    """
    match = Counter(pattern for name in names for pattern in [of_name(name)] if pattern)
    return match.most_common(1)[0][0] if match else ""


def of_name(name: str) -> str:
    """The strftime pattern of one name; empty unless the policy accepts it and it gives the same name back.

    The first stamp of date and time counts, else the first day.

    >>> of_name("db_2026-11-22_0200.sql.gz"), of_name("db_2026-11-22.sql.gz"), of_name("db_2026-11-22.sql.zst")
    ('db_%Y-%m-%d_%H%M.sql.gz', 'db_%Y-%m-%d.sql.gz', '')
    """
    if not name.endswith(ENDS):
        return ""
    match = STAMP.search(name) or DAY.search(name)
    if not match:
        return ""
    part = match.groupdict()
    seconds = f"{part['f']}%S" if part.get("S") else ""
    time = f"{part['c']}%H{part['e']}%M{seconds}" if "H" in part else ""
    inner = f"%Y{part['a']}%m{part['b']}%d{time}"
    pattern = f"{escaped(name[: match.start()])}{inner}{escaped(name[match.end() :])}"
    return pattern if stamp_in_name(name, pattern) and accepted(pattern) else ""


def escaped(text: str) -> str:
    """The text with `%` doubled, for strftime."""
    return text.replace("%", "%%")


@lru_cache(maxsize=256)
def accepted(pattern: str) -> bool:
    """Whether the policy accepts a pattern. Thousands of names may have one: it is tried once."""
    try:
        policy("any", "any", pattern)
    except ValidationError:
        return False
    return True


def policy(volume: str, node: str, pattern: str = "", path: str | None = None, below: str = "") -> Policy:
    """A provisional policy, only for looking: the place of the files, and their pattern.

    `path` is the directory of the node for what is no volume, `below` the directory below the root. Raises
    ValidationError for a value that no inventory could have.
    """
    named = {"pattern": pattern} if pattern else {}
    return Policy(
        service="any",
        schedule=EVERY_NIGHT,
        volume=Volume(name=volume, node=node, path=path),
        path=below,
        keep=Keep(last=1),
        **named,  # type: ignore[arg-type]
    )


def zone_of(files: Sequence[File], pattern: str, zones: Collection[str]) -> str:
    """The time zone in which most names agree with the mtimes of their files; empty when none does.

    Of several that agree with as many, the one whose times are nearest; then the first. Names that hold only a day say
    nothing about it: the first.
    """
    if names_a_day(pattern):
        return next(iter(zones), "")
    stamped = [(local, file.mtime) for file in files for local in [stamp_in_name(file.name, pattern)] if local]
    scores = {
        zone: sum(times_agree(moment_of_stamp(local, ZoneInfo(zone), mtime), mtime) for local, mtime in stamped)
        for zone in zones
    }
    best = max(scores, key=lambda zone: nearness(scores[zone], stamped, zone), default="")
    return best if best and scores[best] else ""


def nearness(score: int, stamped: Sequence[tuple[datetime, float]], zone: str) -> tuple[int, float]:
    """A sort key for a zone: the number of files that agree (`score`), then minus the sum of differences in seconds."""
    late = [mtime - moment_of_stamp(local, ZoneInfo(zone), mtime).timestamp() for local, mtime in stamped]
    return score, -sum(abs(seconds) for seconds in late)


def schedule_of(stamps: Sequence[datetime]) -> str:
    """Five fields of cron that fit the stamps of the newest ten days; empty when they follow no daily pattern.

    An hour counts with three stamps at least, and all must have one minute.

    >>> days = [datetime(2026, 11, day, hour, 0, 1) for day in (18, 19, 20) for hour in (0, 12)]
    >>> schedule_of(days)
    '0 0,12 * * *'
    """
    newest = max(stamps, default=None)
    recent = [moment for moment in stamps if newest and moment > newest - timedelta(days=10)]
    times = Counter((moment.hour, moment.minute) for moment in recent)
    often = [time for time, number in times.items() if number >= SOME]
    minutes = {minute for _, minute in often}
    if not often or len(minutes) > 1:
        return ""
    hours = ",".join(str(hour) for hour, _ in sorted(often))
    return f"{minutes.pop()} {hours} * * *"
