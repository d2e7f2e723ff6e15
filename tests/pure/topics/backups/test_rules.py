"""The promises about backups, in a good fleet with one thing broken at a time."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets.backups import (
    GOOD,
    HALF_DAY,
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    dump_file,
    proof_of,
    proofs_of,
    twice_a_day,
    verdict_of,
)

RULES = (
    "backups.are_fresh",
    "backups.are_complete",
    "backups.have_plausible_size",
    "backups.tell_their_time",
    "backups.are_thinned",
    "volumes.are_within_budget",
    "volumes.will_last",
)
NEEDS_PROOF = tuple(rule for rule in RULES if rule != "volumes.are_within_budget")


@pytest.mark.parametrize("rule", RULES)
def test_good_backups_hold_every_promise(rule):
    assert verdict_of(rule, backup_fleet()).outcome is Outcome.HOLDS


@pytest.mark.parametrize("rule", RULES)
def test_what_the_inventory_leaves_out_is_skipped_with_its_reason(rule):
    start, end = TEXT.index("backups:"), TEXT.index("certificates:")
    without = TEXT[:start] + 'backups: {none: "kept by the campus"}\n' + TEXT[end:]
    skipped = verdict_of(rule, backup_fleet(text=without))
    assert skipped.outcome is Outcome.NOT_APPLICABLE
    assert skipped.not_applicable == "kept by the campus"


@pytest.mark.parametrize("rule", NEEDS_PROOF)
def test_case_39_a_directory_that_could_not_be_listed_is_unknown(rule):
    assert verdict_of(rule, backup_fleet(files=Unobservable("permission denied"))).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rule", NEEDS_PROOF)
def test_case_79_dumps_that_could_not_be_streamed_leave_the_promise_unknown(rule):
    assert verdict_of(rule, backup_fleet(verified=Unobservable("no awk on this node"))).outcome is Outcome.UNKNOWN


@pytest.mark.parametrize("rule", ["backups.are_fresh", "backups.are_complete", "backups.have_plausible_size"])
def test_a_quick_look_skips_what_it_does_not_know_and_says_so(rule):
    fleet = backup_fleet(verified=())
    quick = replace(fleet, inventory=fleet.inventory.model_copy(update={"quick": True}))
    skipped = verdict_of(rule, quick)
    assert skipped.outcome is Outcome.NOT_APPLICABLE
    assert skipped.not_applicable.startswith("left out by --quick")


# ── fresh ──


def test_no_backup_at_all_is_a_finding():
    [match] = verdict_of("backups.are_fresh", backup_fleet(files=())).findings
    assert match.saw == "no backup at all"


def test_an_old_newest_backup_is_a_finding_that_says_how_old():
    [match] = verdict_of("backups.are_fresh", backup_fleet(twice_a_day(4, NOW - timedelta(hours=40)))).findings
    assert match.saw.startswith("the newest complete backup is 1 d 16 h old: backup_2026_06_13T20_30_00")
    assert match.want == "at most 14 h old"


def test_only_a_complete_backup_makes_it_fresh():
    files = (dump_file(NOW - timedelta(hours=1)), *twice_a_day(3, NOW - timedelta(hours=20)))
    verified = (proof_of(files[0], "broken", "cut short in the middle of a table's rows"), *proofs_of(files[1:]))
    [match] = verdict_of("backups.are_fresh", backup_fleet(files, verified)).findings
    assert "20 h old" in match.saw
    assert "does not count: cut short" in match.saw


def test_a_young_file_that_was_not_verified_leaves_freshness_unknown():
    files = (dump_file(NOW - timedelta(hours=1)), *twice_a_day(3, NOW - timedelta(hours=20)))
    unknown = verdict_of("backups.are_fresh", backup_fleet(files, proofs_of(files[1:])))
    assert unknown.outcome is Outcome.UNKNOWN
    assert "not proven yet" in str(unknown.unknown[0])


def test_a_fresh_complete_one_is_enough_although_a_younger_one_is_unknown():
    files = (dump_file(NOW - timedelta(hours=1)), *twice_a_day(3, NOW - timedelta(hours=8)))
    assert verdict_of("backups.are_fresh", backup_fleet(files, proofs_of(files[1:]))).outcome is Outcome.HOLDS


def test_case_36_a_backup_from_the_future_is_never_fresh():
    files = (dump_file(NOW + timedelta(hours=3)), *twice_a_day(3, NOW - timedelta(hours=40)))
    [match] = verdict_of("backups.are_fresh", backup_fleet(files)).findings
    assert "dated in the future" in match.saw
    assert verdict_of("backups.tell_their_time", backup_fleet(files)).outcome is Outcome.FINDING


def test_case_36_a_node_whose_clock_is_off_tells_no_ages():
    assert verdict_of("backups.are_fresh", backup_fleet(ahead=4000.0)).outcome is Outcome.UNKNOWN
    assert verdict_of("backups.are_thinned", backup_fleet(ahead=-4000.0)).outcome is Outcome.UNKNOWN


def test_ages_use_the_node_s_own_clock():
    files = twice_a_day(4, NOW - timedelta(hours=13, minutes=58))
    assert verdict_of("backups.are_fresh", backup_fleet(files)).outcome is Outcome.HOLDS
    assert verdict_of("backups.are_fresh", backup_fleet(files, ahead=200.0)).outcome is Outcome.FINDING


def test_case_28_thirteen_hours_in_autumn_are_not_stale():
    night = datetime(2026, 11, 1, 4, 0, 1, tzinfo=UTC)  # midnight of the day on which the clocks go back
    noon = night + timedelta(hours=13, minutes=30)
    files = tuple(dump_file(night - location * HALF_DAY) for location in range(3))
    assert verdict_of("backups.are_fresh", backup_fleet(files, now=noon)).outcome is Outcome.HOLDS


def test_max_age_of_the_inventory_counts():
    text = TEXT.replace("  at_least: 3", "  at_least: 3\n  max_age: 20 min")
    assert verdict_of("backups.are_fresh", backup_fleet(text=text)).outcome is Outcome.FINDING


# ── times ──


def test_case_35_a_fresh_mtime_does_not_make_an_old_name_young():
    copied = replace(dump_file(NOW - timedelta(days=3)), mtime=NOW.timestamp() - 600)
    assert verdict_of("backups.are_fresh", backup_fleet((copied,))).outcome is Outcome.FINDING
    [match] = verdict_of("backups.tell_their_time", backup_fleet((copied,))).findings
    assert "not written when the name says" in match.saw


def test_case_35_a_fresh_name_does_not_make_an_old_mtime_young():
    renamed = replace(dump_file(NOW - timedelta(hours=1)), mtime=(NOW - timedelta(days=3)).timestamp())
    assert verdict_of("backups.are_fresh", backup_fleet((renamed,))).outcome is Outcome.FINDING
    assert verdict_of("backups.tell_their_time", backup_fleet((renamed,))).outcome is Outcome.FINDING


# ── complete ──


@pytest.mark.parametrize("place", range(4))
def test_case_33_a_broken_backup_is_a_finding_of_its_own(place):
    why = "cut short in the middle of a table's rows"
    verified = tuple(proof_of(item, *(("broken", why) if at == place else ())) for at, item in enumerate(GOOD))
    [match] = verdict_of("backups.are_complete", backup_fleet(verified=verified)).findings
    assert match.about == GOOD[place].name
    assert why in match.saw


def test_case_37_a_growing_file_is_neither_a_finding_nor_the_newest():
    growing = replace(dump_file(NOW - timedelta(minutes=2)), mtime=NOW.timestamp() - 5)
    files = (growing, *GOOD)
    verified = (proof_of(growing, "broken", "cut short: its gzip stream has no end"), *proofs_of(GOOD))
    assert verdict_of("backups.are_complete", backup_fleet(files, verified)).outcome is Outcome.HOLDS
    assert verdict_of("backups.are_fresh", backup_fleet(files, verified)).outcome is Outcome.HOLDS


def test_a_backup_that_was_just_made_and_is_proven_complete_counts_at_once():
    made = replace(dump_file(NOW - timedelta(seconds=9)), mtime=NOW.timestamp() - 2)
    assert verdict_of("backups.are_fresh", backup_fleet((made,))).outcome is Outcome.HOLDS


def test_a_proof_of_another_file_of_that_name_proves_nothing():
    verified = (replace(proof_of(GOOD[0]), inode=1), *proofs_of(GOOD[1:]))
    unknown = verdict_of("backups.are_complete", backup_fleet(verified=verified))
    assert unknown.outcome is Outcome.UNKNOWN
    assert "changed since it was proven" in str(unknown.unknown[0])


# ── size ──


def test_case_38_a_newest_backup_of_a_tenth_of_the_median_is_a_finding():
    files = (replace(GOOD[0], size=MIB // 10), *GOOD[1:])
    [match] = verdict_of("backups.have_plausible_size", backup_fleet(files)).findings
    assert match.saw.endswith("has 102.4 KiB")
    assert match.want == "at least 512 KiB, as others have 1 MiB"


def test_a_growing_database_is_no_finding():
    files = (replace(GOOD[0], size=5 * MIB), *GOOD[1:])
    assert verdict_of("backups.have_plausible_size", backup_fleet(files)).outcome is Outcome.HOLDS


def test_a_first_backup_is_held_against_the_floor_alone():
    tiny = replace(GOOD[0], size=100)
    assert verdict_of("backups.have_plausible_size", backup_fleet((tiny,))).outcome is Outcome.FINDING
    assert verdict_of("backups.have_plausible_size", backup_fleet(GOOD[:1])).outcome is Outcome.HOLDS


# ── thinned ──


def test_more_than_keep_asks_for_is_a_finding():
    [match] = verdict_of("backups.are_thinned", backup_fleet(twice_a_day(100))).findings
    assert "of 100 backups are more than keep asks for" in match.saw


def test_a_number_of_one_is_said_in_the_singular():
    """FOREIGN 4: `1 tables`."""
    files = tuple(dump_file(NOW - timedelta(days=10 + back)) for back in range(5))
    few = TEXT.replace("{last: 4, daily: 14, weekly: 8, monthly: 12, yearly: 10}", "{last: 3}")
    [match] = verdict_of("backups.are_thinned", backup_fleet(files, text=few)).findings
    assert match.saw.startswith("1 of 5 backups is more than keep asks for")
    [why] = verdict_of("backups.are_thinned", backup_fleet(files, proofs_of(files[:4]), text=few)).unknown
    assert why.why.startswith("1 backup is not known to be complete")


def test_what_keep_let_go_since_the_last_thinning_is_no_finding():
    thinned = [*twice_a_day(4), *(dump_file(NOW - timedelta(days=2 + back)) for back in range(12))]
    newer = dump_file(NOW - timedelta(minutes=3))
    assert verdict_of("backups.are_thinned", backup_fleet((newer, *thinned))).outcome is Outcome.HOLDS


def test_case_79_unverified_files_that_might_be_too_many_leave_thinning_unknown():
    files = twice_a_day(100)
    assert verdict_of("backups.are_thinned", backup_fleet(files, proofs_of(files[:3]))).outcome is Outcome.UNKNOWN


def test_case_40_what_is_no_regular_file_of_that_name_is_no_backup():
    kinds = ("link", "directory", "other")
    strange = [replace(item, kind=kind) for item, kind in zip(twice_a_day(3), kinds, strict=True)]
    named = File("-rf", 1, NOW.timestamp(), 3)
    verified = proofs_of((*strange, named))
    [match] = verdict_of("backups.are_fresh", backup_fleet((*strange, named), verified)).findings
    assert match.saw.startswith("no backup at all; 2 files there, none named like `pattern`")


def test_the_order_of_the_listing_does_not_matter():
    files = twice_a_day(60)
    assert verdict_of("backups.are_thinned", backup_fleet(files)) == verdict_of(
        "backups.are_thinned", backup_fleet(files[::-1])
    )


def test_a_policy_with_floors_can_be_judged_like_any_other():
    text = TEXT.replace("  at_least: 3", "  at_least: 3\n  floors: {auth_user: 100}")
    assert verdict_of("backups.are_fresh", backup_fleet(text=text)).outcome is Outcome.HOLDS


def test_5000_files_are_judged_in_a_few_seconds_at_most():
    fleet = backup_fleet(twice_a_day(5000))
    start = time.process_time()
    for rule in RULES:
        verdict_of(rule, fleet)
    assert time.process_time() - start < 5


# ── what is said when something does not count ──


def test_what_does_not_count_says_why_whatever_it_is():
    """FOREIGN W11: never `does not count: ` and nothing."""
    unusual = (
        dump_file(NOW + timedelta(days=2)),
        replace(dump_file(NOW - timedelta(minutes=5)), mtime=NOW.timestamp() - 1),
        replace(dump_file(NOW - timedelta(minutes=6)), mtime=NOW.timestamp() - 10**6),
        dump_file(NOW - timedelta(minutes=7)),
    )
    for state in ("complete", "broken", "unknown"):
        for item in unusual:
            fleet = backup_fleet((item,), (proof_of(item, state),))
            verdict = verdict_of("backups.are_fresh", fleet)
            sentence = [finding.saw for finding in verdict.findings] + [str(why) for why in verdict.unknown]
            assert not any(text.rstrip(" )").endswith((":", "but", "is")) for text in sentence), sentence


def test_the_hint_to_verify_is_given_only_where_that_helps():
    """FOREIGN friction 5."""
    [unread] = verdict_of("backups.are_fresh", backup_fleet(GOOD, ())).unknown
    assert "remediate backups verify" in unread.hint
    unusual = tuple(proof_of(item, "unknown", "packed with zstd") for item in GOOD)
    [packed] = verdict_of("backups.are_fresh", backup_fleet(GOOD, unusual)).unknown
    assert "verify" not in packed.hint
    assert "remediate backups list" in packed.hint
    [none] = verdict_of("backups.have_plausible_size", backup_fleet(())).unknown
    assert none.hint == ""
