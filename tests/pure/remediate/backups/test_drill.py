"""Drills: what is compared, what the throwaway container may do, and when the promise holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.topics.backups.catalog import build_catalog
from fleetkeeper.topics.backups.database.facts import Accepted, Drill, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.database.record import drills_to_keep
from fleetkeeper.topics.backups.rules.drills import failed_drill
from fleetkeeper.topics.containers.facts import Container, Mount, Placement
from fleetkeeper.transport.commands import Command, Output, Unobservable
from remediate.backups.database_contents import DatabaseContents
from remediate.backups.database_contents import parse_contents as read_answer
from remediate.backups.drill import (
    Trial,
    describe_drill,
    failure_lines,
    last_success,
    needed_mebibytes,
)
from remediate.backups.drill_comparison import missing_tables
from tests.example_fleets.backups import GOOD, NOW, TEXT, backup_fleet, dump_name, make_policy, proofs_of, verdict_of

DRILLS = TEXT.replace("  at_least: 3", "  at_least: 3\n  drills: 90 d")
LIVE = DatabaseContents({"public.auth_user": 120, "public.runjob": 4000, "public.session": 7}, ("plpgsql",), {})
BACKUP = build_catalog(GOOD, proofs_of(GOOD), make_policy(), NOW).backups[0]
DONE = Drill(BACKUP.name, NOW - timedelta(days=3), 12.0, 3600.0, dict(LIVE.rows), ("plpgsql",))
MOUNT = Mount("volume", "/var/lib/docker/volumes/rodan_pg_backup/_data", "/backups", "rodan_pg_backup")
HOLDS = b"rows public.auth_user|120\nextension|plpgsql\n"
SAID = b"user|rodan\ndatabase|rodan\nencoding|UTF8\npreload|\nrole|rodan\nrole|reader\ntablespace|fast\n" + HOLDS


def drill_result(*drills: Drill, text: str = DRILLS):
    fleet = backup_fleet(text=text)
    return replace(fleet, facts={**fleet.facts, ("data", "databases"): Databases((), Records(drills=drills))})


def test_a_young_drill_that_succeeded_holds():
    assert verdict_of("backups.come_back", drill_result(DONE)).outcome is Outcome.HOLDS


def test_without_drills_in_the_inventory_it_is_skipped():
    assert verdict_of("backups.come_back", drill_result(text=TEXT)).outcome is Outcome.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("drills", "saw"),
    [
        ((), "no backup was ever restored"),
        ((replace(DONE, at=NOW - timedelta(days=100)),), "the last drill that succeeded was 100 d ago"),
        ((replace(DONE, at=NOW + timedelta(days=400)),), "is dated 400 d ahead, by a clock that was wrong"),
        ((DONE, replace(DONE, at=NOW, error="it does not restore: ERROR")), "did not come back 0 s ago: it does not"),
    ],
)
def test_an_old_a_failed_and_no_drill_are_findings(drills, saw):
    [match] = verdict_of("backups.come_back", drill_result(*drills)).findings
    assert saw in match.saw


FAILED = replace(DONE, at=NOW, error="it does not restore: ERROR")
REFUSED = replace(DONE, at=NOW, refused="no room: 3 GiB are needed")


@pytest.mark.parametrize("text", [TEXT, DRILLS])
def test_a_drill_that_failed_is_a_finding_whether_or_not_drills_are_asked_for(text):
    """FOREIGN W3, TROUBLE B6."""
    [match] = verdict_of("backups.come_back", drill_result(DONE, FAILED, text=text)).findings
    assert "did not come back 0 s ago: it does not restore: ERROR" in match.saw


@pytest.mark.parametrize("drills", [(), (DONE,), (FAILED, replace(DONE, at=NOW + timedelta(hours=1))), (REFUSED,)])
def test_without_drills_and_without_a_failed_one_it_does_not_apply(drills):
    assert verdict_of("backups.come_back", drill_result(*drills, text=TEXT)).outcome is Outcome.NOT_APPLICABLE


TRIED = NOW - timedelta(hours=36)
OLDER, NEWER = (dump_name(TRIED + sign * timedelta(hours=12)) for sign in (-1, 1))


def is_held(*drills: Drill) -> bool:
    """Whether such drills hold complete dumps up, by whatever inventory: then it is a finding too."""
    hold = failed_drill(drill_result(*drills), make_policy(drills="90 d"))
    for text in (TEXT, DRILLS):
        outcome = verdict_of("backups.come_back", drill_result(*drills, text=text)).outcome
        assert (outcome is Outcome.FINDING) == (hold is not None)
    return hold is not None


def after(hours: int, **changes: object) -> Drill:
    """A drill of the dump that was tried, so many hours after the first."""
    return replace(DONE, at=NOW - timedelta(hours=30 - hours), **{"backup": dump_name(TRIED), **changes})


def test_an_older_dump_that_comes_back_does_not_make_up_for_one_that_failed():
    failed = after(0, error="it does not restore")
    assert is_held(failed)
    assert is_held(failed, after(1, backup=OLDER))
    assert is_held(failed, after(1, backup=OLDER), after(2, refused="no room"), after(3, backup=NEWER, refused="full"))
    assert is_held(after(-1, backup=NEWER), failed)
    assert not is_held(failed, after(1))
    assert not is_held(failed, after(1, backup=NEWER))
    assert not is_held(failed, after(1, backup=NEWER), after(2, backup=OLDER))


def test_an_older_dump_that_failed_last_holds_up_until_it_or_a_newer_one_comes_back():
    failed = after(1, backup=OLDER, error="it does not restore")
    assert is_held(after(0), failed)
    assert not is_held(after(0), failed, after(2))
    assert not is_held(after(0), failed, after(2, backup=OLDER))


def test_a_name_that_lies_in_the_future_is_no_newer_than_its_drill():
    failed = after(0, backup=dump_name(NOW + timedelta(days=400)), error="it does not restore")
    assert is_held(failed)
    assert not is_held(failed, after(6, backup=dump_name(NOW - timedelta(hours=25))))


def test_drills_of_names_that_the_inventory_does_not_know_are_told_apart_by_their_age():
    failed = after(0, backup="old-1.gz", error="it does not restore")
    assert is_held(failed, after(1, backup="old-0.gz", age=3600.0 * 48))
    assert not is_held(failed, after(1, backup="old-2.gz", age=60.0))
    assert is_held(failed, after(1, backup="old-0.gz", age=1e300))


def test_a_drill_of_an_older_dump_says_that_the_failure_of_a_newer_one_stands():
    [line] = failure_lines(after(0, error="no"), after(1, backup=OLDER))
    assert line.text.startswith(f"{dump_name(TRIED)} has not come back")
    assert failure_lines(None, DONE) == []
    assert failure_lines(after(0, error="no"), after(1, error="no")) == []


def test_ten_drills_of_older_dumps_do_not_push_out_a_failure():
    failed = after(0, error="it does not restore")
    many = tuple(after(hours, backup=OLDER) for hours in range(1, 30))
    assert is_held(*drills_to_keep((failed, *many)))
    assert failed not in drills_to_keep((failed, after(30), *many))


def test_a_drill_that_could_not_be_tried_is_not_one_that_failed():
    assert verdict_of("backups.come_back", drill_result(DONE, REFUSED)).outcome is Outcome.HOLDS
    old = replace(DONE, at=NOW - timedelta(days=100))
    [match] = verdict_of("backups.come_back", drill_result(old, REFUSED)).findings
    assert match.saw.endswith("; one could not be tried on 2026-06-15: no room: 3 GiB are needed")
    [match] = verdict_of(
        "backups.come_back", drill_result(replace(FAILED, at=NOW - timedelta(days=1)), REFUSED)
    ).findings
    assert "did not come back" in match.saw


@pytest.mark.parametrize("text", [TEXT, DRILLS])
def test_a_record_that_was_not_seen_is_unknown(text):
    fleet = drill_result(text=text)
    hidden = Databases((), Unobservable("permission denied"))
    unseen = replace(fleet, facts={**fleet.facts, ("data", "databases"): hidden})
    assert verdict_of("backups.come_back", unseen).outcome is Outcome.UNKNOWN


# ── what came back ──


def test_the_same_rows_and_extensions_lack_nothing():
    assert missing_tables(LIVE, LIVE, LIVE.rows, 20) == []


def test_a_few_rows_less_than_live_were_entered_since():
    assert missing_tables(replace(LIVE, rows={**LIVE.rows, "public.runjob": 3300}), LIVE, {}, 20) == []


def test_a_table_with_too_few_rows_is_named():
    less = replace(LIVE, rows={**LIVE.rows, "public.runjob": 3000})
    assert missing_tables(less, LIVE, {}, 20) == ["table public.runjob has 3000 rows (4000 live)"]


def test_a_missing_table_and_a_missing_extension_are_named():
    bare = DatabaseContents({"public.auth_user": 120, "public.session": 0}, (), {})
    assert missing_tables(bare, LIVE, {}, 20) == [
        "the extension plpgsql is missing",
        "table public.runjob is missing (4000 rows live)",
    ]


def test_an_emptied_live_database_does_not_make_an_empty_dump_good():
    emptied = DatabaseContents(dict.fromkeys(LIVE.rows, 0), ("plpgsql",), {})
    assert "table public.runjob has 0 rows (4000 at the last drill)" in missing_tables(emptied, emptied, LIVE.rows, 20)


def test_what_the_scripts_print_is_read():
    answer = read_answer(Output(0, SAID))
    assert answer.roles == ("rodan", "reader")
    assert answer.said == {"user": "rodan", "database": "rodan", "encoding": "UTF8", "preload": ""}
    assert read_answer(Output(0, b"database|odd|name\nrows public.odd|name|3\n")) == DatabaseContents(
        {"public.odd|name": 3}, said={"database": "odd|name"}
    )


def test_the_last_success_is_what_the_next_drill_is_held_against():
    failed = replace(DONE, error="no", rows={})
    assert last_success(Records(drills=(DONE, failed))) == DONE.rows
    assert last_success(Records()) == {}


def test_what_a_person_accepted_since_is_not_missed():
    since = Accepted("1", "vgpu", "rodan_pg_data", NOW, "ops")
    assert last_success(Records(since, (DONE,))) == {}
    assert last_success(Records(since, (DONE, replace(DONE, at=NOW)))) == DONE.rows


def test_a_table_that_is_gone_since_the_last_drill_says_what_to_do_if_it_was_meant():
    gone = replace(DONE, error="1 difference", lacking=("table public.old is missing (99 rows at the last drill)",))
    assert "`remediate backups accept`" in describe_drill(gone)[-1].text
    assert (
        "accept" not in describe_drill(replace(gone, lacking=("table public.old is missing (99 rows live)",)))[-1].text
    )


def test_many_failures_do_not_push_out_the_last_success():
    failed = tuple(replace(DONE, error=f"failure {number}") for number in range(30))
    kept = drills_to_keep((DONE, *failed))
    assert (kept[0], len(kept)) == (DONE, 11)
    assert len(drills_to_keep((*failed, DONE))) == 10


# ── the throwaway container ──

TRIAL = Trial(
    Placement("vgpu", Container("f" * 64, "p.1", image_id="sha256:abc", mounts=(MOUNT,))), MOUNT, BACKUP, make_policy()
)


class Scripted:
    """A link that answers the two questions of a trial."""

    def __init__(self, *answers: Output) -> None:
        self.answers, self.asked = list(answers), list[Command]()

    def ask(self, commands):
        self.asked += commands
        return [self.answers.pop(0) for _ in commands]


def test_case_41_the_throwaway_server_has_no_network_and_reads_the_backups_only():
    words = TRIAL.throwaway(read_answer(Output(0, SAID))).words
    assert words[words.index("--network") : words.index("--network") + 2] == ("--network", "none")
    assert f"type=bind,src={MOUNT.source},dst=/backups,readonly" in words
    assert [word for word in words if word.startswith("type=") or word == "-v"] == [
        f"type=bind,src={MOUNT.source},dst=/backups,readonly"
    ]
    assert {"--rm", "--memory", "--pids-limit"} <= set(words)
    assert words[-3:] == ("role=rodan", "role=reader", "tablespace=fast")


def test_case_41_no_command_of_a_drill_runs_in_the_live_container_but_counting():
    link = Scripted(Output(0, SAID), Output(0, b"seconds|9\n" + SAID))
    done = TRIAL.run(link, {}, 60.0)
    assert (done.error, done.seconds) == ("", 9.0)
    assert [command.words[:2] for command in link.asked] == [("docker", "exec"), ("sh", "-c")]
    assert link.asked[1].words[5:7] == ("docker", "run")
    assert not any(
        word in link.asked[0].words[5].upper() for word in ("DROP ", "CREATE ", "DELETE ", "UPDATE ", "INSERT ")
    )


def test_a_dump_that_does_not_restore_is_a_drill_that_failed():
    text = b'drill: it does not restore: ERROR:  syntax error at or near "x"\nTerminated\n'
    done = TRIAL.run(Scripted(Output(0, SAID), Output(66, b"", text)), {}, 60.0)
    assert done.error == "it does not restore: syntax error"


def test_what_is_written_down_of_a_failed_drill_holds_no_value_of_a_row():
    text = b'drill: it does not restore: psql:<stdin>:9: ERROR:  invalid input syntax for type date: "4111 secret"\n'
    done = TRIAL.run(Scripted(Output(0, SAID), Output(66, b"", text)), {}, 60.0)
    assert done.error == "it does not restore: invalid input syntax for type date (line 9 of its SQL)"


def test_the_exit_status_of_a_failed_drill_without_its_words_proves_nothing():
    with pytest.raises(Unobservable, match="proves nothing about the dump: exit status 66"):
        TRIAL.run(Scripted(Output(0, SAID), Output(66)), {}, 60.0)


def test_a_server_that_does_not_tell_what_a_drill_needs_says_which_right_is_missing():
    with pytest.raises(Unobservable, match="does not tell rodan its shared_preload_libraries") as why:
        TRIAL.run(Scripted(Output(0, SAID.replace(b"preload|\n", b""))), {}, 60.0)
    assert why.value.hint == "GRANT pg_read_all_settings TO rodan;"


def test_a_live_database_that_holds_far_less_than_the_dump_makes_the_drill_doubtful():
    empty = Output(0, SAID.replace(HOLDS, b"extension|plpgsql\n"))
    done, doubts = TRIAL.tried(Scripted(empty, Output(0, b"seconds|9\n" + SAID)), {}, 60.0)
    assert not done.error
    assert doubts == ("table public.auth_user has 0 rows in the live database, and 120 in the dump",)


@pytest.mark.parametrize("rc", [70, 71, 73, 74, 75, 125, 137])
def test_a_server_that_could_not_be_tried_proves_nothing(rc):
    text = b"WARNING: no swap limit\ndrill: it filled the disk, and was ended in time\nKilled\n"
    with pytest.raises(Unobservable, match="it filled the disk"):
        TRIAL.run(Scripted(Output(0, SAID), Output(rc, b"", text)), {}, 60.0)


def test_a_drill_that_was_cut_off_proves_nothing():
    with pytest.raises(Unobservable, match="time limit"):
        TRIAL.run(Scripted(Output(0, SAID), Output(None, lost="the time limit of 900 s")), {}, 60.0)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            b'docker: Error response from daemon: Conflict. The name "/d" is already in use by x.\n',
            "another drill runs",
        ),
        (b"WARNING: no swap limit\ndocker: Error: no such image.\nSee 'docker run --help'.\n", "Error: no such image."),
    ],
)
def test_docker_s_own_reason_is_told_when_there_is_no_throwaway_server(said, why):
    with pytest.raises(Unobservable, match=why):
        TRIAL.run(Scripted(Output(0, SAID), Output(125, b"", said)), {}, 60.0)


def test_a_drill_without_a_live_database_has_nothing_to_be_held_against():
    with pytest.raises(Unobservable, match="no database rodan"):
        TRIAL.run(Scripted(Output(0, SAID.replace(b"encoding|UTF8\n", b""))), {}, 60.0)


def test_the_throwaway_server_ends_when_nobody_holds_its_standard_input():
    words = TRIAL.throwaway(read_answer(Output(0, SAID))).words
    assert "--interactive" in words
    assert words.index("--interactive") > words.index("docker")


@pytest.mark.parametrize(("form", "needed"), [("sql.gz", 512 + 12), ("dump", 512 + 12), ("sql", 512 + 2)])
def test_room_is_reckoned_by_how_much_a_format_is_packed(form, needed):
    assert needed_mebibytes(2**20, form) == needed


def test_the_result_says_how_long_it_took_and_what_would_be_lost():
    assert [line.text for line in describe_drill(DONE)] == [
        f"{BACKUP.name} came back: 3 tables, 4127 rows",
        "  it took 12 s; with it, what was entered in the last 1 h would be lost",
    ]


def test_beside_a_database_without_a_row_nothing_is_accepted_whatever_the_dump_holds():
    rows = b"user|u\ndatabase|d\nencoding|UTF8\npreload|\nrows public.a|%d\nrows large objects|0\n"
    for held in (0, 3):
        live, restored = Output(0, rows % 0), Output(0, b"seconds|1\n" + rows % held)
        done, doubts = TRIAL.tried(Scripted(live, restored), {}, 60.0)
        assert (done.error, doubts) == ("", ("the live database holds no row of any table",))
