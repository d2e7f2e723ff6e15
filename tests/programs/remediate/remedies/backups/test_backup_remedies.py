"""Remedies for backups: pure plans in a small fleet, and their real steps on a directory here."""

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

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.transport.commands import Command, Output
from fleetkeeper.transport.script_files import load_script
from remediate.plan import Plan
from remediate.steps import Stale, StepContext, StepFailed
from tests.example_fleets.backups import NOW, backup_fleet, dump_file, twice_a_day
from tests.pure.remediate.remedies.backups.test_backup_remedies import answer_to, deletion_step

DUMP = b"--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n"


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
        words = (
            "sh",
            "-c",
            load_script("remediate/remedies/backups/scripts/create_dump.sh"),
            "sh",
            str(backups),
            f"new.{form}",
            "",
            "",
            form,
            str(needed),
        )
        environment = {"PATH": f"{tools}:{os.environ['PATH']}", "POSTGRES_USER": "rodan", "POSTGRES_PASSWORD": "hush"}
        done = subprocess.run(words, capture_output=True, text=True, check=False, env=environment)
        assert "hush" not in done.stdout + done.stderr
        return done.returncode, sorted(item.name for item in backups.iterdir()), done.stderr

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
    rc, left, text = dumping(line)
    assert rc in {66, 67}
    assert left == []
    assert "dump" in text


def test_an_existing_file_is_never_written_over(dumping, tmp_path):
    dumping("cat WHOLE")
    before = (tmp_path / "backups" / "new.sql.gz").read_bytes()
    rc, left, text = dumping("echo other")
    assert (rc, left) == (75, ["new.sql.gz"])
    assert (tmp_path / "backups" / "new.sql.gz").read_bytes() == before
    assert "already there" in text


def test_a_disk_without_room_is_noticed_before_anything_is_written(dumping):
    rc, left, text = dumping("cat WHOLE", needed=10**15)
    assert (rc, left) == (73, [])
    assert "are needed" in text


def test_the_database_s_user_and_password_are_the_container_s_own(dumping):
    rc, _, _ = dumping('[ "$PGDATABASE $*" = "rodan -w -U rodan" ] && [ "$PGPASSWORD" = hush ] && cat WHOLE')
    assert rc == 0


# ── the steps, for real ──


class Here:
    """This machine as a node, run as whoever runs the tests."""

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        return [self.one(command) for command in commands]

    def one(self, command: Command) -> Output:
        done = subprocess.run(command.words, capture_output=True, check=False)
        return Output(done.returncode, done.stdout, done.stderr, command=str(command))


def make_certificate(directory: Path, count: int) -> tuple[File, ...]:
    """Real dumps, twice a day, with their identities."""
    return tuple(written_text(directory / item.name, item) for item in twice_a_day(count))


def written_text(path: Path, like: File) -> File:
    path.write_bytes(gzip.compress(DUMP))
    os.utime(path, (like.mtime, like.mtime))
    now = path.stat()
    return File(path.name, now.st_size, now.st_mtime, now.st_ino, blocks=4096)


def there(directory: Path, files: Sequence[File]) -> Fleet:
    fleet = backup_fleet(files)
    seen = replace(fleet.facts["data", "backups"], directory=str(directory))
    return replace(fleet, facts={**fleet.facts, ("data", "backups"): seen})


def apply_plan(plan: Plan) -> None:
    for step in plan.steps:
        step.still_true(Here(), StepContext("run", 1))
        step.do(Here(), StepContext("run", 1))


