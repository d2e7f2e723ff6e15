"""`remediate backups`: what it lists, what verifying says, and what is written down."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleetkeeper.errors import UsageError
from fleetkeeper.topics.backups.catalog import build_catalog
from fleetkeeper.topics.backups.database.facts import Drill
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from remediate.backups.accept import data_volume, describe_database, describe_replaced
from remediate.backups.context import Desk, one_of
from remediate.backups.list_backups import backup_rows, state_and_fate, summary_lines, table_lines
from remediate.backups.verify import verify_summary
from remediate.plan import Plan
from remediate.proposal import GATE
from remediate.render.console import Screen
from tests.example_fleets.backups import (
    GOOD,
    NOW,
    backup_fleet,
    catalog_of_files,
    dump_file,
    make_inventory,
    make_policy,
    proof_of,
    proofs_of,
    twice_a_day,
    verdict_of,
)
from tests.pure.topics.backups.test_database import ACCEPTED, FLOORS, RIGHT, make_fleet


def list_files(*files, verified=None, drills=None):
    return list(backup_rows(catalog_of_files(files, verified), make_policy(), NOW, drills or {}))


def test_each_backup_is_listed_with_its_age_its_state_and_its_reasons():
    first, *_ = list_files(*GOOD)
    assert (first.backup.name, first.stays, first.said) == (GOOD[0].name, True, "complete")
    assert first.reasons[:2] == ("last", "daily 2026-06-15")


def test_one_that_may_go_says_why():
    gone = [row for row in list_files(*twice_a_day(60)) if not row.stays]
    assert {row.reasons for row in gone} == {("no rule of keep needs it",)}


def test_a_broken_one_and_one_in_progress_are_told_apart():
    growing = replace(dump_file(NOW - timedelta(minutes=2)), mtime=NOW.timestamp() - 5)
    verified = (
        proof_of(growing, "broken", "cut short"),
        proof_of(GOOD[0], "broken", "cut short"),
        *proofs_of(GOOD[1:]),
    )
    assert [row.said for row in list_files(growing, *GOOD, verified=verified)][:2] == [
        "in progress",
        "broken: cut short",
    ]


def test_a_row_as_json_has_its_drill():
    drill = Drill(GOOD[0].name, datetime(2026, 6, 1, tzinfo=UTC), 3.0, 60.0)
    first, second, *_ = list_files(*GOOD, drills={GOOD[0].name: drill})
    assert first.document()["drilled"] == "2026-06-01T00:00:00+00:00"
    assert second.document()["drilled"] is None
    json.dumps(first.document())
    [line, *_] = table_lines([first])
    assert line.text.endswith("came back in a drill on 2026-06-01")


def test_a_drill_that_failed_is_told():
    drill = Drill(GOOD[0].name, datetime(2026, 6, 1, tzinfo=UTC), 3.0, 60.0, error="it does not restore")
    first, *_ = list_files(*GOOD, drills={GOOD[0].name: drill})
    assert (first.document()["drilled"], first.document()["drill_error"]) == (None, "it does not restore")
    assert first.tried == "did not come back on 2026-06-01: it does not restore"


def test_one_from_the_future_has_no_age():
    [row, *_] = list_files(dump_file(NOW + timedelta(hours=30)), *GOOD)
    [line] = table_lines([row])
    assert "in 1 d" in line.text


def test_the_list_is_summed_up():
    assert [line.text for line in summary_lines(list_files(*GOOD), make_policy())] == [
        "4 backups in rodan_pg_backup on data, 4 MiB; all of them stay"
    ]
    assert "; 40 may go, 40 MiB" in next(iter(summary_lines(list_files(*twice_a_day(60)), make_policy()))).text
    assert list(summary_lines([], make_policy())) == []


def test_the_table_has_one_line_for_each_and_says_when_there_is_none():
    assert [line.text for line in table_lines([])] == ["there is no backup"]
    lines = [line.text for line in table_lines(list_files(*GOOD))]
    assert len(lines) == 4
    assert lines[0].startswith("backup_2026_06_15T12_01_00.sql.gz     29 min      1 MiB  complete; stays: last")


def test_one_reason_for_being_unknown_and_for_staying_is_said_once():
    [known, unknown] = list_files(*GOOD[:2], verified=[proof_of(GOOD[0]), proof_of(GOOD[1], "unknown", "no awk")])
    assert state_and_fate(unknown) == ("unknown, so it stays: no awk",)
    assert state_and_fate(known)[0] == "complete"


def test_verifying_says_what_is_not_complete_and_how_many_there_are():
    lines = verify_summary(
        [proof_of(GOOD[0]), proof_of(GOOD[1], "broken", "cut short"), proof_of(GOOD[2], "unknown", "no awk")]
    )
    assert [line.text for line in lines] == [
        f"broken: {GOOD[1].name}: cut short",
        f"unknown: {GOOD[2].name}: no awk",
        "1 complete, 1 broken, 1 unknown",
    ]


def test_a_name_that_is_not_there_is_an_error_that_names_the_newest():
    with pytest.raises(UsageError, match="no backup x") as raised:
        one_of(build_catalog(GOOD, proofs_of(GOOD), make_policy(), NOW), "x")
    assert GOOD[0].name in raised.value.hint


def test_the_data_volume_is_the_deepest_mount_above_the_data_directory():
    container = Container(
        RIGHT.container,
        "rodan_postgres.1",
        mounts=(
            Mount("volume", "/v/lib", "/var/lib", "lib"),
            Mount("volume", "/v/data", "/var/lib/postgresql/data", "rodan_pg_data"),
            Mount("volume", "/v/b", "/backups", "rodan_pg_backup"),
        ),
    )
    fleet = backup_fleet()
    fleet = replace(fleet, facts={**fleet.facts, ("vgpu", "containers"): Containers("present", (container,))})
    assert data_volume(fleet, "vgpu", RIGHT) == "rodan_pg_data"
    assert data_volume(fleet, "vgpu", replace(RIGHT, directory="/data")) == ""


def test_who_accepts_sees_which_tables_are_not_there_and_which_database_it_replaces():
    lacking = replace(RIGHT, rows={"auth_user": 120, "gone": -1})
    lines = [line.text for line in describe_database(make_fleet(lacking), ACCEPTED)]
    assert lines[0].startswith(f"cluster {RIGHT.system}, made on 20")
    assert lines[2:] == ["  auth_user: 120 rows", "  gone: is not there"]
    assert describe_replaced(None, ACCEPTED) == describe_replaced(ACCEPTED, ACCEPTED) == []
    [line] = describe_replaced(replace(ACCEPTED, system="5"), ACCEPTED)
    assert line.text.startswith("  instead of cluster 5 on vgpu, accepted on 2026-05-01 by ops@example.org")


class Judging:
    """A session whose gate says this."""

    def __init__(self, *gate):
        self.verdicts = list(gate)

    def gate(self, _):
        return self.verdicts


def test_case_76_no_backup_is_made_of_a_database_that_lost_its_data(capsys):
    lost = verdict_of(GATE, make_fleet(replace(RIGHT, rows={"auth_user": 0}), text=FLOORS))
    fine = verdict_of(GATE, make_fleet(RIGHT, text=FLOORS))
    plan = Plan(steps=())
    for gate, held_back in ((lost, True), (fine, False)):
        desk = Desk(make_inventory(), make_policy(), Judging(gate), Screen(), None)
        assert (desk.answer("backups.are_fresh", backup_fleet(), plan) is None) is held_back
    assert "held back: postgres may have lost its data: table auth_user has 0 rows" in capsys.readouterr().err
