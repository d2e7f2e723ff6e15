"""Which complete dumps weigh what they should: emptied and wrong databases, giants, honest clean-ups, first days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.inventory.units import show_size
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.catalog import Catalog, Compared, build_catalog
from fleetkeeper.topics.backups.database.facts import AcceptedSize, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.plausible_size import AGREEING, LAST
from fleetkeeper.topics.backups.retention import apply_keep, before_the_change
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import DeleteFiles
from tests.example_fleets.backups import (
    HALF_DAY,
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    catalog_of_files,
    dump_file,
    dump_name,
    make_policy,
    proof_of,
    proofs_of,
    verdict_of,
    volume_usage,
)

NEWEST = NOW - timedelta(minutes=29)
DAILY = TEXT.replace("keep: {last: 4, daily: 14, weekly: 8, monthly: 12, yearly: 10}", "keep: {daily: 7}")


def sized(*sizes: int, step: timedelta = HALF_DAY, newest: datetime = NEWEST) -> tuple[File, ...]:
    """Files of these sizes, from the oldest to the newest."""
    return tuple(dump_file(newest - back * step, size) for back, size in enumerate(reversed(sizes)))


def make_small(catalog: Catalog) -> list[str]:
    """The sizes of those that were refused, oldest first."""
    return [show_size(backup.file.size) for backup in reversed(catalog.backups) if backup.small]


def accept_database(of: File, at: datetime = NOW) -> AcceptedSize:
    made = catalog_of_files([of]).backups[0].time
    return AcceptedSize(of.name, of.size, made, at, "ops", "old jobs were deleted")


def with_size(files: Sequence[File], size: AcceptedSize | None, text: str = TEXT) -> Fleet:
    """The fleet whose record has this accepted size."""
    fleet = backup_fleet(files, text=text)
    return replace(fleet, facts={**fleet.facts, ("data", "databases"): Databases((), Records(size=size))})


def thinning(fleet: Fleet) -> Plan | ForAPerson | None:
    findings = verdict_of("backups.are_thinned", fleet).findings
    return REMEDIES["backups.are_thinned"](findings[0], fleet) if findings else None


# ── one function judges each ──


def test_a_dump_of_half_the_biggest_of_the_last_plausible_ones_is_refused():
    assert make_small(catalog_of_files(sized(100, 90, 95, 49, 51))) == ["49 B"]


@pytest.mark.parametrize("count", [1, 2, 3, 40, 200])
@pytest.mark.parametrize("before", [1, 2, 5, 60])
def test_an_emptied_database_never_turns_plausible_by_itself(before, count):
    known_value = catalog_of_files(sized(*[100 * MIB] * before, *[2000] * count))
    assert len(make_small(known_value)) == count
    assert [item.file.size for item in known_value.counted] == [100 * MIB] * before


def test_a_database_that_is_emptied_step_by_step_is_found_at_half():
    assert make_small(catalog_of_files(sized(100, 100, 100, 80, 60, 45, 30, 10))) == ["45 B", "30 B", "10 B"]


def test_slow_growth_and_a_slow_honest_shrinking_are_plausible():
    assert make_small(catalog_of_files(sized(*[round(1000 * 1.02**n) for n in range(200)]))) == []
    assert make_small(catalog_of_files(sized(*[round(10**6 * 0.99**n) for n in range(200)]))) == []


def test_a_fast_shrinking_is_refused_until_a_person_has_looked():
    sizes = [round(10**6 * 0.96**n) for n in range(60)]
    refused = make_small(catalog_of_files(sized(*sizes)))
    assert refused == [show_size(size) for size in sizes if size < sizes[0] / 2]


def test_dumps_of_a_wrong_database_beside_the_real_ones_are_refused_one_by_one():
    days = [NEWEST - timedelta(days=back) for back in range(20)]
    wrong = [dump_file(day - timedelta(hours=13), 410) for day in days]
    right = [dump_file(day - timedelta(hours=hours), 64 * 1024) for day in days for hours in (0, 12)]
    known_value = catalog_of_files([*wrong, *right])
    assert {backup.name for backup in known_value.backups if backup.small} == {
        item.name for item in wrong if item.mtime > right[-1].mtime
    }


def test_the_first_real_dump_after_an_import_is_a_yardstick_at_once():
    assert make_small(catalog_of_files(sized(2, 100, 2, 2))) == ["2 B", "2 B"]
    assert make_small(catalog_of_files(sized(2, 2, 100, 100, 100))) == []


def test_where_all_are_tiny_they_are_all_there_is_and_count():
    known_value = catalog_of_files(sized(100, 100, 100))
    assert make_small(known_value) == []
    assert verdict_of("backups.have_plausible_size", backup_fleet(sized(100, 100, 100))).outcome is Outcome.FINDING


def test_beside_bigger_ones_less_than_smallest_is_refused():
    assert make_small(catalog_of_files(sized(300, 300, 200))) == ["200 B"]


def test_what_is_not_whole_is_neither_judged_nor_a_yardstick():
    files = sized(100, 100, 10**6, 100)
    known_value = catalog_of_files(files, proofs_of([item for item in files if item.size == 100]))
    assert make_small(known_value) == []


@given(st.lists(st.sampled_from([1, 2, 50, 100, 110, 1000]), min_size=1, max_size=90), st.randoms())
def test_the_order_of_the_listing_does_not_matter(sizes, random):
    files = list(sized(*sizes))
    known_value = make_small(catalog_of_files(files))
    random.shuffle(files)
    assert make_small(catalog_of_files(files)) == known_value


@given(st.lists(st.integers(min_value=1, max_value=10**6), min_size=1, max_size=60))
def test_the_biggest_of_all_is_never_refused(sizes):
    known_value = catalog_of_files(sized(*(1000 * size for size in sizes)))
    biggest = max(known_value.proven, key=lambda item: item.file.size)
    assert biggest.small is None


# ── one giant ──


def test_after_a_giant_the_usual_ones_are_refused_until_ten_in_a_row_agree():
    for count in range(1, AGREEING):
        assert len(make_small(catalog_of_files(sized(*[100] * 9, 1000, *[100] * count)))) == count
    known_value = catalog_of_files(sized(*[100] * 9, 1000, *[100] * AGREEING))
    assert make_small(known_value) == []
    assert [backup.file.size for backup in known_value.backups if backup.giant] == [1000]


def test_two_big_ones_are_a_yardstick_and_no_giant():
    assert len(make_small(catalog_of_files(sized(*[100] * 9, 1000, *[100] * 3, 900, *[100] * 20)))) == 23


def test_a_giant_stays_and_is_told_whatever_keep_says():
    files = sized(*[MIB] * 60, 10 * MIB, *[MIB] * 60)
    fleet = backup_fleet(files, text=DAILY)
    verdict = verdict_of("backups.have_plausible_size", fleet)
    assert verdict.outcome is Outcome.HOLDS
    [warning] = verdict.warnings
    assert "far more than those before and after it" in warning.saw
    plan = thinning(fleet)
    [step] = [step for step in plan.steps if isinstance(step, DeleteFiles)]
    giant = next(item for item in files if item.size == 10 * MIB)
    assert giant.name not in {item.name for item in step.files}
    assert len(step.files) > 100


def test_while_the_newest_is_a_giant_that_none_confirms_no_whole_dump_goes_and_each_says_why():
    giant = sized(*[MIB] * 60, 10 * MIB)
    known_value = catalog_of_files(giant, keep={"daily": 7})
    assert known_value.backups[0].unconfirmed
    match = apply_keep(known_value, make_policy(keep={"daily": 7}), NOW)
    assert match.excess == ()
    assert match.held is not None
    assert "the newest" in match.held.why
    assert "far more than those before it" in match.held.why
    verdict = verdict_of("backups.have_plausible_size", backup_fleet(giant, text=DAILY))
    assert [warning.about for warning in verdict.warnings] == [giant[0].name]
    assert "no complete dump is removed" in verdict.warnings[0].hint
    assert isinstance(thinning(backup_fleet(giant, text=DAILY)), ForAPerson)


def test_a_dump_that_agrees_with_a_giant_or_an_accepted_size_lets_whole_ones_go_again():
    grown = sized(*[MIB] * 60, 10 * MIB, 9 * MIB)
    assert apply_keep(catalog_of_files(grown, keep={"daily": 7}), make_policy(keep={"daily": 7}), NOW).held is None
    giant = sized(*[MIB] * 60, 10 * MIB)
    assert isinstance(thinning(with_size(giant, accept_database(giant[0]), DAILY)), Plan)


@pytest.mark.parametrize("state", ["broken", "unknown"])
def test_a_giant_that_is_not_whole_holds_nothing_up(state):
    files = sized(*[MIB] * 60, 10 * MIB)
    known_value = catalog_of_files(files, [*proofs_of(files[1:]), proof_of(files[0], state, "why")], keep={"daily": 7})
    assert apply_keep(known_value, make_policy(keep={"daily": 7}), NOW).held is None


def test_a_giant_is_let_go_once_a_size_was_accepted():
    files = sized(*[MIB] * 60, 10 * MIB, *[MIB] * 60)
    fleet = with_size(files, accept_database(files[0]), DAILY)
    assert verdict_of("backups.have_plausible_size", fleet).warnings == ()


# ── an accepted size ──


def test_after_an_honest_clean_up_the_accepted_size_is_the_yardstick():
    files = sized(*[100 * MIB] * 40, *[10 * MIB] * 5)
    assert verdict_of("backups.have_plausible_size", backup_fleet(files)).outcome is Outcome.FINDING
    fleet = with_size(files, accept_database(files[0]))
    assert verdict_of("backups.have_plausible_size", fleet).outcome is Outcome.HOLDS
    catalog = build_catalog(files, proofs_of(files), make_policy(), NOW, Compared(accept_database(files[0])))
    assert len(catalog.counted) == 45  # those since the clean-up, and those before it, are good, too


def test_after_an_accepted_size_an_emptied_database_is_found_again():
    files = sized(*[100 * MIB] * 10, *[10 * MIB] * 5, 4 * MIB)
    fleet = with_size(files, accept_database(files[1]))
    [match] = verdict_of("backups.have_plausible_size", fleet).findings
    assert match.want == "at least 5 MiB, as 10 MiB were accepted on 2026-06-15"


def test_growth_since_an_accepted_size_moves_the_yardstick_up():
    files = sized(*[100] * 5, *[10] * 3, *[12, 15, 19, 25, 30, 40, 50], 15)
    catalog = build_catalog(files, proofs_of(files), make_policy(), NOW, Compared(accept_database(files[8])))
    assert catalog.backups[0].small is not None


def test_what_was_wrong_long_before_stays_wrong_when_a_size_is_accepted():
    files = sized(*[100] * 5, 10, *[100] * 5, 10, 10, 10)
    catalog = build_catalog(files, proofs_of(files), make_policy(), NOW, Compared(accept_database(files[0])))
    assert [backup.name for backup in catalog.backups if backup.small] == [files[8].name]


def test_the_last_one_before_the_clean_up_stays_whatever_keep_says():
    files = sized(*[100 * MIB] * 40, *[10 * MIB] * 60)
    rules = make_policy(keep={"daily": 7})
    catalog = build_catalog(files, proofs_of(files), rules, NOW, Compared(accept_database(files[55])))
    match = apply_keep(catalog, rules, NOW)
    assert files[60].name in match.protected
    left = {item.backup.name: item.reasons for item in match.kept}
    assert left[files[60].name] == ("the last one before a smaller size was accepted",)
    assert files[60].size == 100 * MIB


def test_the_last_one_of_each_size_stays_after_a_second_clean_up_too():
    files = sized(*[100 * MIB] * 20, *[40 * MIB] * 20, *[10 * MIB] * 60)
    rules = make_policy(keep={"daily": 7})
    catalog = build_catalog(files, proofs_of(files), rules, NOW, Compared(accept_database(files[55])))
    match = apply_keep(catalog, rules, NOW)
    assert {files[60].name, files[80].name} <= match.protected
    assert [files[60].size, files[80].size] == [40 * MIB, 100 * MIB]


def test_growth_before_a_clean_up_leaves_one_to_be_kept_for_it():
    files = sized(*[round(1000 * 1.1**n) for n in range(60)], *[10**4] * 60)
    rules = make_policy(keep={"daily": 7})
    catalog = build_catalog(files, proofs_of(files), rules, NOW, Compared(accept_database(files[55])))
    assert len(before_the_change(catalog.counted, rules, catalog.accepted)) == 1


# ── what retention makes of it ──


@pytest.mark.parametrize("per_day", [1, 2])
@pytest.mark.parametrize("text", [TEXT, DAILY])
def test_no_night_of_an_emptied_database_costs_a_good_dump(text, per_day):
    step = timedelta(days=1) / per_day
    store = {item.name: item for item in (dump_file(NOW - n * step, 100 * MIB) for n in range(1, 60 * per_day))}
    good = set(store)
    for night in range(0, 50, 7):
        now = NOW + timedelta(days=night)
        for back in range(7 * per_day):
            made = dump_file(now - timedelta(minutes=29) - back * step, 2000)
            store[made.name] = made
        fleet = backup_fleet(sorted(store.values(), key=lambda element: element.mtime), now=now, text=text)
        assert verdict_of("backups.have_plausible_size", fleet).outcome is Outcome.FINDING
        assert verdict_of("backups.are_fresh", fleet).outcome is not Outcome.FINDING
        for rule in ("backups.are_thinned", "volumes.are_within_budget"):
            for finding in verdict_of(rule, fleet).findings:
                plan = REMEDIES[rule](finding, fleet)
                assert isinstance(plan, ForAPerson)
                assert "implausibly small" in plan.why
        assert good <= set(store)


def test_implausible_ones_fill_no_bucket_and_do_not_count_for_at_least():
    """TROUBLE B3: for some days a dump of the database `postgres` at 23:00, beside the real ones."""
    real = [dump_file(NEWEST - back * HALF_DAY, 64 * 1024) for back in range(60)]
    wrong = [dump_file(NEWEST - timedelta(hours=13, days=back), 410) for back in range(19)]
    files = (*real, *wrong)
    match = apply_keep(catalog_of_files(files), make_policy(), NOW)
    alone = apply_keep(catalog_of_files(real), make_policy(), NOW)
    assert match.excess == alone.excess
    assert match.protected == alone.protected
    reasons = {item.backup.name: item.reasons for item in match.kept}
    assert all(reasons[item.name][0].startswith("implausibly small: 410 B, wanted at least 32 KiB") for item in wrong)


def test_while_the_newest_is_implausible_only_broken_ones_go_and_each_says_why():
    files = [*sized(*[MIB] * 100), dump_file(NOW - timedelta(minutes=1), 410)]
    match = apply_keep(catalog_of_files(files), make_policy(), NOW)
    assert match.excess == ()
    assert match.held is not None
    assert any(match.held.why in item.reasons for item in match.kept)
    assert apply_keep(catalog_of_files(files[:-1]), make_policy(), NOW).held is None


def test_while_the_newest_is_implausible_the_finding_says_what_holds_thinning_up():
    fleet = backup_fleet([*sized(*[MIB] * 100), dump_file(NOW - timedelta(minutes=1), 410)])
    [match] = verdict_of("backups.are_thinned", fleet).findings
    assert match.hint.startswith("held up: no complete dump goes while the newest")


def test_an_implausible_one_is_no_fresh_backup_and_no_reason_to_make_another():
    files = [*sized(*[MIB] * 9, newest=NOW - timedelta(days=3)), dump_file(NOW - timedelta(hours=1), 410)]
    verdict = verdict_of("backups.are_fresh", backup_fleet(files))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "young enough, but implausibly small: 410 B" in str(verdict.unknown[0])


SIZES = st.lists(st.sampled_from([200, 2000, MIB, 2 * MIB, 100 * MIB]), min_size=1, max_size=80)


@given(SIZES, st.sampled_from([TEXT, DAILY, TEXT.replace("at_least: 3", "at_least: 3\n  below_keep: true")]))
def test_no_plan_takes_a_whole_dump_while_the_size_of_the_newest_is_a_finding(sizes, text):
    files = sized(*sizes)
    text = text.replace("60 GiB", "1 MiB")
    fleet = backup_fleet(files, text=text, volume=volume_usage(files))
    if files[0].size >= 256 and verdict_of("backups.have_plausible_size", fleet).findings:
        for rule in ("backups.are_thinned", "volumes.are_within_budget"):
            for finding in verdict_of(rule, fleet).findings:
                assert isinstance(REMEDIES[rule](finding, fleet), ForAPerson)


def test_the_window_is_as_long_as_documented():
    assert (LAST, AGREEING) == (30, 10)
    assert dump_name(NEWEST) == sized(1)[0].name
