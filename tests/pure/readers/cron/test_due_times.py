"""Due times: Debian's fields, and the same meaning in different spellings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.readers.cron.due_times import (
    NEVER,
    REBOOT,
    BadTimes,
    canonical_times,
    due_times,
    last_due,
    same_due_times,
)

TORONTO = ZoneInfo("America/Toronto")
START = datetime(2026, 1, 1, tzinfo=TORONTO)


def spans(low: int, high: int):
    """A field as people write it: numbers, ranges, lists, steps."""
    numbers = st.integers(low, high)
    ranges = st.tuples(numbers, numbers).map(lambda pair: f"{min(pair)}-{max(pair)}")
    steps = st.tuples(st.one_of(st.just("*"), ranges), st.integers(1, high)).map(lambda pair: f"{pair[0]}/{pair[1]}")
    return st.one_of(
        st.just("*"), st.lists(st.one_of(numbers.map(str), ranges, steps), min_size=1, max_size=3).map(",".join)
    )


SCHEDULES = st.tuples(spans(0, 59), spans(0, 23), spans(1, 31), spans(1, 12), spans(0, 7))


@given(SCHEDULES)
def test_the_canonical_form_of_a_canonical_form_is_itself(fields: tuple[str, ...]):
    once = canonical_times(fields)
    assert once == NEVER or canonical_times(once.split()) == once


def numbers_in(field: str, low: int, high: int) -> set[int]:
    """The numbers of a field, read once more and quite differently."""
    match: set[int] = set()
    for item in field.split(","):
        span, _, step = item.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        match.update(range(int(first), int(last or first) + 1, int(step or 1)))
    return match


@given(SCHEDULES, st.integers(0, 366 * 24 * 60))
def test_a_minute_is_due_exactly_when_debians_rule_says_so(fields: tuple[str, ...], minutes: int):
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    minute, hour, day, month, weekday = (
        numbers_in(field, low, high)
        for field, (low, high) in zip(fields, ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7)), strict=True)
    )
    on_day = moment.day in day
    on_weekday = moment.isoweekday() in weekday or moment.isoweekday() % 7 in weekday
    starred = fields[2].startswith("*") or fields[4].startswith("*")
    expected = (
        moment.minute in minute
        and moment.hour in hour
        and moment.month in month
        and (on_day and on_weekday if starred else on_day or on_weekday)
    )
    runs = list(islice(due_times(canonical_times(fields), moment - timedelta(seconds=1)), 1))
    assert (runs == [moment]) is expected


@pytest.mark.parametrize(
    ("many", "wanted", "alike"),
    [
        (["0 0,12 * * *"], "0 */12 * * *", True),
        (["0 0 * * *", "0 12 * * *"], "0 0,12 * * *", True),
        (["0 0,12 * * *", "0 0 * * *"], "0 0,12 * * *", False),
        (["0 0 * * 1-5", "0 0 * * 0,6"], "0 0 * * *", True),
        (["0 0 29 2 *"], "0 0 29 2 *", True),
        ([NEVER], "0 0 * * *", False),
        ([REBOOT], "0 0 * * *", False),
        ([], "0 0 * * *", False),
        (["* * * * *"], "*/1 * * * *", True),
    ],
)
def test_schedules_are_compared_by_their_due_times(many: list[str], wanted: str, alike: bool):
    assert same_due_times(many, wanted, START) is alike


def test_the_last_due_time_is_at_or_before_the_moment():
    noon = datetime(2026, 6, 15, 12, 0, tzinfo=TORONTO)
    assert last_due("0 0,12 * * *", noon) == noon
    assert last_due("0 0,12 * * *", noon - timedelta(seconds=1)) == noon.replace(hour=0)
    assert last_due(NEVER, noon) is None


def test_case_28_twelve_hours_are_thirteen_once_a_year():
    times = list(islice(due_times("0 0,12 * * *", datetime(2026, 10, 31, 23, 0, tzinfo=TORONTO)), 2))
    assert times[1].astimezone(UTC) - times[0].astimezone(UTC) == timedelta(hours=13)


def test_a_number_that_is_longer_than_cron_reads_is_bad() -> None:
    with pytest.raises(BadTimes, match="bad minute"):
        canonical_times(["1" * 5001, "*", "*", "*", "*"])
