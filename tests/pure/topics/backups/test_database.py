"""The database behind the backups: told apart from any other, and what is written down about it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.database.facts import Accepted, AcceptedSize, Cluster, Drill, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.database.observe import (
    backups_of,
    ends_of_older,
    parse_clusters,
    parse_records,
    record_bytes,
    record_path,
)
from fleetkeeper.topics.backups.database.record import contains_addition, merge_records, with_corrected_dates
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import Volume
from fleetkeeper.transport.commands import Output, Unobservable
from remediate.proposal import GATE
from tests.example_fleets.backups import TEXT, backup_fleet, make_policy, verdict_of

RIGHT = Cluster("f" * 64, "7710948127737466900", "/var/lib/postgresql/data", {"auth_user": 120})
ACCEPTED = Accepted(RIGHT.system, "vgpu", "rodan_pg_data", datetime(2026, 5, 1, tzinfo=UTC), "ops@example.org")
FLOORS = TEXT.replace("  at_least: 3", "  at_least: 3\n  floors: {auth_user: 100}")


def make_fleet(
    *on_vgpu: Cluster, records: Records | Unobservable | None = None, text: str = TEXT, data: object = ()
) -> Fleet:
    """The good fleet, with these servers on vgpu and this record on the volume's node."""
    base = backup_fleet(text=text)
    here = Databases(data, records or Records())
    present = Databases(on_vgpu)
    volumes = Services("worker", volumes=(Volume("rodan_pg_data"),))
    return replace(
        base,
        facts={
            **base.facts,
            ("data", "databases"): here,
            ("vgpu", "databases"): present,
            ("vgpu", "services"): volumes,
        },
    )


def test_a_directory_may_be_called_as_an_answer_begins():
    [found] = parse_clusters(Output(0, b"cluster f00\nsystem 7575134923612332072\ndirectory /srv/my cluster data\n"))
    assert (found.container, found.directory) == ("f00", "/srv/my cluster data")


def test_the_accepted_database_holds():
    assert verdict_of(GATE, make_fleet(RIGHT, records=Records(ACCEPTED))).outcome is Outcome.HOLDS


def test_before_anything_was_accepted_it_is_skipped_and_says_how_to_accept():
    skipped = verdict_of(GATE, make_fleet(RIGHT))
    assert skipped.outcome is Outcome.NOT_APPLICABLE
    assert "remediate backups accept" in skipped.not_applicable


def test_case_76_a_database_that_came_up_empty_is_found_and_says_where_the_old_data_is():
    empty = replace(RIGHT, system="7710948999999999999")
    [match] = verdict_of(GATE, make_fleet(empty, records=Records(ACCEPTED))).findings
    assert "another database: its cluster 7710948999999999999 was made on 2026-11-22" in match.saw
    assert "it was on vgpu then; nodes with a volume rodan_pg_data: vgpu" in match.hint


@pytest.mark.parametrize(("rows", "saw"), [(3, "table auth_user has 3 rows"), (-1, "table auth_user is not there")])
def test_case_76_a_table_with_fewer_rows_than_its_floor_is_found(rows, saw):
    emptied = replace(RIGHT, rows={"auth_user": rows})
    [match] = verdict_of(GATE, make_fleet(emptied, text=FLOORS)).findings
    assert match.saw == saw


def moved(*volumes: Volume, accepted: Accepted = ACCEPTED, mounts: tuple[str, ...] = ()) -> Fleet:
    """The accepted cluster, running on data instead."""
    fleet = make_fleet(records=Records(accepted), data=(RIGHT,))
    seen = Services("worker", volumes=volumes, remote_mounts=mounts)
    return replace(fleet, facts={**fleet.facts, ("vgpu", "services"): seen})


def test_case_76_the_same_cluster_on_another_node_s_disk_is_an_older_state():
    [match] = verdict_of(GATE, moved(Volume("rodan_pg_data"))).findings
    assert "on data and from that node's own copy of rodan_pg_data" in match.saw
    assert "probably still on vgpu" in match.hint
    bound = replace(ACCEPTED, volume="/srv/pg")
    assert verdict_of(GATE, moved(accepted=bound)).findings


def test_a_cluster_whose_volume_is_on_the_network_may_move():
    assert verdict_of(GATE, moved(Volume("rodan_pg_data", remote=True))).outcome is Outcome.HOLDS
    bound = replace(ACCEPTED, volume="/mnt/nas/pg")
    assert verdict_of(GATE, moved(accepted=bound, mounts=("/mnt/nas",))).outcome is Outcome.HOLDS


def test_a_table_that_nobody_counted_is_unknown():
    assert verdict_of(GATE, make_fleet(replace(RIGHT, rows={}), text=FLOORS)).outcome is Outcome.UNKNOWN