def test_thinning_for_real_leaves_what_keep_keeps_and_everything_foreign(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = make_certificate(directory, 60)
    (directory / "-rf").write_bytes(b"foreign")
    (directory / "backup_notes.txt").write_bytes(b"foreign")
    plan = answer_to("backups.are_thinned", there(directory, files))
    apply_plan(plan)
    gone = {item.name for item in deletion_step(plan).files}
    assert {item.name for item in directory.iterdir()} == {item.name for item in files} - gone | {
        "-rf",
        "backup_notes.txt",
    }


def test_case_46_a_file_that_was_replaced_after_the_plan_is_skipped(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    plan = answer_to("backups.are_thinned", there(directory, make_certificate(directory, 60)))
    replaced = directory / deletion_step(plan).files[0].name
    replaced.unlink()
    replaced.write_bytes(b"somebody else's")
    apply_plan(plan)
    assert replaced.read_bytes() == b"somebody else's"


def test_nothing_is_deleted_when_one_that_must_stay_is_no_longer_whole(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = make_certificate(directory, 60)
    plan = answer_to("backups.are_thinned", there(directory, files))
    oldest = directory / files[-1].name
    before = oldest.stat()
    oldest.write_bytes(oldest.read_bytes()[:-9] + b"x" * 9)
    os.utime(oldest, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(StepFailed, match="not all of them are complete dumps any more"):
        apply_plan(plan)
    assert len(list(directory.iterdir())) == 60


def test_case_47_a_run_that_was_killed_halfway_is_finished_by_the_next(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = make_certificate(directory, 60)
    step = deletion_step(answer_to("backups.are_thinned", there(directory, files)))
    for item in step.files[:10]:
        (directory / item.name).unlink()
    left = tuple(item for item in files if (directory / item.name).exists())
    again = answer_to("backups.are_thinned", there(directory, left))
    assert deletion_step(again).files == step.files[10:]
    apply_plan(again)
    assert {item.name for item in directory.iterdir()} == {item.name for item in files} - {
        item.name for item in step.files
    }


def test_a_survivor_that_went_away_stops_the_deletion(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = make_certificate(directory, 60)
    step = deletion_step(answer_to("backups.are_thinned", there(directory, files)))
    (directory / files[0].name).unlink()
    with pytest.raises(Stale):
        step.still_true(Here(), StepContext("run", 1))


# ── what stays because of which something goes ──


def yearful(directory: Path) -> tuple[File, ...]:
    """Real dumps, one a day, for more than a year."""
    return tuple(
        written_text(directory / item.name, item)
        for item in (dump_file(NOW - timedelta(days=back)) for back in range(400))
    )


def stands_for(month: str, plan: Plan) -> str:
    """The file that stays for a month, when others of it go."""
    return next(survivor.name for survivor in deletion_step(plan).survivors if f"monthly {month}" in survivor.note)


@pytest.mark.parametrize("how", ["gone", "rot", "cut"])
def test_case_46_the_one_that_stands_for_its_month_is_looked_at_again_before_its_neighbours_go(tmp_path, how):
    directory = tmp_path / "volume"
    directory.mkdir()
    plan = answer_to("backups.are_thinned", there(directory, yearful(directory)))
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
        apply_plan(plan)
    assert len(list(directory.iterdir())) == 400 - (how == "gone")


def test_case_49_thinning_needs_no_byte_on_a_disk_that_is_full_to_the_last(tmp_path):
    directory = tmp_path / "full"
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", directory]
    mounted = subprocess.run(mount, capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip(f"no file system may be mounted here: {mounted.stderr.decode().strip()}")
    try:
        files = make_certificate(directory, 60)
        with suppress(OSError), (directory / "core").open("wb", buffering=0) as filling:
            while filling.write(b"x" * 4096):
                pass
        with pytest.raises(OSError, match="No space left"):
            (directory / "one-byte").write_bytes(b"x")
        plan = answer_to("backups.are_thinned", there(directory, files))
        apply_plan(plan)
        left = {item.name for item in directory.iterdir()} - {"core", "one-byte"}
        assert left == {item.name for item in files} - {item.name for item in deletion_step(plan).files}
        (directory / "next").write_bytes(b"x" * 4096)
    finally:
        subprocess.run(["umount", directory], check=True)


def test_case_40_a_hard_linked_dump_is_a_survivor_and_never_a_victim(tmp_path):
    directory = tmp_path / "volume"
    directory.mkdir()
    files = make_certificate(directory, 60)
    linked = []
    for item in files[::3]:
        (tmp_path / item.name).hardlink_to(directory / item.name)
        linked.append(replace(item, links=2))
    fleet = there(directory, [*linked, *(item for item in files if item not in files[::3])])
    plan = answer_to("backups.are_thinned", fleet)
    assert not {item.name for item in deletion_step(plan).files} & {item.name for item in linked}
    assert any(survivor.links == 2 for survivor in deletion_step(plan).survivors)
    apply_plan(plan)
    assert all((directory / item.name).exists() for item in linked)
