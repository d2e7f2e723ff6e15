"""Which backups stay: restic's rules over proven dumps, and what no rule may take away."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fleetkeeper.topics.backups.catalog import build_catalog
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.topics.backups.periods import periods_of_keep
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import (
    Retention,
    apply_keep,
    by_keep,
    let_go_before,
    needed_for,
    reasons_to_keep,
)
from tests.example_fleets.backups import (
    NOW,
    TORONTO,
    catalog_of_files,
    dump_file,
    make_policy,
    proof_of,
    proofs_of,
    twice_a_day,
)

START = datetime(2026, 6, 15, 12, tzinfo=UTC)


def thin_out(files: tuple[File, ...], verified: tuple[DumpProof, ...] | None = None, **changes: Any) -> Retention:
    return apply_keep(catalog_of_files(files, verified, **changes), make_policy(**changes), NOW)


def kept_names(retention: Retention) -> list[str]:
    return [item.backup.named.astimezone(TORONTO).strftime("%m-%d %H") for item in retention.kept]


def daily(count: int) -> tuple[File, ...]:
    return tuple(dump_file(START - timedelta(days=back)) for back in range(count))


def test_the_newest_few_stay():
    assert kept_names(thin_out(daily(10), keep={"last": 3}, at_least=1)) == [
        "06-15 08",
        "06-14 08",
        "06-13 08",
        "06-06 08",
    ]


def test_the_newest_of_each_day_stays():
    match = thin_out(twice_a_day(8), keep={"daily": 2}, at_least=1)
    assert kept_names(match) == ["06-15 12", "06-14 12", "06-12 00"]  # and the oldest


def test_empty_periods_are_not_counted():
    files = (dump_file(START), dump_file(START - timedelta(days=40)), dump_file(START - timedelta(days=300)))
    assert len(thin_out(files, keep={"weekly": 3}, at_least=1).kept) == 3


def test_counters_are_independent_and_their_results_are_ored():
    match = thin_out(daily(20), keep={"last": 2, "weekly": 2}, at_least=1)
    reasons = {item.backup.name: item.reasons for item in match.kept}
    assert reasons[daily(20)[0].name] == ("last", "weekly 2026-W25", "newest proven")
    assert kept_names(match) == ["06-15 08", "06-14 08", "05-27 08"]


def test_minus_one_is_without_end():
    assert len(thin_out(daily(30), keep={"daily": -1}, at_least=1).kept) == 30


def test_the_oldest_stays_while_a_counter_is_not_used_up():
    match = thin_out(twice_a_day(2, START), keep={"yearly": 10}, at_least=1)
    assert "oldest yearly 2026" in match.kept[-1].reasons


def test_within_is_relative_to_the_newest_one():
    old = tuple(dump_file(START - timedelta(days=100 + back)) for back in range(5))
    match = thin_out(old, keep={"within": "2 d"}, at_least=1)
    assert [item.reasons[0] for item in match.kept] == ["within 2 d", "within 2 d", "oldest proven"]


def test_days_are_those_of_the_policy_s_time_zone():
    before, after = datetime(2026, 6, 15, 3, 50, tzinfo=UTC), datetime(2026, 6, 15, 4, 10, tzinfo=UTC)
    files = (dump_file(after), dump_file(before), dump_file(before - timedelta(minutes=5)))
    assert kept_names(thin_out(files, keep={"daily": 2}, at_least=1))[:2] == ["06-15 00", "06-14 23"]


def test_each_backup_that_may_go_has_a_reason_oldest_first():
    gone = thin_out(daily(10), keep={"last": 3}, at_least=1).excess
    assert [item.backup.time for item in gone] == sorted(item.backup.time for item in gone)
    assert {item.reason for item in gone} == {"no rule of keep needs it"}


@pytest.mark.parametrize("keep", [{}, {"last": 0}, {"daily": 0, "weekly": 0}, {"last": -2}])
def test_case_43_an_empty_policy_is_refused(keep):
    with pytest.raises(ValidationError, match=r"would remove every backup|greater than or equal to -1"):
        make_policy(keep=keep)


def test_case_44_when_all_newest_are_corrupt_the_one_old_good_stays():
    files = daily(30)
    verified = (*(proof_of(item, "broken", "cut short") for item in files[:-1]), proof_of(files[-1]))
    match = thin_out(files, verified, keep={"last": 2}, at_least=3)
    assert files[-1].name in {item.backup.name for item in match.kept}
    assert match.excess == ()  # nothing newer made up for any broken one


def test_a_broken_one_may_go_once_a_newer_one_is_whole():
    files = daily(5)
    verified = (*proofs_of(files[:2]), proof_of(files[2], "broken", "cut short"), *proofs_of(files[3:]))
    [gone] = thin_out(files, verified, keep={"last": 5}, at_least=1).excess
    assert (gone.backup.name, gone.reason) == (files[2].name, "cut short")


def test_case_50_a_broken_one_of_today_may_still_be_waiting_for_a_lock():
    young = dump_file(NOW - timedelta(hours=3))
    files = (dump_file(NOW - timedelta(hours=1)), young, *daily(3))
    verified = (proof_of(files[0]), proof_of(young, "broken", "cut short"), *proofs_of(files[2:]))
    assert thin_out(files, verified, keep={"last": 9}).excess == ()


def test_case_79_a_dump_that_is_not_known_to_be_complete_stays_and_fills_no_bucket():
    files = daily(10)
    match = thin_out(files, proofs_of(files[5:]), keep={"last": 2}, at_least=1)
    assert {item.name for item in files[:5]} <= {item.backup.name for item in match.kept}
    assert {item.name for item in files[5:7]} <= {item.backup.name for item in match.kept}


def test_case_36_what_lies_in_the_future_neither_counts_nor_anchors():
    future = dump_file(NOW + timedelta(days=400))
    files = (future, *daily(5))
    match = thin_out(files, keep={"within": "36 h"}, at_least=1)
    assert [item.reasons[0] for item in match.kept][:3] == ["dated in the future", "within 1 d 12 h", "within 1 d 12 h"]


def test_case_40_a_hard_linked_file_is_left_alone():
    files = (*daily(3), replace(dump_file(START - timedelta(days=9)), links=2), *daily(12)[-1:])
    match = thin_out(files, keep={"last": 1}, at_least=1)
    assert ("it has 2 hard links",) in {item.reasons for item in match.kept}


def test_case_40_a_hard_linked_dump_counts_for_everything_but_being_deleted():
    files = tuple(replace(item, links=2) for item in daily(10))
    match = thin_out(files, keep={"last": 2}, at_least=3)
    assert match.excess == ()
    reasons = {item.backup.name: item.reasons for item in match.kept}
    assert reasons[files[0].name] == ("last", "newest proven")
    assert reasons[files[2].name] == ("at least 3 proven stay",)
    assert reasons[files[5].name] == ("it has 2 hard links",)
    assert match.protected == {files[0].name, files[1].name, files[2].name, files[9].name}


def test_two_names_of_one_file_count_once_it_rots_under_both():
    first = replace(dump_file(START), links=2, inode=7)
    second = replace(dump_file(START - timedelta(hours=2)), links=2, inode=7, mtime=first.mtime)
    match = thin_out((first, second, *daily(9)[1:]), keep={"last": 2}, at_least=2)
    reasons = {item.backup.name: item.reasons for item in match.kept}
    assert reasons[second.name][0] == f"it is the very file that is called {first.name}, too"
    assert reasons[daily(9)[1].name] == ("last",)


@pytest.mark.parametrize("keep", [{"daily": 7}, {"monthly": 12}, {"last": 1}, {"within": "1 h"}])
def test_the_newest_at_least_stay_whatever_the_rules_say(keep):
    files = twice_a_day(60)
    match = thin_out(files, keep=keep, at_least=3)
    assert [item.backup.name for item in match.kept][:3] == [item.name for item in files[:3]]


def mixed(*, broken: tuple[int, ...], count: int = 60) -> tuple[tuple[File, ...], tuple[DumpProof, ...]]:
    """Two files a day, some of them broken."""
    files = twice_a_day(count)
    states = ("broken" if location in broken else "complete" for location in range(count))
    return files, tuple(proof_of(item, state, "cut short") for item, state in zip(files, states, strict=True))


def test_the_last_file_of_a_period_stays_though_it_is_broken():
    """A day of which both files are broken keeps the newer one; so does a week of which no other file is left."""
    files, verified = mixed(broken=(10, 11))
    match = thin_out(files, verified, keep={"daily": 14}, at_least=1)
    reasons = {item.backup.name: item.reasons for item in match.kept}
    assert reasons[files[10].name] == ("the last file of its period (daily 2026-06-10)",)
    assert files[11].name in {item.backup.name for item in match.excess}
    beyond = thin_out(files, verified, keep={"daily": 3}, at_least=1)
    assert {files[10].name, files[11].name} <= {item.backup.name for item in beyond.excess}


@pytest.mark.parametrize(
    ("allowed", "broken", "goes"),
    [("10 %", 6, True), ("10 %", 7, False), (7, 7, True), (2, 3, False), (0, 1, False), ("1 %", 1, True)],
)
def test_more_broken_ones_than_a_few_are_for_a_person(allowed, broken, goes):
    files, verified = mixed(broken=tuple(range(3, 3 + 2 * broken, 2)))
    match = thin_out(files, verified, keep={"last": 4, "broken_at_most": allowed}, at_least=1)
    assert bool(match.excess) is goes
    if not goes:
        assert match.held is not None
        assert match.held.why.startswith(f"{broken} of 60 files look broken, more than `keep.broken_at_most` (")
        assert match.held.why.endswith("look at them first")


@pytest.mark.parametrize("wrong", [-1, "10", "101 %", "-1 %", True, 1.5, "ten"])
def test_a_portion_is_a_number_or_percent(wrong):
    with pytest.raises(ValidationError, match="neither a number nor percent"):
        make_policy(keep={"last": 1, "broken_at_most": wrong})


HOURS = st.integers(min_value=-100, max_value=24 * 900)
STATES = st.sampled_from(["complete", "complete", "broken", "unknown"])
COUNTS = st.integers(min_value=-1, max_value=6)
KEEPS = st.fixed_dictionaries(dict.fromkeys(("last", "hourly", "daily", "weekly", "monthly", "yearly"), COUNTS)).filter(
    lambda keep: any(keep.values())
)


@st.composite
def catalogs_to_thin(draw: st.DrawFn) -> tuple[tuple[File, ...], tuple[DumpProof, ...], Policy]:
    """Files at any times, with any proofs, mtimes off by anything, links; and any policy."""
    files: list[File] = []
    verified: list[DumpProof] = []
    for back, state in draw(st.dictionaries(HOURS, STATES, max_size=40)).items():
        moment = NOW - timedelta(hours=back)
        off = draw(st.sampled_from([1, 1, 1, 1, -4000, 10**6]))
        item = replace(dump_file(moment), mtime=moment.timestamp() + off, links=draw(st.sampled_from([1, 1, 1, 1, 2])))
        item = replace(item, size=draw(st.sampled_from([2**20, 2**20, 2**20, 900_000, 500, 2**24])))
        files.append(item)
        if state != "unknown":
            verified.append(proof_of(item, state, "cut short" if state == "broken" else ""))
    rules = make_policy(keep=draw(KEEPS), at_least=draw(st.integers(min_value=1, max_value=5)))
    return tuple(files), tuple(verified), rules


@given(catalogs_to_thin())
def test_case_44_enough_complete_ones_remain_and_the_newest_and_the_oldest_of_them(sample):
    files, verified, rules = sample
    catalog = build_catalog(files, verified, rules, NOW)
    gone = {item.backup.name for item in apply_keep(catalog, rules, NOW).excess}
    remaining = [item for item in catalog.counted if item.name not in gone]
    assert len(remaining) >= min(rules.at_least, len(catalog.counted))
    if catalog.counted:
        assert remaining[0] == catalog.counted[0]
        assert remaining[-1] == catalog.counted[-1]


@given(catalogs_to_thin())
def test_nothing_protected_may_go_and_the_newest_at_least_stay(sample):
    files, verified, rules = sample
    catalog = build_catalog(files, verified, rules, NOW)
    match = apply_keep(catalog, rules, NOW)
    gone = {item.backup.name for item in match.excess}
    assert not match.protected & gone
    assert not {item.name for item in catalog.counted[: rules.at_least]} & gone


@given(catalogs_to_thin())
def test_no_reason_is_ever_empty(sample):
    files, verified, rules = sample
    nameless = tuple(replace(item, why="") for item in verified)
    for proven in (verified, nameless):
        catalog = build_catalog(files, proven, rules, NOW)
        match = apply_keep(catalog, rules, NOW)
        assert all(item.reasons and all(item.reasons) for item in match.kept)
        assert all(item.reason for item in match.excess)
        assert all(bool(backup.doubt) is not backup.counts for backup in catalog.backups)


@given(catalogs_to_thin())
def test_what_does_not_count_changes_nothing_for_what_does(sample):
    """Neither a bucket, nor the newest, nor the oldest, nor what is protected is ever one that does not count."""
    files, verified, rules = sample
    catalog = build_catalog(files, verified, rules, NOW)
    counting = {item.name for item in catalog.counted}
    match = apply_keep(catalog, rules, NOW)
    assert match.protected <= counting
    alone = replace(catalog, backups=catalog.counted)
    kept = {item.backup.name for item in by_keep(alone, rules, NOW).kept}
    assert kept == {item.backup.name for item in by_keep(catalog, rules, NOW).kept} & counting


@given(catalogs_to_thin(), st.sampled_from(["hourly", "daily", "weekly", "monthly", "yearly"]))
def test_no_period_that_keep_reaches_loses_its_last_file(sample, period):
    files, verified, rules = sample
    catalog = build_catalog(files, verified, rules, NOW)
    gone = {item.backup.name for item in apply_keep(catalog, rules, NOW).excess}
    for item in periods_of_keep(catalog.counted, rules):
        if item.name == period:
            reached = [backup for backup in catalog.backups if item.reaches(backup)]
            before = {item.bucket_of(backup) for backup in reached}
            assert {item.bucket_of(backup) for backup in reached if backup.name not in gone} == before


@given(catalogs_to_thin())
def test_all_that_a_plan_rests_on_is_proven_again(sample):
    """Each period that keep reaches has its newest complete one among what is streamed, when something of it goes."""
    files, verified, rules = sample
    catalog = build_catalog(files, verified, rules, NOW)
    match = apply_keep(catalog, rules, NOW)
    again = {item.name for item in needed_for(match.excess, catalog, rules)}
    assert match.protected <= again
    assert not again & {item.backup.name for item in match.excess}
    whole = [item.backup for item in match.excess if item.backup.counts]
    for period in periods_of_keep(catalog.counted, rules):
        for gone in (item for item in whole if period.reaches(item)):
            bucket = [item for item in catalog.counted if period.bucket_of(item) == period.bucket_of(gone)]
            assert bucket[0].name in again


@pytest.mark.parametrize("keep", [{"last": 6}, {"daily": 7}, {"last": 4, "daily": 5, "weekly": 2}, {"hourly": 5}])
def test_all_that_use_up_a_counter_are_read_again_before_the_next_one_goes(keep):
    files = tuple(dump_file(NOW - timedelta(days=back, hours=1)) for back in range(12))
    rules = make_policy(keep=keep, at_least=1)
    known_value = catalog_of_files(files, keep=keep, at_least=1)
    gone = apply_keep(known_value, rules, NOW).excess
    again = {item.name for item in needed_for(gone, known_value, rules)}
    names = {item.backup.name for item in gone}
    for rotten in (item for item in known_value.counted if item.name not in names):
        others = [item for item in known_value.counted if item != rotten]
        assert rotten.name in again or not names & reasons_to_keep(others, rules).keys()


@given(catalogs_to_thin())
def test_whichever_stays_unread_would_keep_nothing_more_if_it_were_rotten(sample):
    """What is not streamed again must not be why something goes: without it keep asks for nothing that went."""
    files, verified, rules = sample
    catalog = build_catalog(files, verified, rules, NOW)
    gone = apply_keep(catalog, rules, NOW).excess
    again = {item.name for item in needed_for(gone, catalog, rules)}
    names = {item.backup.name for item in gone}
    for rotten in (item for item in catalog.counted if item.name not in again | names):
        others = [item for item in catalog.counted if item != rotten]
        assert not names & reasons_to_keep(others, rules, catalog.accepted).keys()


@given(catalogs_to_thin())
def test_case_48_thinning_twice_is_thinning_once(sample):
    files, verified, rules = sample
    gone = {item.backup.name for item in apply_keep(build_catalog(files, verified, rules, NOW), rules, NOW).excess}
    left = tuple(item for item in files if item.name not in gone)
    assert apply_keep(build_catalog(left, verified, rules, NOW), rules, NOW).excess == ()


@given(catalogs_to_thin())
def test_without_slack_whatever_may_go_today_was_let_go_before(sample):
    files, verified, rules = sample
    rules = rules.model_copy(update={"slack": timedelta(0)})
    catalog = build_catalog(files, verified, rules, NOW)
    before = {excess.backup.name for excess in let_go_before(catalog, rules, NOW)}
    assert {excess.backup.name for excess in apply_keep(catalog, rules, NOW).excess} <= before


@given(catalogs_to_thin(), st.randoms())
def test_the_order_of_the_listing_does_not_matter(sample, random):
    files, verified, rules = sample
    shuffled = list(files)
    random.shuffle(shuffled)
    before = apply_keep(build_catalog(files, verified, rules, NOW), rules, NOW)
    assert apply_keep(build_catalog(tuple(shuffled), verified, rules, NOW), rules, NOW) == before


@given(catalogs_to_thin())
def test_case_79_only_what_is_proven_may_go(sample):
    files, verified, rules = sample
    proven = {item.name for item in verified}
    assert {
        item.backup.name for item in apply_keep(build_catalog(files, verified, rules, NOW), rules, NOW).excess
    } <= proven


@given(catalogs_to_thin(), st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_nothing_outside_the_naming_pattern_is_touched(sample, names):
    files, verified, rules = sample
    strangers = tuple(File(name, 1, NOW.timestamp() - 10**7, location + 1) for location, name in enumerate(names))
    match = apply_keep(build_catalog((*files, *strangers), (*verified, *proofs_of(strangers)), rules, NOW), rules, NOW)
    assert not {item.backup.name for item in match.excess} & {stranger.name for stranger in strangers}
    assert len(match.kept) + len(match.excess) == len(files)


# ── restic's own algorithm (internal/restic/snapshot_policy.go, ApplyPolicy), written down once more ──


def restic(times: list[datetime], keep: dict[str, int], within: timedelta | None) -> set[datetime]:
    """What `restic forget` keeps of snapshots at these local times."""
    newest_first = sorted(times, key=datetime.timestamp, reverse=True)
    stamps = {
        "last": lambda time, number: (number,),
        "hourly": lambda time, number: (time.year, time.month, time.day, time.hour),
        "daily": lambda time, number: (time.year, time.month, time.day),
        "weekly": lambda time, number: time.isocalendar()[:2],
        "monthly": lambda time, number: (time.year, time.month),
        "yearly": lambda time, number: (time.year,),
    }
    left, last = dict(keep), dict.fromkeys(keep, None)
    kept = set()
    for number, time in enumerate(newest_first):
        if within is not None and time.timestamp() > newest_first[0].timestamp() - within.total_seconds():
            kept.add(time)
        for name in keep:
            if left[name] == 0:
                continue
            stamp = stamps[name](time, number)
            if stamp != last[name] or number == len(newest_first) - 1:
                kept.add(time)
                last[name] = stamp
                left[name] -= left[name] > 0
    return kept


AUTUMN = datetime(2025, 11, 1, 12, tzinfo=UTC)
"""The night after it, the clocks of Toronto go back; in March they went forward."""
CLOSE = st.integers(min_value=-40, max_value=200).map(lambda number: AUTUMN + number * timedelta(minutes=13))
FAR = st.integers(min_value=0, max_value=900 * 4).map(lambda number: NOW - number * timedelta(hours=6, minutes=7))


@given(
    st.lists(st.one_of(CLOSE, FAR), min_size=1, max_size=60, unique_by=lambda time: time.astimezone(TORONTO).ctime()),
    KEEPS,
    st.none() | st.integers(min_value=1, max_value=800),
)
def test_what_stays_is_what_restic_keeps_and_the_newest_and_the_oldest(times, keep, days):
    within = timedelta(days=days) if days else None
    local = {time.astimezone(TORONTO): dump_file(time).name for time in times}
    expected = {local[time] for time in restic(list(local), keep, within)}
    first, *_, last = [*sorted(times), max(times)]
    match = thin_out(
        tuple(map(dump_file, times)), keep={**keep, **({"within": f"{days} d"} if days else {})}, at_least=1
    )
    assert {item.backup.name for item in match.kept} == expected | {dump_file(first).name, dump_file(last).name}
