"""A whole dump of the wrong thing is no backup: it is found, fills no place, and pushes out no real one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.catalog import Catalog, Compared, build_catalog
from fleetkeeper.topics.backups.database.facts import LARGE_OBJECTS, Cluster, LiveTable, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_contents import DatabasePart, DumpContents, parse_contents
from fleetkeeper.topics.backups.missing_tables import LiveDatabase
from fleetkeeper.topics.backups.retention import apply_keep
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets.backups import (
    HALF_DAY,
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    dump_file,
    make_policy,
    proof_of,
    twice_a_day,
    verdict_of,
)

RULE = "backups.hold_the_live_tables"
LONG_AGO = (NOW - timedelta(days=900)).timestamp()
JUST_NOW = NOW.timestamp() - 600
ALL = ("public.auth_user", "public.big", "public.notes")


def live(*names: str, born: float | None = LONG_AGO, written: float | None = JUST_NOW) -> tuple[LiveTable, ...]:
    return tuple(LiveTable(name, name, born, written) for name in names)


def holding(*filled: str, **changes: Any) -> DumpContents:
    kinds = {kind: frozenset(changes.pop(kind, ())) for kind in ("empty", "created")}
    part = DatabasePart(changes.pop("database", ""), frozenset(filled), **kinds)
    return DumpContents(changes.pop("databases", 1), parts=(part,), **changes)


WHOLE = holding(*ALL)
WRONG = {
    "the schema only": (holding(created=ALL), "tables are only created in it"),
    "the schema only, by a word of awk": (parse_contents("1:0:0:0:1,+public.big"), "tables are only created in it"),
    "one table of three": (holding("public.notes"), "2 tables with rows: public.auth_user, public.big"),
    "all but the rows of one": (holding(*ALL[:2], created=ALL[2:]), "1 table with rows: public.notes"),
    "another database": (
        holding("public.other", "public.more"),
        "it holds none of the 3 tables that have rows in shop",
    ),
    "another database, by its name": (holding(*ALL, database="other"), "it is of other, not of shop"),
    "an empty database": (holding(), "it holds no row of any table"),
    "a database that was emptied": (holding(empty=ALL), "it holds no row of any table"),
    "an emptied one, as INSERT": (holding(created=ALL, inserts=True), "it holds no row of any table"),
    "data only": (holding(*ALL, makes_tables=False), "it holds rows only, and no table to put them into"),
    "roles only": (DumpContents(0, makes_tables=False), "it holds roles and settings only, and no database"),
}
RIGHT = {
    "all of it": WHOLE,
    "a table that was empty then": holding(*ALL[:2], empty=ALL[2:]),
    "a table that was empty then, as INSERT": holding(*ALL[:2], created=ALL[2:], inserts=True),
    "more than is there now": holding(*ALL, "public.dropped", "audit.gone"),
    "with --create": holding(*ALL, database="shop"),
    "names without a schema, as before 10.3": holding("auth_user", "big", "notes"),
    "more tables than are named": holding("public.big", unnamed=900),
}


def dumped_fleet(
    contents: Sequence[DumpContents | None] = (WHOLE,),
    tables: Sequence[LiveTable] | None = live(*ALL),
    *,
    text: str = TEXT,
    records: Records | None = None,
    **cluster: Any,
) -> Fleet:
    """The good fleet with these newest dumps; the older ones hold all of it."""
    files = twice_a_day(8)
    held = [*contents, *[WHOLE] * (len(files) - len(contents))]
    proofs = [replace(proof_of(file), contents=inside) for file, inside in zip(files, held, strict=True)]
    base = backup_fleet(files, proofs, text=text)
    server = Cluster("f" * 64, "7", "/d", database="shop", tables=None if tables is None else tuple(tables), unread=0)
    servers = Databases((replace(server, **cluster),))
    here = Databases((), records or Records())
    return replace(base, facts={**base.facts, ("data", "databases"): here, ("vgpu", "databases"): servers})


@pytest.mark.parametrize("kind", WRONG)
def test_a_whole_dump_of_the_wrong_thing_is_a_finding(kind: str) -> None:
    contents, why = WRONG[kind]
    verdict = verdict_of(RULE, dumped_fleet([contents]))
    assert verdict.outcome is Outcome.FINDING
    assert [why in finding.saw for finding in verdict.findings] == [True]
    fresh = verdict_of("backups.are_fresh", dumped_fleet([contents] * 8))
    assert fresh.outcome is Outcome.UNKNOWN
    assert why in str(fresh.unknown[0])


@pytest.mark.parametrize("kind", RIGHT)
def test_a_dump_of_what_the_database_had_then_is_right(kind: str) -> None:
    assert verdict_of(RULE, dumped_fleet([RIGHT[kind]])).outcome is Outcome.HOLDS


OBJECTS = LiveTable(LARGE_OBJECTS, LARGE_OBJECTS, None, LONG_AGO)


def test_large_objects_that_a_checkpoint_wrote_before_the_dump_must_be_in_it() -> None:
    tables = (*live(*ALL), OBJECTS)
    verdict = verdict_of(RULE, dumped_fleet([WHOLE] * 8, tables))
    assert verdict.outcome is Outcome.FINDING
    assert "1 table with rows: pg_catalog.pg_largeobject (the large objects)" in verdict.findings[0].saw
    moved = holding(*ALL, "public.dropped")
    assert verdict_of(RULE, dumped_fleet([moved], tables)).outcome is Outcome.FINDING
    assert verdict_of(RULE, dumped_fleet([holding(*ALL, LARGE_OBJECTS)] * 8, tables)).outcome is Outcome.HOLDS
    text = TEXT.replace("  at_least: 3", f"  at_least: 3\n  left_out: [{LARGE_OBJECTS}]")
    assert verdict_of(RULE, dumped_fleet([WHOLE] * 8, tables, text=text)).outcome is Outcome.HOLDS


def test_large_objects_of_which_only_an_older_dump_tells_count_too() -> None:
    tables = (*live(*ALL), replace(OBJECTS, written=None))
    had = holding(*ALL, LARGE_OBJECTS)
    assert verdict_of(RULE, dumped_fleet([WHOLE, had], tables)).outcome is Outcome.FINDING
    assert verdict_of(RULE, dumped_fleet([WHOLE] * 8, tables)).outcome is Outcome.HOLDS


def test_large_objects_make_no_dump_of_another_database_one_of_this() -> None:
    other = holding("public.other", LARGE_OBJECTS)
    verdict = verdict_of(RULE, dumped_fleet([other], (*live(*ALL), OBJECTS)))
    assert "it holds none of the 4 tables that have rows in shop" in verdict.findings[0].saw


def test_a_table_that_came_after_the_dump_is_no_fault_of_it() -> None:
    newer = live("public.new", born=JUST_NOW)
    assert verdict_of(RULE, dumped_fleet(tables=(*live(*ALL), *newer))).outcome is Outcome.HOLDS
    unsure = live("public.new", born=None)
    assert verdict_of(RULE, dumped_fleet(tables=(*live(*ALL), *unsure))).outcome is Outcome.HOLDS


def test_without_the_times_of_files_an_older_dump_or_the_quiet_of_a_table_proves_that_it_existed() -> None:
    known = live(*ALL, born=None)
    assert verdict_of(RULE, dumped_fleet([holding(*ALL[:2])], known)).outcome is Outcome.FINDING
    quiet = (*known, *live("public.quiet", born=None, written=LONG_AGO))
    assert verdict_of(RULE, dumped_fleet(tables=quiet)).outcome is Outcome.FINDING


def test_where_most_tables_are_missing_and_nothing_proves_their_age_it_is_unknown() -> None:
    tables = (*live("public.one"), *live("public.a", "public.b", born=None))
    verdict = verdict_of(RULE, dumped_fleet([holding("public.one")] * 8, tables))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "cannot be told" in str(verdict.unknown[0])


def test_a_partition_may_be_in_its_root() -> None:
    parts = (*live(*ALL), LiveTable("public.m1", "public.m", LONG_AGO, LONG_AGO))
    assert verdict_of(RULE, dumped_fleet([holding(*ALL, "public.m")] * 8, parts)).outcome is Outcome.HOLDS
    assert verdict_of(RULE, dumped_fleet([WHOLE] * 8, parts)).outcome is Outcome.FINDING


@pytest.mark.parametrize("pattern", ["public.notes", "notes", "no*", "public.no*", "*"])
def test_what_is_left_out_on_purpose_is_named(pattern: str) -> None:
    text = TEXT.replace("  at_least: 3", f"  at_least: 3\n  left_out: ['{pattern}']")
    assert verdict_of(RULE, dumped_fleet([holding(*ALL[:2])], text=text)).outcome is Outcome.HOLDS


@pytest.mark.parametrize("pattern", ["audit.*", "pub*", "public*"])
def test_a_pattern_without_a_dot_leaves_out_no_schema(pattern: str) -> None:
    text = TEXT.replace("  at_least: 3", f"  at_least: 3\n  left_out: ['{pattern}']")
    assert verdict_of(RULE, dumped_fleet([holding(*ALL[:2])], text=text)).outcome is Outcome.FINDING


def test_a_table_of_the_floors_must_be_in_the_newest_dump_whatever_its_age() -> None:
    text = TEXT.replace("  at_least: 3", "  at_least: 3\n  floors: {auth_user: 100}")
    tables = live(*ALL, born=None)
    assert verdict_of(RULE, dumped_fleet([holding(*ALL[1:])] * 8, tables, text=text)).outcome is Outcome.FINDING
    assert verdict_of(RULE, dumped_fleet([holding(*ALL[1:])] * 8, tables)).outcome is Outcome.HOLDS


def test_a_dump_of_pg_dumpall_is_told_as_a_warning_before_somebody_needs_it() -> None:
    verdict = verdict_of(RULE, dumped_fleet([holding(*ALL, database="shop", databases=3, cluster=True)]))
    [finding] = verdict.warnings
    assert verdict.outcome is Outcome.HOLDS
    assert "restore` refuses it" in finding.saw


def test_an_extension_that_the_server_does_not_have_is_told_before_somebody_needs_it() -> None:
    needs = replace(WHOLE, extensions=("plpgsql", "postgis"))
    assert verdict_of(RULE, dumped_fleet([needs], available=("hstore", "postgis"))).outcome is Outcome.HOLDS
    [finding] = verdict_of(RULE, dumped_fleet([needs], available=("hstore",))).findings
    assert "needs postgis, which the server cannot create" in finding.saw


UNKNOWN = {
    "nobody knows what it holds": {"contents": (None,)},
    "the tables were not told": {"tables": None},
    "a table cannot be read": {"unread": 2},
}


@pytest.mark.parametrize("kind", UNKNOWN)
def test_what_cannot_be_compared_is_unknown(kind: str) -> None:
    verdict = verdict_of(RULE, dumped_fleet(**UNKNOWN[kind]))
    assert (verdict.outcome, verdict.findings) == (Outcome.UNKNOWN, ())


def test_a_database_that_does_not_answer_leaves_it_unknown_but_hides_no_finding() -> None:
    for contents, outcome in ((WHOLE, Outcome.UNKNOWN), (DumpContents(0), Outcome.FINDING)):
        seen = dumped_fleet([contents])
        dark = {**seen.facts, ("vgpu", "databases"): Databases(Unobservable("it hangs"))}
        assert verdict_of(RULE, replace(seen, facts=dark)).outcome is outcome


def catalog_with(contents: Sequence[DumpContents | None], tables: Sequence[LiveTable]) -> Catalog:
    """Dumps half a day apart that hold these, newest first."""
    files = [dump_file(NOW - timedelta(hours=1) - index * HALF_DAY, MIB) for index in range(len(contents))]
    proofs = [replace(proof_of(file), contents=inside) for file, inside in zip(files, contents, strict=True)]
    compared = Compared(live=LiveDatabase("shop", tuple(tables)))
    return build_catalog(tuple(files), tuple(proofs), make_policy(), NOW, compared)


@pytest.mark.parametrize("kind", WRONG)
def test_such_dumps_fill_no_place_and_push_out_no_real_one(kind: str) -> None:
    wrong = WRONG[kind][0]
    mixed = catalog_with([WHOLE, *[wrong, WHOLE] * 20], live(*ALL))
    good = [backup.name for backup in mixed.backups if backup.contents == WHOLE]
    assert [backup.name for backup in mixed.counted] == good
    policy = make_policy(keep={"last": 4, "daily": 5})
    gone = {item.backup.name for item in apply_keep(mixed, policy, NOW).excess}
    assert gone <= set(good)
    assert len(set(good) - gone) >= 5
    now_wrong = catalog_with([wrong, *[WHOLE] * 20], live(*ALL))
    retention = apply_keep(now_wrong, policy, NOW)
    assert retention.excess == ()
    assert retention.held is not None
    assert now_wrong.backups[0].lacks in retention.held.why


def test_a_table_or_schema_that_was_renamed_takes_no_old_dump_out_of_account() -> None:
    renamed = live("public.auth_user", "public.big", "public.memos")
    assert all(backup.counts for backup in catalog_with([WHOLE] * 6, renamed).backups)
    moved = live("new.auth_user", "new.big", "new.notes")
    older = catalog_with([holding("new.auth_user", "new.big", "new.notes"), *[WHOLE] * 6], moved)
    assert all(backup.counts for backup in older.backups)


SIBLING = holding("public.auth_user", "public.other_big", "public.other_notes")
"""A dump of another site of the same framework: it shares a table, and has as many others."""


def test_a_dump_of_a_database_that_shares_some_tables_is_no_backup_of_this_one() -> None:
    verdict = verdict_of(RULE, dumped_fleet([SIBLING]))
    assert verdict.outcome is Outcome.FINDING
    assert "it lacks 2 tables with rows: public.big, public.notes" in verdict.findings[0].saw


def test_where_all_dumps_hold_other_names_than_half_of_the_tables_it_is_unknown() -> None:
    verdict = verdict_of(RULE, dumped_fleet([SIBLING] * 8))
    assert verdict.outcome is Outcome.UNKNOWN
    assert "had other names then cannot be told" in str(verdict.unknown[0])


def test_a_table_that_was_renamed_after_every_dump_is_no_fault_of_any() -> None:
    before = holding(*ALL[:2], "public.old_notes")
    verdict = verdict_of(RULE, dumped_fleet([before] * 8))
    assert verdict.outcome is Outcome.HOLDS, verdict


def test_a_missing_table_that_older_dumps_name_may_be_a_new_one_of_an_old_name() -> None:
    """Renamed before the newest dump, and made anew since: its file is younger than the dump."""
    since = (*live(*ALL[:2]), *live(ALL[2], born=JUST_NOW))
    verdict = verdict_of(RULE, dumped_fleet([holding(*ALL[:2], "public.old_notes")], since))
    assert verdict.outcome is Outcome.HOLDS, verdict


def test_dumps_from_before_a_table_was_made_go_on_counting() -> None:
    made: datetime = NOW - timedelta(days=3)
    tables = (*live(*ALL), *live("public.new", born=made.timestamp()))
    newer = holding(*ALL, "public.new")
    catalog = catalog_with([*[newer] * 4, *[WHOLE] * 10], tables)
    assert all(backup.counts for backup in catalog.backups if backup.contents == newer or backup.time < made)
