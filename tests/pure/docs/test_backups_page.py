"""docs/backups.md, sentence by sentence: what it says about what stays is what happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.catalog import Compared, build_catalog
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.retention import Retention, apply_keep
from fleetkeeper.topics.volumes.facts import VolumeEntry
from fleetkeeper.transport.commands import Unobservable
from remediate.backups.list_backups import backup_rows, table_lines
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import DeleteFiles, Run
from tests.example_fleets.backups import (
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    catalog_of_files,
    dump_file,
    make_policy,
    proof_of,
    proofs_of,
    twice_a_day,
    verdict_of,
    volume_usage,
)
from tests.pure.topics.backups.test_plausible_size import DAILY, accept_database, make_small, sized, thinning, with_size

PAGE = Path(__file__).parents[3] / "docs" / "backups.md"
SMALL = TEXT.replace("60 GiB", "30 MiB")
Check = Callable[[], None]
CHECKS: dict[str, Check] = {}


def says_that(sentence: str) -> Callable[[Check], Check]:
    """This sentence of the page is tested by what follows."""

    def keep(check: Check) -> Check:
        CHECKS[sentence] = check
        return check

    return keep


def sentences() -> list[str]:
    """The sentences of the part about what stays."""
    text = PAGE.read_text()
    part = text[text.index("## Which stay, and why") : text.index("## A second place")]
    prose = " ".join(line for line in part.splitlines() if not line.startswith(("#", "    ")))
    return [item.strip() for item in re.split(r"(?<=[.:]) +(?=[A-Z`])", re.sub(r" +", " ", prose)) if item.strip()]


def test_every_sentence_about_what_stays_has_its_test():
    assert sorted(sentences()) == sorted(CHECKS)


def kept_names(retention: Retention) -> dict[str, tuple[str, ...]]:
    return {item.backup.name: item.reasons for item in retention.kept}


def of(files: tuple[File, ...], **changes: object) -> Retention:
    return apply_keep(catalog_of_files(files, **changes), make_policy(**changes), NOW)


def plan_for(fleet, rule: str = "backups.are_thinned") -> Plan | ForAPerson:
    return REMEDIES[rule](verdict_of(rule, fleet).findings[0], fleet)


@says_that(
    "`keep` follows restic's rules: the newest of each hour, day, ISO week, month and year, in the time zone of the "
    "names."
)
def _buckets() -> None:
    files = twice_a_day(900)
    for period, label in (
        ("hourly", "2026-06-15 08"),
        ("daily", "2026-06-15"),
        ("weekly", "2026-W25"),
        ("monthly", "2026-06"),
        ("yearly", "2026"),
    ):
        newest = replace(dump_file(NOW - timedelta(hours=4, minutes=30)), size=MIB)
        later = tuple(item for item in files if item.mtime < newest.mtime)
        reasons = kept_names(of((newest, *later), keep={period: 1}, at_least=1))
        assert reasons[newest.name][0] == f"{period} {label}"


@says_that("Only dumps that are proven complete and of a plausible size count.")
def _counting() -> None:
    files = twice_a_day(10)
    verified = (proof_of(files[0], "broken", "cut short"), *proofs_of(files[2:]))
    match = apply_keep(build_catalog(files, verified, make_policy(), NOW), make_policy(), NOW)
    assert "newest proven" in kept_names(match)[files[2].name]
    assert "newest proven" in kept_names(of((replace(files[0], size=410), *files[1:])))[files[1].name]


@says_that("Whatever the rules say, the newest `at_least` and the oldest of them stay.")
def _at_least() -> None:
    files = twice_a_day(60)
    for keep in ({"last": 1}, {"daily": 7}, {"monthly": 12}, {"yearly": 1}, {"within": "1 h"}):
        assert {*(item.name for item in files[:5]), files[-1].name} <= kept_names(
            of(files, keep=keep, at_least=5)
        ).keys()


@says_that(
    "So does a file that is unknown, growing, dated in the future, hard-linked, or younger by name than by content."
)
def _odd() -> None:
    old = [dump_file(NOW - timedelta(days=40 + back)) for back in range(5)]
    growing = replace(old[1], mtime=NOW.timestamp() - 1)
    younger = replace(old[3], mtime=old[3].mtime - 10**6)
    unusual = (old[0], growing, dump_file(NOW + timedelta(days=9)), replace(old[2], links=2), younger)
    files = (*unusual, *twice_a_day(200))
    verified = proofs_of(item for item in files if item not in (old[0], growing))
    match = kept_names(
        apply_keep(
            build_catalog(files, verified, make_policy(keep={"last": 1}), NOW), make_policy(keep={"last": 1}), NOW
        )
    )
    assert [match[item.name][0].split(":")[0] for item in unusual] == [
        "not known to be complete",
        "in progress",
        "dated in the future",
        "it has 2 hard links",
        "its name is younger than its content",
    ]


@says_that(
    "A hard-linked dump counts like any other; of several names of one file in the directory only the newest does."
)
def _links() -> None:
    files = tuple(replace(item, links=2) for item in twice_a_day(4))
    assert verdict_of("backups.are_fresh", backup_fleet(files)).outcome is Outcome.HOLDS
    twin = replace(dump_file(NOW - timedelta(hours=1)), links=2, inode=files[0].inode, mtime=files[0].mtime)
    assert [item.name for item in catalog_of_files((twin, *files)).counted][:2] == [files[0].name, files[1].name]


@says_that("Other names are never touched.")
def _strangers() -> None:
    strangers = tuple(
        File(unusual, 1, NOW.timestamp() - 10**7, 1) for unusual in ("x.sql.gz", "backup_2020.sql.gz", "-rf")
    )
    gone = {item.backup.name for item in of((*strangers, *twice_a_day(100))).excess}
    assert gone
    assert not gone & {stranger.name for stranger in strangers}


@says_that("`remediate backups list` shows the reasons for each file.")
def _listed() -> None:
    files = twice_a_day(60)
    match = list(backup_rows(catalog_of_files(files), make_policy(), NOW, {}))
    assert all(row.reasons and all(row.reasons) for row in match)
    assert all(row.reasons[0] in line.text for row, line in zip(match, table_lines(match), strict=True))


@says_that(
    "A complete dump is implausible when it is `shrink` percent smaller than the biggest of the last 30 plausible ones "
    "before it."
)
def _implausible() -> None:
    assert make_small(catalog_of_files(sized(100, 100, 100, 50, 49))) == ["49 B"]
    assert make_small(catalog_of_files(sized(100, 100, 100, 50, 20), shrink=80)) == []
    assert make_small(catalog_of_files(sized(100, *[70] * 30, 40))) == []
    assert make_small(catalog_of_files(sized(100, *[70] * 29, 40))) == ["40 B"]


@says_that("It stays, and takes no place of a real one.")
def _stays() -> None:
    files = twice_a_day(60)
    wrong = tuple(dump_file(NOW - timedelta(hours=6, days=back), 410) for back in range(20))
    match = of((*files, *wrong))
    assert all(kept_names(match)[item.name][0].startswith("implausibly small") for item in wrong)
    assert match.excess == of(files).excess


@says_that("However long a database stays empty, its dumps never turn plausible by themselves.")
def _never() -> None:
    assert len(make_small(catalog_of_files(sized(*[MIB] * 5, *[2000] * 300)))) == 300


@says_that(
    "While the newest complete dump is implausible, no complete dump is removed: not by `keep`, not for a budget, not "
    "to make room for the next."
)
def _held() -> None:
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100))
    files = (replace(files[0], size=410), *files[1:])
    fleet = backup_fleet(files, text=SMALL, volume=volume_usage(files, free=0))
    assert isinstance(plan_for(fleet), ForAPerson)
    assert isinstance(plan_for(fleet, "volumes.are_within_budget"), ForAPerson)
    from remediate.remedies.backups.create_dump import room_first, room_needed

    assert isinstance(room_first(fleet, make_policy(), room_needed(fleet, make_policy())), ForAPerson)


@says_that("`volumes.will_last` then says on which day budget or disk are full without thinning.")
def _day() -> None:
    files = (dump_file(NOW - timedelta(minutes=29), 2000), *twice_a_day(60)[1:])
    [match] = verdict_of("volumes.will_last", backup_fleet(files, text=TEXT.replace("60 GiB", "100 MiB"))).findings
    assert "without thinning rodan_pg_backup runs out of its budget about 2026-07-0" in match.saw


CLEANED = sized(*[100 * MIB] * 40, *[10 * MIB] * 60)


@says_that(
    "After an intended clean-up, `remediate backups accept --because TEXT` takes the size of the newest complete dump."
)
def _accepted() -> None:
    assert verdict_of("backups.have_plausible_size", backup_fleet(CLEANED)).outcome is Outcome.FINDING
    assert (
        verdict_of("backups.have_plausible_size", with_size(CLEANED, accept_database(CLEANED[0]))).outcome
        is Outcome.HOLDS
    )


@says_that("Later ones are compared with it and with what came since.")
def _later() -> None:
    catalog = build_catalog(CLEANED, proofs_of(CLEANED), make_policy(), NOW, Compared(accept_database(CLEANED[30])))
    assert not catalog.backups[0].small
    emptied = (dump_file(NOW, 4 * MIB), *CLEANED)
    assert (
        build_catalog(emptied, proofs_of(emptied), make_policy(), NOW, Compared(accept_database(CLEANED[30])))
        .backups[0]
        .small
    )
    grown = sized(*[100] * 5, *[10] * 3, *[12, 15, 19, 25, 30, 40, 50], 15)
    assert (
        build_catalog(grown, proofs_of(grown), make_policy(), NOW, Compared(accept_database(grown[8]))).backups[0].small
    )


@says_that(
    "Those before it count as they did, and the last one of the old size stays, "
    "of each old size after several clean-ups."
)
def _before() -> None:
    rules = make_policy(keep={"daily": 3})
    catalog = build_catalog(CLEANED, proofs_of(CLEANED), rules, NOW, Compared(accept_database(CLEANED[30])))
    assert len(catalog.counted) == 100
    assert CLEANED[60].name in apply_keep(catalog, rules, NOW).protected
    twice = sized(*[100 * MIB] * 20, *[40 * MIB] * 20, *[10 * MIB] * 60)
    catalog = build_catalog(twice, proofs_of(twice), rules, NOW, Compared(accept_database(twice[30])))
    assert {twice[60].name, twice[80].name} <= apply_keep(catalog, rules, NOW).protected


@says_that("A single giant is a yardstick until ten dumps in a row weigh what was usual before it.")
def _giant() -> None:
    assert len(make_small(catalog_of_files(sized(*[100] * 9, 1000, *[100] * 9)))) == 9
    assert make_small(catalog_of_files(sized(*[100] * 9, 1000, *[100] * 10))) == []


@says_that("Then those count again, the giant stays, and a warning names it until a size is accepted.")
def _released() -> None:
    files = sized(*[MIB] * 60, 10 * MIB, *[MIB] * 60)
    fleet = backup_fleet(files, text=DAILY)
    [warning] = verdict_of("backups.have_plausible_size", fleet).warnings
    assert warning.about == files[60].name
    assert files[60].name not in {item.name for item in thinning(fleet).steps[1].files}
    assert not verdict_of("backups.have_plausible_size", with_size(files, accept_database(files[0]), DAILY)).warnings


@says_that("While a giant is the newest, no complete dump is removed: it may be a dump of something else.")
def _newest_giant() -> None:
    assert isinstance(thinning(backup_fleet(sized(*[MIB] * 60, 10 * MIB), text=DAILY)), ForAPerson)


@says_that("The next of about its size ends that.")
def _confirmed() -> None:
    assert isinstance(thinning(backup_fleet(sized(*[MIB] * 60, 10 * MIB, 9 * MIB), text=DAILY)), Plan)


@says_that(
    "Each new backup lets another go, so `backups.are_thinned` complains only about what might have gone `slack` ago "
    "(a week)."
)
def _slack() -> None:
    left = {item.backup.name for item in of(twice_a_day(200)).kept}
    files = tuple(item for item in twice_a_day(200) if item.name in left)
    newer = tuple(dump_file(NOW - timedelta(minutes=29) + n * timedelta(hours=12)) for n in range(1, 13))
    later = backup_fleet((*newer, *files), now=NOW + timedelta(days=6))
    today = make_policy(), NOW + timedelta(days=6)
    assert apply_keep(build_catalog((*newer, *files), proofs_of((*newer, *files)), *today), *today).excess
    assert verdict_of("backups.are_thinned", later).outcome is Outcome.HOLDS


@says_that("To thin every night, say so once:")
def _command() -> None:
    """tests/pure/docs/test_pages.py runs every command that a page shows as far as its options."""


@says_that("Of what is broken, the last file of a period never goes, as far back as `keep` reaches.")
def _last() -> None:
    files = twice_a_day(60)
    verified = tuple(
        proof_of(item, "broken" if location in (10, 11) else "complete", "cut") for location, item in enumerate(files)
    )
    near, far = make_policy(keep={"daily": 14}), make_policy(keep={"daily": 3})
    gone = {item.backup.name for item in apply_keep(build_catalog(files, verified, near, NOW), near, NOW).excess}
    assert files[10].name not in gone
    assert files[11].name in gone
    gone = {item.backup.name for item in apply_keep(build_catalog(files, verified, far, NOW), far, NOW).excess}
    assert {files[10].name, files[11].name} <= gone


@says_that(
    "Where more than `keep.broken_at_most` look broken (10 % of the backups, at least one), nothing goes until a "
    "person has looked."
)
def _many() -> None:
    for count, broken, goes in ((60, 6, True), (60, 7, False), (5, 1, True), (5, 2, False)):
        files = twice_a_day(count)
        match = [
            proof_of(item, "broken" if 1 <= location <= broken else "complete", "cut")
            for location, item in enumerate(files)
        ]
        old = tuple(replace(item, mtime=item.mtime - 1) for item in files)
        verified = [replace(item, mtime=item.mtime - 1) for item in match]
        now = NOW + timedelta(days=2)
        rules = make_policy(keep={"last": 4})
        excess = apply_keep(build_catalog(old, tuple(verified), rules, now), rules, now).excess
        assert bool(excess) is goes


@says_that("While the record of drills and sizes cannot be read, nothing goes either.")
def _record() -> None:
    fleet = backup_fleet(twice_a_day(100))
    unseen = Databases((), Unobservable("permission denied"))
    dark = replace(fleet, facts={**fleet.facts, ("data", "databases"): unseen})
    assert verdict_of("backups.are_thinned", dark).outcome is Outcome.UNKNOWN
    with pytest.raises(Unobservable):
        REMEDIES["backups.are_thinned"](verdict_of("backups.are_thinned", fleet).findings[0], dark)


@says_that(
    "Right before anything is deleted, those are streamed once more that it may go for: the newest `at_least`, the "
    "oldest, the one that stands for each hour, day, week, month and year of which something goes, and where a counter "
    "does not reach back to what goes, all that use it up."
)
def _streamed() -> None:
    files = twice_a_day(100)
    [run, deletion] = plan_for(backup_fleet(files)).steps
    assert isinstance(run, Run)
    streamed = {word.removeprefix("./") for word in run.words if word.startswith("./")}
    assert {files[0].name, files[1].name, files[2].name, files[-1].name} <= streamed
    assert {item.name for item in files[:4]} <= streamed  # `last: 4` does not reach back
    for gone in deletion.files:
        month = gone.name[: len("backup_2026_05")]
        assert any(item.startswith(month) for item in streamed)


@says_that("All that stays by `keep` must still be there, and each file must still be the one that was seen.")
def _survivors() -> None:
    files = twice_a_day(100)
    [_, deletion] = plan_for(backup_fleet(files)).steps
    assert isinstance(deletion, DeleteFiles)
    assert {survivor.name for survivor in deletion.survivors} == {item.backup.name for item in of(files).kept}
    assert {(item.name, item.inode, item.size) for item in deletion.files} < {
        (item.name, item.inode, item.size) for item in files
    }


@says_that("It needs no room on the disk, and there is no way back.")
def _no_way_back() -> None:
    """That it needs none is tried by case 49 in test_backups_remedies.py, on a disk that is full."""
    plan = plan_for(backup_fleet(twice_a_day(100)))
    assert plan.undo == "there is no way back"
    assert plan.steps[1].directories() == ()


@says_that(
    "Over its budget, a volume is thinned by `keep` and no further (`below_keep: true` goes on to `at_least`), and "
    "not at all when something else fills it."
)
def _budget() -> None:
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100))
    plan = plan_for(backup_fleet(files, text=SMALL, volume=volume_usage(files)), "volumes.are_within_budget")
    assert len(plan.steps[1].files) == len(of(files).excess)
    below = SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")
    plan = plan_for(backup_fleet(files, text=below, volume=volume_usage(files)), "volumes.are_within_budget")
    assert len(files) - len(plan.steps[1].files) == 4
    heavy = volume_usage(files, used=40 * 2**30, biggest=(VolumeEntry("core", 39 * 2**30),))
    text = plan_for(
        backup_fleet(files, text=TEXT.replace("60 GiB", "30 GiB"), volume=heavy), "volumes.are_within_budget"
    )
    assert isinstance(text, ForAPerson)


@pytest.mark.parametrize("sentence", sorted(CHECKS))
def test_the_page_is_true(sentence: str):
    CHECKS[sentence]()