def test_floors_are_enough_without_a_record():
    assert verdict_of(GATE, make_fleet(RIGHT, text=FLOORS)).outcome is Outcome.HOLDS


@pytest.mark.parametrize("clusters", [(), (RIGHT, replace(RIGHT, container="e" * 64))])
def test_none_and_two_databases_are_unknown(clusters):
    assert verdict_of(GATE, make_fleet(*clusters, records=Records(ACCEPTED))).outcome is Outcome.UNKNOWN


def test_a_node_that_could_not_be_asked_may_hold_another_one():
    unseen = make_fleet(RIGHT, records=Records(ACCEPTED), data=Unobservable("docker exec hangs"))
    assert verdict_of(GATE, unseen).outcome is Outcome.UNKNOWN


def test_a_record_that_cannot_be_read_is_unknown():
    assert verdict_of(GATE, make_fleet(RIGHT, records=Unobservable("permission denied"))).outcome is Outcome.UNKNOWN


# ── what containers say ──


def test_the_container_s_answer_is_read():
    text = b"cluster f00\nsystem 7575134923612332072\ndirectory /d\nrows 120 auth_user\nrows -1 public.gone\n"
    [cluster] = parse_clusters(Output(0, text))
    assert cluster.rows == {"auth_user": 120, "public.gone": -1}


def test_no_docker_is_no_database():
    assert parse_clusters(Output(69)) == ()


@pytest.mark.parametrize("rc", [70, 71, 72, 1, 125])
def test_a_container_that_cannot_be_asked_is_unknown(rc):
    with pytest.raises(Unobservable):
        parse_clusters(Output(rc, b"cluster f00\n", b"psql: error: FATAL: the database system is starting up\n"))


# ── what is written down ──


def test_what_is_written_is_read_again():
    drill = Drill("backup.sql.gz", datetime(2026, 5, 2, tzinfo=UTC), 12.5, 3600.0, {"auth_user": 120}, ("plpgsql",))
    content = record_bytes(Records(ACCEPTED, (drill,)))
    again = parse_records(Output(0, content))
    assert again == Records(ACCEPTED, (drill,), hashlib.sha256(content).hexdigest())


def test_a_record_that_must_not_be_read_is_unknown():
    with pytest.raises(Unobservable):
        parse_records(Output(1, b"", b"cat: /var/lib/fleetkeeper/x: Permission denied\n"))


# ── what is written down is added to ──

SIZE = AcceptedSize(
    "b.sql.gz", 10, datetime(2026, 5, 1, tzinfo=UTC), datetime(2026, 5, 2, tzinfo=UTC), "ops", "cleaned"
)
DRILL = Drill("b.sql.gz", datetime(2026, 5, 2, tzinfo=UTC), 12.5, 3600.0)
FIRST = b'{"accepted": null, "drills": [{"backup": "b.sql.gz", "at": "2026-05-02T00:00:00Z", "seconds": 1, "age": 2}]}'


def drilled_at(day: int, **changes: object) -> Drill:
    return replace(DRILL, at=datetime(2026, 6, day, tzinfo=UTC), **changes)


def test_the_accepted_size_and_a_refused_drill_are_read_back():
    records = Records(ACCEPTED, (replace(DRILL, refused="no room"),), size=SIZE)
    again = parse_records(Output(0, record_bytes(records)))
    assert replace(again, digest="") == records


def test_a_record_of_the_first_version_is_understood():
    assert parse_records(Output(0, FIRST)).drills == (replace(DRILL, seconds=1.0, age=2.0),)


OTHERS = (
    {"volume": {"name": "other", "node": "data"}},
    {"volume": {"name": "rodan_pg_backup", "node": "data", "path": "/srv/x"}},
    {"path": "below"},
    {"database": "other"},
)


def test_a_record_belongs_to_volume_directory_and_database_whatever_the_service_is_called():
    own = record_path(make_policy())
    assert own == record_path(make_policy(service="db", pattern="db_%Y%m%d%H%M.dump", keep={"last": 1}))
    paths = {record_path(make_policy(**changes)) for changes in OTHERS}
    assert len(paths) == len(OTHERS)
    assert own not in paths


def test_a_record_of_an_older_version_is_adopted_by_the_backups_that_it_is_about():
    older = "rodan_pg_backup  backup_%Y_%m_%dT%H_%M_%S.sql.gz "
    for of, accepted in ((older, ACCEPTED), ("", ACCEPTED), ("other  backup_%Y.sql.gz ", None), (older + "x", None)):
        output = Output(0, b"adopted\n" + record_bytes(Records(ACCEPTED, (DRILL,)), of))
        records = parse_records(output, backups_of(make_policy()), older=ends_of_older(make_policy()))
        assert (records.accepted, records.digest) == (accepted, "")


