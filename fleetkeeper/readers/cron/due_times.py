"""Due times of crontab entries: the time fields as Debian's cron reads them, and the moments by cronsim.

Sources: crontab(5) and entry.c of Debian's cron 3.0pl1, compared with `crontab` itself. Field syntax is Debian's, not
cronsim's: `5/15` is an error there, `L` and `#` do not exist, and what follows a number is silently skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import islice, takewhile

from cronsim import CronSim, CronSimError

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NEVER = "never"
REBOOT = "@reboot"
SHORTCUTS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
    "@reboot": REBOOT,
}
ANY = datetime(2000, 1, 1)
ENOUGH = 800
A_MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
HORIZON = timedelta(days=370)


class BadTimes(ValueError):
    """Time fields that cron rejects; it then ignores the whole file."""


@dataclass(frozen=True)
class Range:
    """The values that one field may hold. `first_name` is the number of the first of `names`."""

    title: str
    low: int
    high: int
    names: tuple[str, ...] = ()
    first_name: int = 0

    def number(self, word: str) -> int:
        """The number that a word stands for. Raises BadTimes.

        That is for a word that is neither a number nor one of the field's names.
        """
        if word.isascii() and word.isdigit() and len(word) < LONGEST_WORD:
            return int(word)
        if word.lower() in self.names:
            return self.names.index(word.lower()) + self.first_name
        raise BadTimes(f"bad {self.title}")


LONGEST_WORD = 1000
"""Characters that cron reads of a number or a name (MAX_TEMPSTR of its cron.h); a longer one is bad."""
FIELDS = (
    Range("minute", 0, 59),
    Range("hour", 0, 23),
    Range("day-of-month", 1, 31),
    Range("month", 1, 12, MONTHS, 1),
    Range("day-of-week", 0, 7, DAYS),
)


def canonical_times(fields: Sequence[str]) -> str:
    """The five fields in one spelling that cron and cronsim read alike, or `never`. Raises BadTimes.

    `fields` are exactly five; any other number raises ValueError.

    >>> canonical_times("0 0-23/12 * jan-mar sun".split())
    '0 0,12 * 1,2,3 0'
    >>> canonical_times("0 20-4 * * *".split()), canonical_times("0 0 31 2 *".split())
    ('never', 'never')
    """
    read = [parse_field(text, span) for text, span in zip(fields, FIELDS, strict=True)]
    return " ".join(read) if "" not in read and day_exists(" ".join(read)) else NEVER


def day_exists(times: str) -> bool:
    """Whether the canonical times ever match: cron accepts the 31st of February, and never runs it.

    False, too, for times that cron does not accept.
    """
    try:
        CronSim(times, ANY)
    except CronSimError:
        return False
    return True


def parse_field(text: str, span: Range) -> str:
    """One field in canonical spelling. A leading star is kept: cron treats days and clock changes differently for it.

    Raises BadTimes. Else numbers in order, each once, with commas between them; a step is written out.
    """
    values: set[int] = set()
    stars: list[str] = []
    rest = text
    while True:
        numbers, star, rest = parse_item(rest, span)
        values.update(numbers)
        stars.append(star)
        if not rest.startswith(","):
            break
        rest = rest[1:]
    if stars[0] == "*":
        return "*"
    plain = ",".join(str(number) for number in sorted(values))
    return ",".join([stars[0], *([plain] if len(stars) > 1 else [])]) if stars[0] else plain


def parse_item(text: str, span: Range) -> tuple[range, str, str]:
    """The first element of a list: its numbers, its star or "", and the text after it. Raises BadTimes.

    A range whose end comes first raises it too.
    """
    if text.startswith("*"):
        low, high, rest, star = span.low, span.high, text[1:], "*"
    else:
        word, rest = step_through(text)
        low = high = span.number(word)
        star = ""
        if rest.startswith("/"):
            raise BadTimes(f"bad {span.title}")
        if not rest.startswith("-"):
            return parse_range(range(low, high + 1), span), "", rest
        word, rest = step_through(rest[1:])
        high = span.number(word)
    step, rest = parse_step(rest, span)
    return parse_range(range(low, high + 1, step), span), star and (star if step == 1 else f"*/{step}"), rest


def parse_step(rest: str, span: Range) -> tuple[int, str]:
    """The step after a slash (1 without one), and the text after it. Raises BadTimes."""
    if not rest.startswith("/"):
        return 1, rest
    word, rest = step_through(rest[1:])
    step = span.number(word)
    if step == 0:
        raise BadTimes(f"bad {span.title}")
    return step, rest


def parse_range(numbers: range, span: Range) -> range:
    """The same numbers, if the field may hold them all. Raises BadTimes."""
    if any(not span.low <= number <= span.high for number in numbers):
        raise BadTimes(f"bad {span.title}")
    return numbers


def step_through(text: str) -> tuple[str, str]:
    """The letters and digits at the beginning, and the rest. Either may be empty."""
    end = next((n for n, char in enumerate(text) if not (char.isascii() and char.isalnum())), len(text))
    return text[:end], text[end:]


def is_understood(times: str) -> bool:
    """Whether the due times of an entry with these canonical times are known.

    >>> is_understood("0 0 * * *"), is_understood(NEVER), is_understood(""), is_understood("0 0 * * * $(id)")
    (True, True, False, False)
    """
    return times in (NEVER, REBOOT) or day_exists(times)


def due_times(times: str, after: datetime) -> Iterator[datetime]:
    """The due times after `after`, in its time zone, without end; none for `never` and `@reboot`.

    A time that a clock change repeats is due once. `times` are understood (`is_understood`): CronSimError otherwise.
    """
    if times not in (NEVER, REBOOT):
        yield from CronSim(times, after)


def last_due(times: str, before: datetime) -> datetime | None:
    """The last due time at or before `before`, in its time zone; None when there was none in the 370 days before.

    None for `never` and `@reboot` too. `times` are understood (`is_understood`): CronSimError otherwise.
    """
    if times in (NEVER, REBOOT):
        return None
    moment = next(iter(CronSim(times, before + timedelta(seconds=1), reverse=True)), None)
    return moment if moment and before - moment <= HORIZON else None


@lru_cache(maxsize=256)
def longest_gap(*entries: str) -> timedelta:
    """The longest time between two due times of entries together; 370 days for never, 0 where one is not known.

    0 for `@reboot` too.

    >>> [longest_gap(times).days for times in ("0 3 1 * *", "0 3 * * 1", "0 3,15 * * *", "@reboot")]
    [31, 7, 0, 0]
    >>> longest_gap("0 3 1 * *", "0 3 15 * *").days
    17
    """
    if REBOOT in entries or not all(map(is_understood, entries)):
        return timedelta(0)
    due = [times for times in entries if times != NEVER]
    longest = timedelta(0) if due else HORIZON
    for half_weeks in range(107 if due else 0):
        moment = A_MONDAY + timedelta(hours=84 * half_weeks)
        before = [last for times in due if (last := last_due(times, moment))]
        after = min(next(due_times(times, moment)) for times in due)
        longest = max(longest, after - max(before) if before else HORIZON)
    return longest


def times_of_line(line: str) -> str:
    """The canonical times of a crontab's line; UNKNOWN_TIMES ("") where it is no such line.

    >>> times_of_line("0 3 1 * * root certbot renew"), times_of_line("@weekly certbot renew"), times_of_line("a b")
    ('0 3 1 * *', '0 0 * * 0', '')
    """
    fields = line.split(None, 5)
    try:
        times = SHORTCUTS.get(fields[0]) if line.startswith("@") else canonical_times(fields[:5])
    except ValueError:
        return UNKNOWN_TIMES
    return times or UNKNOWN_TIMES


def times_of_directory(path: str) -> str:
    """The canonical times of a script in a directory such as /etc/periodic/monthly; UNKNOWN_TIMES ("") in others."""
    match = re.search(r"[./](hourly|daily|weekly|monthly|yearly)/[^/]*$", path)
    return SHORTCUTS[f"@{match[1]}"] if match else UNKNOWN_TIMES


def same_due_times(many: Sequence[str], expected: str, start: datetime) -> bool:
    """Whether several entries together are due exactly when `expected` is, each time once, from `start` on.

    Of different spellings, 370 days or 800 times are compared. All times are understood (`is_understood`).

    >>> from zoneinfo import ZoneInfo
    >>> start = datetime(2026, 1, 1, tzinfo=ZoneInfo("America/Toronto"))
    >>> same_due_times(["0 0 * * *", "0 12 * * *"], "0 0,12 * * *", start)
    True
    """
    if list(many) == [expected]:
        return True
    return coming_due_times(merge(*(due_times(times, start) for times in many)), start) == coming_due_times(
        due_times(expected, start), start
    )


def coming_due_times(moments: Iterator[datetime], start: datetime) -> list[datetime]:
    """The due times of the next 370 days, at most 800: enough for any difference to show."""
    return list(islice(takewhile(lambda moment: moment < start + HORIZON, moments), ENOUGH))


UNKNOWN_TIMES = ""
