"""Names of dumps: those that hold only a day, and those that are not named as the inventory says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetkeeper.commands.init.filename_patterns import of_name, zone_of
from fleetkeeper.errors import UsageError
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.facts import DumpProof, File
from tests.example_fleets.backups import NOW, TEXT, backup_fleet, make_inventory, twice_a_day, verdict_of

DAILY = TEXT.replace('"0 0,12 * * *"', '"0 2 * * *"').replace("  keep:", '  pattern: "db_%Y-%m-%d.sql.gz"\n  keep:')


def dump_of_day(days_ago: int, hour: float = 6.2) -> File:
    """A dump named for a day of Toronto, written at an hour of that day in UTC (2 in the night there is 6)."""
    day = (NOW - timedelta(days=days_ago)).replace(hour=0, minute=0)
    written = day + timedelta(hours=hour)
    return File(f"db_{day:%Y-%m-%d}.sql.gz", 60_000, written.timestamp(), 100 + days_ago, blocks=61_440)


def complete(files: tuple[File, ...]) -> tuple[DumpProof, ...]:
    return tuple(DumpProof(file.name, *file.identity, "complete") for file in files)


def test_a_dump_named_for_its_day_is_as_old_as_its_mtime_says() -> None:
    files = tuple(dump_of_day(days) for days in range(5))
    fleet = backup_fleet(files, complete(files), text=DAILY)
    for rule in ("backups.are_fresh", "backups.are_complete", "backups.tell_their_time"):
        assert verdict_of(rule, fleet).outcome is Outcome.HOLDS, rule
    late = tuple(dump_of_day(days) for days in range(2, 5))
    [finding] = verdict_of("backups.are_fresh", backup_fleet(late, complete(late), text=DAILY)).findings
    assert "2 d" in finding.saw


@pytest.mark.parametrize(("hour", "outcome"), [(27.9, Outcome.HOLDS), (29.0, Outcome.HOLDS), (60.0, Outcome.FINDING)])
def test_a_dump_may_be_written_beyond_midnight_and_not_two_days_later(hour: float, outcome: Outcome) -> None:
    files = (dump_of_day(1, hour), *(dump_of_day(days) for days in range(2, 5)))
    fleet = backup_fleet(files, complete(files), text=DAILY)
    assert verdict_of("backups.tell_their_time", fleet).outcome is outcome


@pytest.mark.parametrize("hour", [-1, 40])
def test_a_name_of_the_future_is_one_of_the_future(hour: int) -> None:
    files = (replace(dump_of_day(-2), mtime=(NOW + timedelta(hours=hour)).timestamp()), dump_of_day(0), dump_of_day(1))
    [finding] = verdict_of("backups.tell_their_time", backup_fleet(files, complete(files), text=DAILY)).findings
    assert "in the future" in finding.saw


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('"0 2 * * *"', '"0 2,14 * * *"', "the second backup of a day would replace the first"),
        ("%Y-%m-%d", "%Y-%m-%d_%H", "hour and minute both"),
        ("%Y-%m-%d", "%Y-%m", "year, month and day"),
    ],
)
def test_a_pattern_holds_a_day_and_the_schedule_is_due_once_on_it(old: str, new: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        make_inventory(DAILY.replace(old, new))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("db_2026-11-22.sql.gz", "db_%Y-%m-%d.sql.gz"),
        ("20261122-shop.dump", "%Y%m%d-shop.dump"),
        ("db_2026-11-22_02-00.sql", "db_%Y-%m-%d_%H-%M.sql"),
        ("db_2026-11-22.sql.zst", ""),
        ("db_2026-13-22.sql.gz", ""),
        ("db_202611221.sql.gz", ""),
    ],
)
def test_init_reads_a_pattern_with_the_day_alone(name: str, pattern: str) -> None:
    assert of_name(name) == pattern


def test_names_of_days_say_nothing_about_their_time_zone() -> None:
    assert zone_of([dump_of_day(1)], "db_%Y-%m-%d.sql.gz", ["Asia/Kolkata", "UTC"]) == "Asia/Kolkata"


NAMES = ("shop_2026-06-15.dump", "shop.sql.zst", "notes", ".hidden", "db_2026.sql.gz.part")


def test_where_no_name_is_like_the_pattern_names_what_is_there() -> None:
    files = tuple(File(name, 9, 1.0 + number, number) for number, name in enumerate(NAMES))
    directory = File("shop-2026-06-14", 4096, 99.0, 98, kind="directory")
    [finding] = verdict_of("backups.are_fresh", backup_fleet((*files, directory), (), text=DAILY)).findings
    assert finding.saw == (
        "no backup at all; 4 files there, none named like `pattern` (db_%Y-%m-%d.sql.gz): "
        "shop-2026-06-14, notes, shop.sql.zst, shop_2026-06-15.dump"
    )


def test_when_names_change_the_younger_files_are_named() -> None:
    old = twice_a_day(4, NOW - timedelta(days=9))
    new = tuple(File(f"shop-{day}.sql.zst", 9, (NOW - timedelta(days=day)).timestamp(), day) for day in range(7))
    [finding] = verdict_of("backups.are_fresh", backup_fleet((*old, *new))).findings
    assert "7 younger files there, none named like `pattern`" in finding.saw
    assert "shop-0.sql.zst, shop-1.sql.zst, shop-2.sql.zst, shop-3.sql.zst, shop-4.sql.zst and 2 more" in finding.saw