def test_a_record_about_other_backups_is_unknown_and_says_so():
    mine, other = backups_of(make_policy()), backups_of(make_policy(volume={"name": "other", "node": "data"}))
    assert parse_records(Output(0, record_bytes(Records(ACCEPTED), mine)), mine).accepted == ACCEPTED
    assert parse_records(Output(0, FIRST), mine).drills
    with pytest.raises(Unobservable, match=r"about other backups \(other ") as unknown:
        parse_records(Output(0, record_bytes(Records(ACCEPTED), other)), mine)
    assert "move it away" in unknown.value.hint


def test_a_drill_that_a_wrong_clock_dated_ahead_is_not_the_last_one_once_another_is_written_down():
    ahead, failed = drilled_at(20), drilled_at(3, error="no")
    now = failed.at + timedelta(minutes=1)
    addition = Records(drills=(failed,))
    records = merge_records(with_corrected_dates(Records(drills=(drilled_at(1), ahead)), addition, now), addition)
    assert records.last_drill == failed
    assert [drill.error for drill in records.drills] == ["", "", "no"]
    assert with_corrected_dates(records, addition, now) == records


@pytest.mark.parametrize("more", [b"", b', "accepted": "in another way", "drills": 3'])
def test_a_record_of_a_later_version_is_unknown_whatever_is_in_it(more):
    with pytest.raises(Unobservable, match=r"has version 9, and this fleetkeeper knows .* 2") as unknown:
        parse_records(Output(0, b'{"version": 9' + more + b"}"))
    assert "upgrade fleetkeeper" in unknown.value.hint


@pytest.mark.parametrize(
    "odd",
    [b"", b"[]", b"null", b'{"version": "x"}', b'{"drills": [{"backup": "b", "at": "2026-05-02T00:00:00"}]}', b"\xff"],
)
def test_a_record_that_makes_no_sense_is_unknown(odd):
    with pytest.raises(Unobservable):
        parse_records(Output(0, odd))


def test_what_somebody_else_wrote_meanwhile_stays():
    read = Records(ACCEPTED, (DRILL,), "digest")
    meanwhile = Records(ACCEPTED, (DRILL, drilled_at(1)), "newer digest", SIZE)
    addition = Records(drills=(drilled_at(2, error="no"),))
    both = merge_records(meanwhile, addition)
    assert both == Records(ACCEPTED, (DRILL, drilled_at(1), drilled_at(2, error="no")), "newer digest", SIZE)
    assert contains_addition(both, addition)
    assert not contains_addition(read, addition)
    assert merge_records(both, addition) == both


def test_of_two_acceptances_the_later_one_counts_whoever_writes_last():
    later = replace(ACCEPTED, system="1", at=datetime(2026, 6, 1, tzinfo=UTC))
    assert merge_records(Records(ACCEPTED), Records(later)).accepted == later
    assert merge_records(Records(later), Records(ACCEPTED)).accepted == later
    smaller = replace(SIZE, size=5, at=datetime(2026, 6, 1, tzinfo=UTC))
    assert merge_records(Records(size=smaller), Records(size=SIZE)).size == smaller


def test_many_drills_push_out_neither_the_last_success_nor_the_last_failure():
    refused = tuple(drilled_at(day, refused="no room") for day in range(3, 28))
    kept = merge_records(
        Records(drills=(DRILL, drilled_at(1), drilled_at(2, error="no"))), Records(drills=refused)
    ).drills
    assert kept[:2] == (drilled_at(1), drilled_at(2, error="no"))
    assert len(kept) == 12


DRILLS = st.lists(
    st.builds(drilled_at, st.integers(1, 28), error=st.sampled_from(["", "no"]), refused=st.sampled_from(["", "full"])),
    max_size=9,
)


@given(DRILLS, DRILLS)
def test_nothing_proven_lately_is_lost_by_a_merge(before, added):
    item, other = merge_records(Records(), Records(drills=tuple(before))), Records(drills=tuple(added))
    both = merge_records(item, other)
    assert merge_records(both, other) == both
    assert list(both.drills) == sorted(both.drills, key=lambda drill: drill.at)
    proved = [drill.at for drill in (*item.drills, *merge_records(Records(), other).drills) if not drill.refused]
    assert (both.last_drill.at if both.last_drill else None) == max(proved, default=None) or not proved


def test_a_database_that_may_not_say_who_it_is_is_unknown_and_told_what_to_grant():
    """TROUBLE B5: a role without superuser rights."""
    with pytest.raises(Unobservable, match="does not say who it is") as unknown:
        parse_clusters(Output(0, b"cluster f00\nsystem 7575134923612332072\n"))
    assert "GRANT pg_read_all_settings" in unknown.value.hint
