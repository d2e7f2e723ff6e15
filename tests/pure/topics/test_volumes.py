"""What a volume takes and what is left: measured by the real script on a directory here, and judged."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import timedelta
from itertools import takewhile

import pytest
from cronsim import CronSim

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.forecast import coming_runs
from fleetkeeper.topics.volumes.facts import VolumeEntry
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets.backups import (
    GOOD,
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    dump_file,
    make_policy,
    twice_a_day,
    verdict_of,
    volume_usage,
)


def test_a_volume_over_its_budget_is_a_finding_that_names_strangers():
    heavy = volume_usage(GOOD, used=70 * 2**30, biggest=(VolumeEntry("core.1234", 40 * 2**30),))
    [match] = verdict_of("volumes.are_within_budget", backup_fleet(volume=heavy)).findings
    assert (match.saw, match.want) == ("rodan_pg_backup takes 70 GiB", "at most 60 GiB")
    assert match.hint == "besides backups there is core.1234 (40 GiB)"


@pytest.mark.parametrize("low", [{"free": 1000}, {"free_inodes": 10}])
def test_a_disk_without_room_is_a_finding(low):
    assert (
        verdict_of("volumes.are_within_budget", backup_fleet(volume=volume_usage(GOOD, **low))).outcome
        is Outcome.FINDING
    )


def test_a_file_system_without_a_table_of_inodes_runs_out_of_none():
    no_table = volume_usage(GOOD, inodes=0, free_inodes=0)
    assert verdict_of("volumes.are_within_budget", backup_fleet(volume=no_table)).outcome is Outcome.HOLDS


def test_too_many_files_are_a_finding():
    text = TEXT.replace("budget: 60 GiB", "budget: 60 GiB, inodes: 3")
    [match] = verdict_of("volumes.are_within_budget", backup_fleet(text=text)).findings
    assert "5 files and directories" in match.saw


def test_a_volume_that_was_not_seen_is_unknown():
    unseen = backup_fleet(volume=Unobservable("no such volume"))
    assert verdict_of("volumes.are_within_budget", unseen).outcome is Outcome.UNKNOWN
    assert verdict_of("volumes.will_last", unseen).outcome is Outcome.UNKNOWN


def growing_by(percent: int):
    files = twice_a_day(40)
    return tuple(replace(item, size=size, blocks=size) for item, size in zip(files, sizes(percent), strict=True))


def sizes(percent: int) -> list[int]:
    return [round(900 * MIB * (1 - location * percent / 100)) for location in range(40)]


def test_backups_that_do_not_grow_last_when_they_fit():
    assert verdict_of("volumes.will_last", backup_fleet(growing_by(0))).outcome is Outcome.HOLDS


def test_backups_that_grow_are_told_of_before_the_budget_is_reached():
    files = growing_by(2)
    text = TEXT.replace("60 GiB", "30 GiB")
    assert verdict_of("volumes.are_within_budget", backup_fleet(files, text=text)).outcome is Outcome.HOLDS
    [match] = verdict_of("volumes.will_last", backup_fleet(files, text=text)).findings
    assert "runs out of its budget about 2026-0" in match.saw
    assert "backups grow by 36 MiB a day" in match.saw


def test_a_small_disk_is_told_of_before_it_is_full():
    files = (dump_file(NOW - timedelta(minutes=30), size=900 * MIB),)
    tight = volume_usage(files, free=2 * 2**30)
    [match] = verdict_of("volumes.will_last", backup_fleet(files, volume=tight)).findings
    assert "runs out of disk about 2026-06-18" in match.saw


def test_backups_that_do_not_grow_may_still_gather():
    files = twice_a_day(6)
    text = TEXT.replace("60 GiB", "12 MiB")
    [match] = verdict_of("volumes.will_last", backup_fleet(files, text=text)).findings
    assert "backups do not grow, the newest has 1 MiB, and keep lets more of them gather" in match.saw


def test_a_budget_that_something_else_fills_today_is_not_told_for_another_day():
    heavy = volume_usage(GOOD, used=70 * 2**30, biggest=(VolumeEntry("core", 69 * 2**30),))
    [match] = verdict_of("volumes.will_last", backup_fleet(volume=heavy)).findings
    assert "is out of its budget already, and thinning by keep will not make room" in match.saw


def test_backups_that_shrink_or_jump_about_last_when_the_biggest_of_them_would():
    for made in ([900 - number * 9 for number in range(40)], [900 + (number * 37) % 91 for number in range(40)]):
        files = tuple(
            replace(item, size=size * MIB, blocks=size * MIB) for item, size in zip(twice_a_day(40), made, strict=True)
        )
        assert verdict_of("volumes.will_last", backup_fleet(tuple(reversed(files)))).outcome is Outcome.HOLDS


def test_case_78_what_weighs_nothing_is_not_blamed():
    heavy = volume_usage(GOOD, used=70 * 2**30, biggest=(VolumeEntry("core", 40 * 2**30), VolumeEntry("empty", 0)))
    [match] = verdict_of("volumes.are_within_budget", backup_fleet(volume=heavy)).findings
    assert match.hint == "besides backups there is core (40 GiB)"


def test_a_schedule_of_every_minute_is_reckoned_in_less_than_seconds():
    text = TEXT.replace('"0 0,12 * * *"', '"* * * * *"').replace("at_least: 3", "at_least: 3\n  horizon: 365 d")
    began = time.process_time()
    assert verdict_of("volumes.will_last", backup_fleet(twice_a_day(50), text=text)).outcome is Outcome.HOLDS
    assert time.process_time() - began < 3


@pytest.mark.parametrize("schedule", ["0 0,12 * * *", "17 3 * * 1", "*/30 * * * *"])
def test_every_run_until_the_horizon_is_reckoned_with(schedule):
    rules = make_policy(schedule=schedule)
    expected = list(takewhile(lambda run: run <= NOW + rules.horizon, CronSim(schedule, NOW.astimezone(rules.zone))))
    assert list(coming_runs(rules, NOW)) == expected


# ── while something holds thinning up ──


def make_empty(count: int, size: int = 100 * MIB) -> tuple[File, ...]:
    """So many good ones, the first of them 12 hours older than one of an emptied database."""
    good = (replace(item, size=size, blocks=size) for item in twice_a_day(count)[1:])
    return (dump_file(NOW - timedelta(minutes=29), 2000), *good)


def test_while_the_newest_is_implausible_the_day_is_told_as_if_nothing_were_removed():
    files = make_empty(60)
    text = TEXT.replace("60 GiB", "10 GiB")
    good = tuple(replace(item, size=100 * MIB, blocks=100 * MIB) for item in twice_a_day(60))
    assert verdict_of("volumes.will_last", backup_fleet(good, text=text)).outcome is Outcome.HOLDS
    [match] = verdict_of("volumes.will_last", backup_fleet(files, text=text)).findings
    assert "is implausibly small: 2 KiB" in match.saw
    assert match.saw.endswith("without thinning rodan_pg_backup runs out of its budget about 2026-07-09")
    assert "remediate backups accept --because" in match.hint


def test_the_disk_is_reckoned_so_too_after_a_drill_that_failed():
    files = tuple(replace(item, size=100 * MIB, blocks=100 * MIB) for item in twice_a_day(60))
    drill = Drill("x", NOW, 1.0, 1.0, error="it does not restore")
    fleet = backup_fleet(files, volume=volume_usage(files, free=4 * 2**30))
    assert verdict_of("volumes.will_last", fleet).outcome is Outcome.HOLDS
    record = Databases((), Records(drills=(drill,)))
    [match] = verdict_of(
        "volumes.will_last", replace(fleet, facts={**fleet.facts, ("data", "databases"): record})
    ).findings
    assert match.saw.startswith("x did not come back when it was last tried")
    assert "without thinning rodan_pg_backup runs out of disk about 2026-07-03" in match.saw


def test_a_day_beyond_the_horizon_is_a_warning_and_none_within_a_year_is_nothing():
    verdict = verdict_of("volumes.will_last", backup_fleet(make_empty(60)))
    assert verdict.outcome is Outcome.HOLDS
    [warning] = verdict.warnings
    assert "runs out of its budget about 2027-" in warning.saw
    assert verdict_of("volumes.will_last", backup_fleet(make_empty(60, MIB))).warnings == ()


@pytest.mark.parametrize(("size", "blocks"), [(395, 4096), (4097, 8192), (9000, 12288), (5000, 512), (395, 131_072)])
def test_a_small_newest_file_says_nothing_of_the_blocks_of_bigger_ones(size, blocks):
    """FOREIGN W16: two dumps, 232.9 KiB and (newest) a small one, budget 20 MiB."""
    files = (
        dump_file(NOW - timedelta(minutes=29), size, blocks=blocks),
        dump_file(NOW - timedelta(hours=13), 238_490, blocks=241_664),
    )
    fleet = backup_fleet(files, text=TEXT.replace("60 GiB", "20 MiB"))
    assert verdict_of("volumes.will_last", fleet).findings == ()


def test_dumps_that_the_disk_has_not_counted_are_reckoned_by_their_bytes():
    made = tuple(replace(item, size=100 * MIB, blocks=512) for item in twice_a_day(60))
    full = backup_fleet(made, text=TEXT.replace("60 GiB", "1 GiB"))
    assert "runs out of its budget" in verdict_of("volumes.will_last", full).findings[0].saw
