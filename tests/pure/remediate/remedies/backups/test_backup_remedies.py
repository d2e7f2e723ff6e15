"""Remedies for backups: pure plans in a small fleet, and their real steps on a directory here."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.topics.backups.database.facts import Drill, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.volumes.facts import VolumeEntry
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.steps import DeleteFiles, Identified, Run, RunInContainer
from tests.example_fleets.backups import (
    MIB,
    NOW,
    TEXT,
    backup_fleet,
    dump_file,
    dump_name,
    proof_of,
    proofs_of,
    twice_a_day,
    verdict_of,
    volume_usage,
)

POSTGRES = Container(
    id="f" * 64,
    name="rodan_postgres.1.x",
    labels={SWARM_SERVICE: "rodan_postgres"},
    mounts=(Mount("volume", "/var/lib/docker/volumes/rodan_pg_backup/_data", "/backups", "rodan_pg_backup"),),
)


def place_services(fleet: Fleet, *matches: tuple[str, Container]) -> Fleet:
    """The fleet with these containers on these nodes."""
    on = {node: tuple(item for where, item in matches if where == node) for node in ("data", "vgpu")}
    seen = {(node, "containers"): Containers("present", these) for node, these in on.items()}
    return replace(fleet, facts={**fleet.facts, **seen})


def answer_to(rule: str, fleet: Fleet) -> Plan | ForAPerson:
    [match, *_] = verdict_of(rule, fleet).findings
    return REMEDIES[rule](match, fleet)


SMALL = TEXT.replace("60 GiB", "30 MiB")
STALE = twice_a_day(4, NOW - timedelta(hours=40))

# ── make one now ──


def test_a_stale_backup_is_answered_by_a_dump_in_the_database_s_container_wherever_it_runs():
    plan = answer_to("backups.are_fresh", place_services(backup_fleet(STALE), ("vgpu", POSTGRES)))
    [step] = plan.steps
    assert isinstance(step, RunInContainer)
    assert (step.node, step.container, plan.disturbs) == ("vgpu", "f" * 64, ("nothing",))
    assert step.words[4:7] == ("/backups", "backup_2026_06_15T12_30_00.sql.gz", "")


def test_no_container_and_two_containers_are_for_a_person():
    none = answer_to("backups.are_fresh", place_services(backup_fleet(STALE)))
    two = answer_to(
        "backups.are_fresh",
        place_services(backup_fleet(STALE), ("vgpu", POSTGRES), ("data", replace(POSTGRES, id="e" * 64))),
    )
    assert "runs on no node" in none.why
    assert "runs 2 times" in two.why


def test_while_a_node_was_not_seen_no_container_is_guessed():
    fleet = place_services(backup_fleet(STALE), ("vgpu", POSTGRES))
    hidden = replace(fleet, facts={**fleet.facts, ("data", "containers"): Unobservable("unreachable")})
    with pytest.raises(Unobservable):
        answer_to("backups.are_fresh", hidden)


def test_the_volume_of_the_inventory_is_taken_wherever_it_is_mounted_and_no_other():
    right = replace(POSTGRES.mounts[0], destination="/dumps")
    other = Mount("volume", "/v/other", "/backups", "other")
    [step] = answer_to(
        "backups.are_fresh", place_services(backup_fleet(STALE), ("vgpu", replace(POSTGRES, mounts=(other, right))))
    ).steps
    assert step.words[4] == "/dumps"
    alone = place_services(backup_fleet(STALE), ("vgpu", replace(POSTGRES, mounts=(other,))))
    assert "does not mount rodan_pg_backup" in answer_to("backups.are_fresh", alone).why


def test_a_directory_of_the_node_is_found_by_its_path_or_where_the_container_sees_it():
    text = TEXT.replace("node: data, budget", "node: data, path: /srv/dumps, budget")
    bound = Mount("bind", "/srv/dumps", "/dumps")
    fleet = place_services(backup_fleet(STALE, text=text), ("data", replace(POSTGRES, mounts=(bound,))))
    assert answer_to("backups.are_fresh", fleet).steps[0].words[4] == "/dumps"
    elsewhere = Mount("bind", "/mnt/nfs/dumps", "/backups")
    fleet = place_services(backup_fleet(STALE, text=text), ("vgpu", replace(POSTGRES, mounts=(elsewhere,))))
    assert answer_to("backups.are_fresh", fleet).steps[0].words[4] == "/backups"


def test_a_container_without_the_volume_gets_no_dump_into_its_own_layer():
    bare = replace(POSTGRES, mounts=())
    assert (
        "does not mount rodan_pg_backup"
        in answer_to("backups.are_fresh", place_services(backup_fleet(STALE), ("vgpu", bare))).why
    )


def test_without_room_it_thins_first_when_that_gives_enough():
    files = tuple(
        replace(item, size=100 * MIB, blocks=100 * MIB) for item in twice_a_day(60, NOW - timedelta(hours=40))
    )
    fleet = backup_fleet(files, volume=volume_usage(files, free=2**30))
    plan = answer_to("backups.are_fresh", place_services(fleet, ("vgpu", POSTGRES)))
    assert [type(step) for step in plan.steps] == [Run, DeleteFiles, RunInContainer]
    assert plan.disturbs == ("deletion",)


def test_without_room_and_nothing_to_thin_a_person_is_asked():
    fleet = backup_fleet(STALE, volume=volume_usage(STALE, free=1000))
    assert "are free, a backup needs" in answer_to("backups.are_fresh", place_services(fleet, ("vgpu", POSTGRES))).why


def test_a_disk_that_was_not_seen_does_not_stop_a_backup():
    fleet = backup_fleet(STALE, volume=Unobservable("df hangs"))
    assert isinstance(answer_to("backups.are_fresh", place_services(fleet, ("vgpu", POSTGRES))), Plan)


# ── thinning ──


def deletion_step(plan: Plan) -> DeleteFiles:
    [step] = [step for step in plan.steps if isinstance(step, DeleteFiles)]
    return step


def test_thinning_streams_what_must_stay_and_then_deletes_oldest_first():
    files = twice_a_day(100)
    plan = answer_to("backups.are_thinned", backup_fleet(files))
    assert [type(step) for step in plan.steps] == [Run, DeleteFiles]
    step = deletion_step(plan)
    assert [item.name for item in step.files] == sorted(item.name for item in step.files)
    left = [item.name for item in files if item.name not in {gone.name for gone in step.files}]
    assert [survivor.name for survivor in step.survivors] == left  # all that stays by `keep` must still be there
    assert plan.disturbs == ("deletion",)
    streamed = {word.removeprefix("./") for word in plan.steps[0].words if word.startswith("./")}
    assert {files[0].name, files[1].name, files[2].name, files[-1].name} <= streamed <= set(left)


def test_case_48_after_thinning_there_is_nothing_to_thin():
    files = twice_a_day(100)
    gone = {item.name for item in deletion_step(answer_to("backups.are_thinned", backup_fleet(files))).files}
    assert not verdict_of(
        "backups.are_thinned", backup_fleet(tuple(item for item in files if item.name not in gone))
    ).findings


def test_case_82_each_file_is_planned_once():
    names = [
        item.name for item in deletion_step(answer_to("backups.are_thinned", backup_fleet(twice_a_day(100)))).files
    ]
    assert len(names) == len(set(names))


# ── after a drill that failed ──


def drill_result(fleet: Fleet, *drills: Drill | Unobservable) -> Fleet:
    """The fleet after these drills, or in which their record was not seen."""
    hidden = [drill for drill in drills if isinstance(drill, Unobservable)]
    records = hidden[0] if hidden else Records(drills=drills)  # type: ignore[arg-type]
    return replace(fleet, facts={**fleet.facts, ("data", "databases"): Databases((), records)})


CAME_BACK = Drill(dump_name(NOW), NOW - timedelta(days=2), 12.0, 3600.0)
FAILED = replace(CAME_BACK, at=NOW - timedelta(hours=1), error="it does not restore: ERROR")
ASKED = TEXT.replace("at_least: 3", "at_least: 3\n  drills: 90 d")


def test_after_a_drill_that_failed_no_whole_dump_is_removed():
    text = answer_to("backups.are_thinned", drill_result(backup_fleet(twice_a_day(100)), CAME_BACK, FAILED))
    assert isinstance(text, ForAPerson)
    assert (text.why, "until then no complete dump" in text.what_to_do) == (
        f"{dump_name(NOW)} did not come back when it was last tried: it does not restore: ERROR",
        True,
    )


def test_once_another_one_came_back_it_is_thinned_as_before():
    later = replace(CAME_BACK, at=NOW)
    plan = answer_to("backups.are_thinned", drill_result(backup_fleet(twice_a_day(100)), FAILED, later))
    assert (
        deletion_step(plan).files
        == deletion_step(answer_to("backups.are_thinned", backup_fleet(twice_a_day(100)))).files
    )


def test_after_a_drill_that_failed_what_is_proven_broken_still_goes():
    files = twice_a_day(100)
    verified = (proof_of(files[50], "broken", "cut short"), *proofs_of((*files[:50], *files[51:])))
    plan = answer_to("backups.are_thinned", drill_result(backup_fleet(files, verified), FAILED))
    step = deletion_step(plan)
    assert [item.name for item in step.files] == [files[50].name]
    streamed = {word.removeprefix("./") for word in plan.steps[0].words if word.startswith("./")}
    assert streamed == {files[0].name, files[1].name, files[2].name, files[-1].name}
    assert streamed <= {survivor.name for survivor in step.survivors}


def test_a_budget_and_room_for_a_new_one_are_no_reason_to_remove_what_may_be_the_last_that_comes_back():
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100))
    for text in (SMALL, SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")):
        message = answer_to(
            "volumes.are_within_budget",
            drill_result(backup_fleet(files, text=text, volume=volume_usage(files)), FAILED),
        )
        assert isinstance(message, ForAPerson)
        assert "did not come back" in message.why


@pytest.mark.parametrize("text", [TEXT, ASKED])
def test_nothing_goes_while_the_record_was_not_seen_it_may_hold_a_failed_drill_or_a_size(text):
    fleet = drill_result(backup_fleet(twice_a_day(100), text=text), Unobservable("permission denied"))
    assert verdict_of("backups.are_thinned", fleet).outcome is Outcome.UNKNOWN
    with pytest.raises(Unobservable, match="permission denied"):
        REMEDIES["backups.are_thinned"](Finding("", ""), fleet)


# ── the budget ──


def test_a_volume_over_budget_is_thinned_by_keep():
    plan = answer_to("volumes.are_within_budget", backup_fleet(twice_a_day(100), text=SMALL))
    assert (
        deletion_step(plan).files
        == deletion_step(answer_to("backups.are_thinned", backup_fleet(twice_a_day(100)))).files
    )
    assert not any("too much" in note for note in plan.notes)


def test_case_78_a_stray_file_of_40_gib_costs_no_backup():
    files = twice_a_day(100)
    stray = VolumeEntry("core.1234", 40 * 2**30)
    heavy = volume_usage(files, used=100 * MIB + stray.used, biggest=(stray,))
    text = TEXT.replace("60 GiB", "30 GiB")
    message = answer_to("volumes.are_within_budget", backup_fleet(files, text=text, volume=heavy))
    assert isinstance(message, ForAPerson)
    assert "core.1234 (40 GiB)" in message.what_to_do


def test_case_45_a_budget_out_of_reach_removes_nothing_that_keep_keeps_and_says_by_how_much():
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100))
    plan = answer_to("volumes.are_within_budget", backup_fleet(files, text=SMALL, volume=volume_usage(files)))
    left = {item.name for item in files} - {item.name for item in deletion_step(plan).files}
    assert len(left) == 23
    assert any(note.startswith("200 MiB will still be too much") for note in plan.notes)
    remaining = tuple(item for item in files if item.name in left)
    text = answer_to("volumes.are_within_budget", backup_fleet(remaining, text=SMALL, volume=volume_usage(remaining)))
    assert text.why == "every backup is one that keep asks for, and 200 MiB are too much"


def test_below_keep_only_where_the_policy_says_so_and_never_the_protected():
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100))
    text = SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")
    step = deletion_step(
        answer_to("volumes.are_within_budget", backup_fleet(files, text=text, volume=volume_usage(files)))
    )
    left = [item.name for item in files if item.name not in {gone.name for gone in step.files}]
    assert left == [files[0].name, files[1].name, files[2].name, files[-1].name]


def test_a_broken_one_goes_with_its_reason():
    files = (*twice_a_day(2), *(dump_file(NOW - timedelta(days=back)) for back in (8, 9, 20)))
    twin = replace(dump_file(NOW - timedelta(days=9, hours=1)))
    files = (*files[:4], twin, files[4])
    broken = proof_of(files[3], "broken", "cut short: its gzip stream has no end")
    [gone] = deletion_step(
        answer_to("backups.are_thinned", backup_fleet(files, (*proofs_of(files[:3]), broken, *proofs_of(files[4:]))))
    ).files
    assert (gone.name, gone.note) == (dump_name(NOW - timedelta(days=9)), "cut short: its gzip stream has no end")


def test_a_file_with_other_names_is_refused_as_a_victim():
    with pytest.raises(ValueError, match="x has other names"):
        DeleteFiles("data", "/v", (Identified("x", 1, 1, 1, links=2),))


def test_dumps_that_are_hard_linked_elsewhere_are_fresh_backups():
    """FOREIGN W11: postgres-backup-local links last/, daily/ and weekly/."""
    files = tuple(replace(item, links=3) for item in twice_a_day(4))
    assert verdict_of("backups.are_fresh", backup_fleet(files)).outcome is Outcome.HOLDS


@pytest.mark.parametrize("rule", ["backups.are_thinned", "volumes.are_within_budget", "backups.are_fresh"])
def test_where_many_look_broken_every_plan_that_deletes_is_for_a_person_told_with_numbers(rule):
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100, NOW - timedelta(hours=40)))
    verified = tuple(
        proof_of(item, "broken" if location % 4 == 1 else "complete", "cut short")
        for location, item in enumerate(files)
    )
    fleet = place_services(
        backup_fleet(files, verified, text=SMALL, volume=volume_usage(files, free=1000)), ("vgpu", POSTGRES)
    )
    text = answer_to(rule, fleet)
    assert isinstance(text, ForAPerson)
    assert text.why.startswith(
        "25 of 100 files look broken, more than `keep.broken_at_most` (10 %): look at them first"
    )


@pytest.mark.parametrize("rule", ["backups.are_thinned", "volumes.are_within_budget", "backups.are_fresh"])
def test_while_the_newest_is_implausible_every_plan_that_deletes_is_for_a_person(rule):
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100, NOW - timedelta(hours=40)))
    files = (replace(files[0], size=410), *files[1:])
    for text in (SMALL, SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")):
        fleet = place_services(
            backup_fleet(files, text=text, volume=volume_usage(files, free=1000)), ("vgpu", POSTGRES)
        )
        message = answer_to(rule, fleet)
        assert isinstance(message, ForAPerson)
        assert "implausibly small: 410 B" in message.why


def test_below_keep_leaves_a_broken_one_where_nothing_else_of_its_period_stays():
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100))
    text = SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")
    verified = (*proofs_of(files[:40]), proof_of(files[40], "broken", "cut short"), *proofs_of(files[41:]))
    step = deletion_step(
        answer_to("volumes.are_within_budget", backup_fleet(files, verified, text=text, volume=volume_usage(files)))
    )
    left = [item.name for item in files if item.name not in {gone.name for gone in step.files}]
    assert left == [files[0].name, files[1].name, files[2].name, files[40].name, files[-1].name]


GUESSED_KEEP = SMALL.replace("yearly: 10}", "yearly: 10, guessed: true}")
GUESSED = SMALL.replace("backups:\n", "backups:\n  guessed: true\n")


@pytest.mark.parametrize("rule", ["backups.are_thinned", "volumes.are_within_budget", "backups.are_fresh"])
@pytest.mark.parametrize(("text", "key"), [(GUESSED_KEEP, "`backups.keep`"), (GUESSED, "`backups`")])
def test_by_what_init_guessed_nothing_is_deleted_until_a_person_has_read_it(rule, text, key):
    files = tuple(replace(item, blocks=10 * MIB) for item in twice_a_day(100, NOW - timedelta(hours=40)))
    broken = tuple(proof_of(item, "broken" if number == 50 else "complete") for number, item in enumerate(files))
    for below_keep in ("", "\n  below_keep: true"):
        written = text.replace("at_least: 3", f"at_least: 3{below_keep}")
        fleet = place_services(
            backup_fleet(files, broken, text=written, volume=volume_usage(files, free=1000)), ("vgpu", POSTGRES)
        )
        held = answer_to(rule, fleet)
        assert isinstance(held, ForAPerson)
        assert held.why.startswith(f"{key}: `fleetkeeper init` guessed")
        assert "remove `guessed: true`" in held.what_to_do
        read = replace(fleet, inventory=backup_fleet(files, text=SMALL).inventory)
        assert "guessed" not in str(answer_to(rule, read))
        assert rule == "backups.are_fresh" or isinstance(answer_to(rule, read), Plan)
