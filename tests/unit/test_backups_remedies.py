"""Remedies for backups: pure plans in a small world, and their real steps on a directory here."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleetkeeper.judging.rules import Finding
from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.topics import containers, volumes
from fleetkeeper.topics.backups import File, database
from fleetkeeper.topics.containers.facts import SWARM_SERVICE, Container, Mount
from fleetkeeper.transport.commands import Command, Output, Unobservable
from remediate.plan import ForAPerson, Plan
from remediate.remedies import REMEDIES
from remediate.remedies.backups.create_dump import CREATE
from remediate.steps import DeleteFiles, Identified, Place, Run, RunInContainer, Stale, StepFailed
from tests.backups import MIB, NOW, TEXT, file, fleet, judged, name, proof, proofs, twice_a_day, usage

DUMP = b"--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
POSTGRES = Container(
    id="f" * 64,
    name="rodan_postgres.1.x",
    labels={SWARM_SERVICE: "rodan_postgres"},
    mounts=(Mount("volume", "/var/lib/docker/volumes/rodan_pg_backup/_data", "/backups", "rodan_pg_backup"),),
)


def placed(world: Fleet, *found: tuple[str, Container]) -> Fleet:
    """The world with these containers on these nodes."""
    on = {node: tuple(one for where, one in found if where == node) for node in ("data", "vgpu")}
    seen = {(node, "containers"): containers.Facts("present", these) for node, these in on.items()}
    return replace(world, facts={**world.facts, **seen})


def answer(rule: str, world: Fleet) -> Plan | ForAPerson:
    [found, *_] = judged(rule, world).findings
    return REMEDIES[rule](found, world)


SMALL = TEXT.replace("60 GiB", "30 MiB")
STALE = twice_a_day(4, NOW - timedelta(hours=40))

# ── make one now ──


def test_a_stale_backup_is_answered_by_a_dump_in_the_database_s_container_wherever_it_runs():
    plan = answer("backups.are_fresh", placed(fleet(STALE), ("vgpu", POSTGRES)))
    [step] = plan.steps
    assert isinstance(step, RunInContainer)
    assert (step.node, step.container, plan.disturbs) == ("vgpu", "f" * 64, ("nothing",))
    assert step.words[4:7] == ("/backups", "backup_2026_06_15T12_30_00.sql.gz", "")


def test_no_container_and_two_containers_are_for_a_person():
    none = answer("backups.are_fresh", placed(fleet(STALE)))
    two = answer(
        "backups.are_fresh", placed(fleet(STALE), ("vgpu", POSTGRES), ("data", replace(POSTGRES, id="e" * 64)))
    )
    assert "runs on no node" in none.why
    assert "runs 2 times" in two.why


def test_while_a_node_was_not_seen_no_container_is_guessed():
    world = placed(fleet(STALE), ("vgpu", POSTGRES))
    hidden = replace(world, facts={**world.facts, ("data", "containers"): Unobservable("unreachable")})
    with pytest.raises(Unobservable):
        answer("backups.are_fresh", hidden)


def test_the_volume_of_the_inventory_is_taken_wherever_it_is_mounted_and_no_other():
    right = replace(POSTGRES.mounts[0], destination="/dumps")
    other = Mount("volume", "/v/other", "/backups", "other")
    [step] = answer("backups.are_fresh", placed(fleet(STALE), ("vgpu", replace(POSTGRES, mounts=(other, right))))).steps
    assert step.words[4] == "/dumps"
    alone = placed(fleet(STALE), ("vgpu", replace(POSTGRES, mounts=(other,))))
    assert "does not mount rodan_pg_backup" in answer("backups.are_fresh", alone).why


def test_a_directory_of_the_node_is_found_by_its_path_or_where_the_container_sees_it():
    text = TEXT.replace("node: data, budget", "node: data, path: /srv/dumps, budget")
    bound = Mount("bind", "/srv/dumps", "/dumps")
    world = placed(fleet(STALE, text=text), ("data", replace(POSTGRES, mounts=(bound,))))
    assert answer("backups.are_fresh", world).steps[0].words[4] == "/dumps"
    elsewhere = Mount("bind", "/mnt/nfs/dumps", "/backups")
    world = placed(fleet(STALE, text=text), ("vgpu", replace(POSTGRES, mounts=(elsewhere,))))
    assert answer("backups.are_fresh", world).steps[0].words[4] == "/backups"


def test_a_container_without_the_volume_gets_no_dump_into_its_own_layer():
    bare = replace(POSTGRES, mounts=())
    assert "does not mount rodan_pg_backup" in answer("backups.are_fresh", placed(fleet(STALE), ("vgpu", bare))).why


def test_without_room_it_thins_first_when_that_gives_enough():
    files = tuple(replace(one, size=100 * MIB, blocks=100 * MIB) for one in twice_a_day(60, NOW - timedelta(hours=40)))
    world = fleet(files, volume=usage(files, free=2**30))
    plan = answer("backups.are_fresh", placed(world, ("vgpu", POSTGRES)))
    assert [type(step) for step in plan.steps] == [Run, DeleteFiles, RunInContainer]
    assert plan.disturbs == ("deletion",)


def test_without_room_and_nothing_to_thin_a_person_is_asked():
    world = fleet(STALE, volume=usage(STALE, free=1000))
    assert "are free, a backup needs" in answer("backups.are_fresh", placed(world, ("vgpu", POSTGRES))).why


def test_a_disk_that_was_not_seen_does_not_stop_a_backup():
    world = fleet(STALE, volume=Unobservable("df hangs"))
    assert isinstance(answer("backups.are_fresh", placed(world, ("vgpu", POSTGRES))), Plan)


# ── the script that dumps ──


@pytest.fixture
def dumping(tmp_path):
    """Run the script with a pg_dump that does what a line of shell says; its exit status and what stands there then."""

    def run(line: str, form: str = "sql.gz", needed: int = 1) -> tuple[int, list[str], str]:
        tools, backups = tmp_path / "bin", tmp_path / "backups"
        tools.mkdir(exist_ok=True)
        backups.mkdir(exist_ok=True)
        (tools / "whole").write_bytes(DUMP)
        (tools / "pg_dump").write_text(f"#!/bin/sh\n{line.replace('WHOLE', str(tools / 'whole'))}\n")
        (tools / "pg_dump").chmod(0o755)
        words = ("sh", "-c", CREATE, "sh", str(backups), f"new.{form}", "", "", form, str(needed))
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "POSTGRES_USER": "rodan", "POSTGRES_PASSWORD": "hush"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        assert "hush" not in done.stdout + done.stderr
        return done.returncode, sorted(one.name for one in backups.iterdir()), done.stderr

    return run


def test_a_whole_dump_gets_its_name(dumping, tmp_path):
    assert dumping("cat WHOLE")[:2] == (0, ["new.sql.gz"])
    assert gzip.decompress((tmp_path / "backups" / "new.sql.gz").read_bytes()) == DUMP


def test_a_plain_dump_is_written_as_it_is(dumping, tmp_path):
    assert dumping("cat WHOLE", form="sql")[:2] == (0, ["new.sql"])
    assert (tmp_path / "backups" / "new.sql").read_bytes() == DUMP


@pytest.mark.parametrize(
    "line",
    ["exit 1", "cat WHOLE; exit 1", "head -c 30 WHOLE", "true", "kill -9 $$"],
    ids=["fails at once", "fails at the end", "is cut short", "says nothing", "is killed"],
)
def test_case_31_a_dump_that_failed_leaves_nothing_and_says_so(dumping, line):
    rc, left, said = dumping(line)
    assert rc in {66, 67}
    assert left == []
    assert "dump" in said


def test_an_existing_file_is_never_written_over(dumping, tmp_path):
    dumping("cat WHOLE")
    before = (tmp_path / "backups" / "new.sql.gz").read_bytes()
    rc, left, said = dumping("echo other")
    assert (rc, left) == (75, ["new.sql.gz"])
    assert (tmp_path / "backups" / "new.sql.gz").read_bytes() == before
    assert "already there" in said


def test_a_disk_without_room_is_noticed_before_anything_is_written(dumping):
    rc, left, said = dumping("cat WHOLE", needed=10**15)
    assert (rc, left) == (73, [])
    assert "are needed" in said


def test_the_database_s_user_and_password_are_the_container_s_own(dumping):
    rc, _, _ = dumping('[ "$PGDATABASE $*" = "rodan -w -U rodan" ] && [ "$PGPASSWORD" = hush ] && cat WHOLE')
    assert rc == 0


# ── thinning ──


def deletion(plan: Plan) -> DeleteFiles:
    [step] = [step for step in plan.steps if isinstance(step, DeleteFiles)]
    return step


def test_thinning_streams_what_must_stay_and_then_deletes_oldest_first():
    files = twice_a_day(100)
    plan = answer("backups.are_thinned", fleet(files))
    assert [type(step) for step in plan.steps] == [Run, DeleteFiles]
    step = deletion(plan)
    assert [one.name for one in step.files] == sorted(one.name for one in step.files)
    left = [one.name for one in files if one.name not in {gone.name for gone in step.files}]
    assert [one.name for one in step.survivors] == left  # all that stays by `keep` must still be there
    assert plan.disturbs == ("deletion",)
    streamed = {word.removeprefix("./") for word in plan.steps[0].words if word.startswith("./")}
    assert {files[0].name, files[1].name, files[2].name, files[-1].name} <= streamed <= set(left)


def test_case_48_after_thinning_there_is_nothing_to_thin():
    files = twice_a_day(100)
    gone = {one.name for one in deletion(answer("backups.are_thinned", fleet(files))).files}
    assert not judged("backups.are_thinned", fleet(tuple(one for one in files if one.name not in gone))).findings


def test_case_82_each_file_is_planned_once():
    names = [one.name for one in deletion(answer("backups.are_thinned", fleet(twice_a_day(100)))).files]
    assert len(names) == len(set(names))


# ── after a drill that failed ──


def drilled(world: Fleet, *drills: database.Drill | Unobservable) -> Fleet:
    """The world after these drills, or in which their record was not seen."""
    hidden = [one for one in drills if isinstance(one, Unobservable)]
    records = hidden[0] if hidden else database.Records(drills=drills)  # type: ignore[arg-type]
    return replace(world, facts={**world.facts, ("data", "databases"): database.Facts((), records)})


CAME_BACK = database.Drill(name(NOW), NOW - timedelta(days=2), 12.0, 3600.0)
FAILED = replace(CAME_BACK, at=NOW - timedelta(hours=1), error="it does not restore: ERROR")
ASKED = TEXT.replace("at_least: 3", "at_least: 3\n  drills: 90 d")


def test_after_a_drill_that_failed_no_whole_dump_is_removed():
    said = answer("backups.are_thinned", drilled(fleet(twice_a_day(100)), CAME_BACK, FAILED))
    assert isinstance(said, ForAPerson)
    assert (said.why, "until then no whole dump" in said.what_to_do) == (
        f"{name(NOW)} did not come back when it was last tried: it does not restore: ERROR",
        True,
    )


def test_once_another_one_came_back_it_is_thinned_as_before():
    later = replace(CAME_BACK, at=NOW)
    plan = answer("backups.are_thinned", drilled(fleet(twice_a_day(100)), FAILED, later))
    assert deletion(plan).files == deletion(answer("backups.are_thinned", fleet(twice_a_day(100)))).files


def test_after_a_drill_that_failed_what_is_proven_broken_still_goes():
    files = twice_a_day(100)
    verified = (proof(files[50], "broken", "cut short"), *proofs((*files[:50], *files[51:])))
    plan = answer("backups.are_thinned", drilled(fleet(files, verified), FAILED))
    step = deletion(plan)
    assert [one.name for one in step.files] == [files[50].name]
    streamed = {word.removeprefix("./") for word in plan.steps[0].words if word.startswith("./")}
    assert streamed == {files[0].name, files[1].name, files[2].name, files[-1].name}
    assert streamed <= {one.name for one in step.survivors}


def test_a_budget_and_room_for_a_new_one_are_no_reason_to_remove_what_may_be_the_last_that_comes_back():
    files = tuple(replace(one, blocks=10 * MIB) for one in twice_a_day(100))
    for text in (SMALL, SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")):
        said = answer("volumes.are_within_budget", drilled(fleet(files, text=text, volume=usage(files)), FAILED))
        assert isinstance(said, ForAPerson)
        assert "did not come back" in said.why


@pytest.mark.parametrize("text", [TEXT, ASKED])
def test_nothing_goes_while_the_record_was_not_seen_it_may_hold_a_failed_drill_or_a_size(text):
    world = drilled(fleet(twice_a_day(100), text=text), Unobservable("permission denied"))
    assert judged("backups.are_thinned", world).outcome is Outcome.UNKNOWN
    with pytest.raises(Unobservable, match="permission denied"):
        REMEDIES["backups.are_thinned"](Finding("", ""), world)


# ── the budget ──


def test_a_volume_over_budget_is_thinned_by_keep():
    plan = answer("volumes.are_within_budget", fleet(twice_a_day(100), text=SMALL))
    assert deletion(plan).files == deletion(answer("backups.are_thinned", fleet(twice_a_day(100)))).files
    assert not any("too much" in note for note in plan.notes)


def test_case_78_a_stray_file_of_40_gib_costs_no_backup():
    files = twice_a_day(100)
    stray = volumes.Entry("core.1234", 40 * 2**30)
    heavy = usage(files, used=100 * MIB + stray.used, biggest=(stray,))
    text = TEXT.replace("60 GiB", "30 GiB")
    said = answer("volumes.are_within_budget", fleet(files, text=text, volume=heavy))
    assert isinstance(said, ForAPerson)
    assert "core.1234 (40 GiB)" in said.what_to_do


def test_case_45_a_budget_out_of_reach_removes_nothing_that_keep_keeps_and_says_by_how_much():
    files = tuple(replace(one, blocks=10 * MIB) for one in twice_a_day(100))
    plan = answer("volumes.are_within_budget", fleet(files, text=SMALL, volume=usage(files)))
    left = {one.name for one in files} - {one.name for one in deletion(plan).files}
    assert len(left) == 23
    assert any(note.startswith("200 MiB will still be too much") for note in plan.notes)
    remaining = tuple(one for one in files if one.name in left)
    said = answer("volumes.are_within_budget", fleet(remaining, text=SMALL, volume=usage(remaining)))
    assert said.why == "every backup is one that keep asks for, and 200 MiB are too much"


def test_below_keep_only_where_the_policy_says_so_and_never_the_protected():
    files = tuple(replace(one, blocks=10 * MIB) for one in twice_a_day(100))
    text = SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")
    step = deletion(answer("volumes.are_within_budget", fleet(files, text=text, volume=usage(files))))
    left = [one.name for one in files if one.name not in {gone.name for gone in step.files}]
    assert left == [files[0].name, files[1].name, files[2].name, files[-1].name]


# ── the steps, for real ──


class Here:
    """This machine as a node, run as whoever runs the tests."""

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        return [self.one(command) for command in commands]

    def one(self, command: Command) -> Output:
        done = subprocess.run(command.words, capture_output=True, check=False)
        return Output(done.returncode, done.stdout, done.stderr, command=str(command))


def made(directory: Path, count: int) -> tuple[File, ...]:
    """Real dumps, twice a day, with their identities."""
    return tuple(written(directory / one.name, one) for one in twice_a_day(count))


def written(path: Path, like: File) -> File:
    path.write_bytes(gzip.compress(DUMP))
    os.utime(path, (like.mtime, like.mtime))
    now = path.stat()
    return File(path.name, now.st_size, now.st_mtime, now.st_ino, blocks=4096)


def there(directory: Path, files: Sequence[File]) -> Fleet:
    world = fleet(files)
    seen = replace(world.facts["data", "backups"], directory=str(directory))
    return replace(world, facts={**world.facts, ("data", "backups"): seen})


def applied(plan: Plan) -> None:
    for step in plan.steps:
        step.still_true(Here(), Place("run", 1))
        step.do(Here(), Place("run", 1))


def test_thinning_for_real_leaves_what_keep_keeps_and_everything_foreign(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = made(directory, 60)
    (directory / "-rf").write_bytes(b"foreign")
    (directory / "backup_notes.txt").write_bytes(b"foreign")
    plan = answer("backups.are_thinned", there(directory, files))
    applied(plan)
    gone = {one.name for one in deletion(plan).files}
    assert {one.name for one in directory.iterdir()} == {one.name for one in files} - gone | {"-rf", "backup_notes.txt"}


def test_case_46_a_file_that_was_replaced_after_the_plan_is_skipped(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    plan = answer("backups.are_thinned", there(directory, made(directory, 60)))
    replaced = directory / deletion(plan).files[0].name
    replaced.unlink()
    replaced.write_bytes(b"somebody else's")
    applied(plan)
    assert replaced.read_bytes() == b"somebody else's"


def test_nothing_is_deleted_when_one_that_must_stay_is_no_longer_whole(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = made(directory, 60)
    plan = answer("backups.are_thinned", there(directory, files))
    oldest = directory / files[-1].name
    before = oldest.stat()
    oldest.write_bytes(oldest.read_bytes()[:-9] + b"x" * 9)
    os.utime(oldest, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StepFailed, match="not all of them are whole dumps any more"):
        applied(plan)
    assert len(list(directory.iterdir())) == 60


def test_case_47_a_run_that_was_killed_halfway_is_finished_by_the_next(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = made(directory, 60)
    step = deletion(answer("backups.are_thinned", there(directory, files)))
    for one in step.files[:10]:
        (directory / one.name).unlink()
    left = tuple(one for one in files if (directory / one.name).exists())
    again = answer("backups.are_thinned", there(directory, left))
    assert deletion(again).files == step.files[10:]
    applied(again)
    assert {one.name for one in directory.iterdir()} == {one.name for one in files} - {one.name for one in step.files}


def test_a_survivor_that_went_away_stops_the_deletion(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = made(directory, 60)
    step = deletion(answer("backups.are_thinned", there(directory, files)))
    (directory / files[0].name).unlink()
    with pytest.raises(Stale):
        step.still_true(Here(), Place("run", 1))


def test_a_broken_one_goes_with_its_reason():
    files = (*twice_a_day(2), *(file(NOW - timedelta(days=back)) for back in (8, 9, 20)))
    twin = replace(file(NOW - timedelta(days=9, hours=1)))
    files = (*files[:4], twin, files[4])
    broken = proof(files[3], "broken", "cut short: its gzip stream has no end")
    [gone] = deletion(
        answer("backups.are_thinned", fleet(files, (*proofs(files[:3]), broken, *proofs(files[4:]))))
    ).files
    assert (gone.name, gone.note) == (name(NOW - timedelta(days=9)), "cut short: its gzip stream has no end")


# ── what stays because of which something goes ──


def yearful(directory: Path) -> tuple[File, ...]:
    """Real dumps, one a day, for more than a year."""
    return tuple(
        written(directory / one.name, one) for one in (file(NOW - timedelta(days=back)) for back in range(400))
    )


def stands_for(month: str, plan: Plan) -> str:
    """The file that stays for a month, when others of it go."""
    return next(one.name for one in deletion(plan).survivors if f"monthly {month}" in one.note)


@pytest.mark.parametrize("how", ["gone", "rot", "cut"])
def test_case_46_the_one_that_stands_for_its_month_is_looked_at_again_before_its_neighbours_go(tmp_path, how):
    directory = tmp_path / "volume"
    directory.mkdir()
    plan = answer("backups.are_thinned", there(directory, yearful(directory)))
    victim = directory / stands_for("2025-11", plan)
    before = victim.stat()
    if how == "gone":
        victim.unlink()
    else:
        content = bytearray(victim.read_bytes())
        content[len(content) // 2] ^= 0xFF
        victim.write_bytes(bytes(content) if how == "rot" else bytes(content)[:-8] + b"12345678")
        os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises((Stale, StepFailed)):
        applied(plan)
    assert len(list(directory.iterdir())) == 400 - (how == "gone")


def test_case_49_thinning_needs_no_byte_on_a_disk_that_is_full_to_the_last(tmp_path):
    directory = tmp_path / "full"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", directory]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.decode().strip()}")
    try:
        files = made(directory, 60)
        with suppress(OSError), (directory / "core").open("wb", buffering=0) as filling:
            while filling.write(b"x" * 4096):
                pass
        with pytest.raises(OSError, match="No space left"):
            (directory / "one-byte").write_bytes(b"x")
        plan = answer("backups.are_thinned", there(directory, files))
        applied(plan)
        left = {one.name for one in directory.iterdir()} - {"core", "one-byte"}
        assert left == {one.name for one in files} - {one.name for one in deletion(plan).files}
        (directory / "next").write_bytes(b"x" * 4096)
    finally:
        subprocess.run(["umount", directory], check=True)


def test_case_40_a_hard_linked_dump_is_a_survivor_and_never_a_victim(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = made(directory, 60)
    linked = []
    for one in files[::3]:
        (tmp_path / one.name).hardlink_to(directory / one.name)
        linked.append(replace(one, links=2))
    world = there(directory, [*linked, *(one for one in files if one not in files[::3])])
    plan = answer("backups.are_thinned", world)
    assert not {one.name for one in deletion(plan).files} & {one.name for one in linked}
    assert any(one.links == 2 for one in deletion(plan).survivors)
    applied(plan)
    assert all((directory / one.name).exists() for one in linked)


def test_a_file_with_other_names_is_refused_as_a_victim():
    with pytest.raises(ValueError, match="x has other names"):
        DeleteFiles("data", "/v", (Identified("x", 1, 1, 1, links=2),))


def test_dumps_that_are_hard_linked_elsewhere_are_fresh_backups():
    """FOREIGN W11: postgres-backup-local links last/, daily/ and weekly/."""
    files = tuple(replace(one, links=3) for one in twice_a_day(4))
    assert judged("backups.are_fresh", fleet(files)).outcome is Outcome.HOLDS


@pytest.mark.parametrize("rule", ["backups.are_thinned", "volumes.are_within_budget", "backups.are_fresh"])
def test_where_many_look_broken_every_plan_that_deletes_is_for_a_person_told_with_numbers(rule):
    files = tuple(replace(one, blocks=10 * MIB) for one in twice_a_day(100, NOW - timedelta(hours=40)))
    verified = tuple(
        proof(one, "broken" if place % 4 == 1 else "complete", "cut short") for place, one in enumerate(files)
    )
    world = placed(fleet(files, verified, text=SMALL, volume=usage(files, free=1000)), ("vgpu", POSTGRES))
    said = answer(rule, world)
    assert isinstance(said, ForAPerson)
    assert said.why.startswith(
        "25 of 100 files look broken, more than `keep.broken_at_most` (10 %): look at them first"
    )


@pytest.mark.parametrize("rule", ["backups.are_thinned", "volumes.are_within_budget", "backups.are_fresh"])
def test_while_the_newest_is_implausible_every_plan_that_deletes_is_for_a_person(rule):
    files = tuple(replace(one, blocks=10 * MIB) for one in twice_a_day(100, NOW - timedelta(hours=40)))
    files = (replace(files[0], size=410), *files[1:])
    for text in (SMALL, SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")):
        world = placed(fleet(files, text=text, volume=usage(files, free=1000)), ("vgpu", POSTGRES))
        said = answer(rule, world)
        assert isinstance(said, ForAPerson)
        assert "implausibly small: 410 B" in said.why


def test_below_keep_leaves_a_broken_one_where_nothing_else_of_its_period_stays():
    files = tuple(replace(one, blocks=10 * MIB) for one in twice_a_day(100))
    text = SMALL.replace("at_least: 3", "at_least: 3\n  below_keep: true")
    verified = (*proofs(files[:40]), proof(files[40], "broken", "cut short"), *proofs(files[41:]))
    step = deletion(answer("volumes.are_within_budget", fleet(files, verified, text=text, volume=usage(files))))
    left = [one.name for one in files if one.name not in {gone.name for gone in step.files}]
    assert left == [files[0].name, files[1].name, files[2].name, files[40].name, files[-1].name]
