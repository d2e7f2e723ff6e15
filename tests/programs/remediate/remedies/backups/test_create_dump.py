"""The dump that `remediate` makes, really run by several shells: no two share a name, and a dead one's part is gone."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from fleetkeeper.topics.backups.catalog import unfinished_dumps
from fleetkeeper.transport.script_files import load_script
from remediate.backups.list_backups import part_lines
from remediate.remedies.backups.create_dump import parts_of
from tests.example_fleets.backups import (
    NOW,
    backup_fleet,
    catalog_of_files,
    dump_file,
    dump_name,
    make_policy,
    twice_a_day,
    verdict_of,
)
from tests.helpers.waiting import wait_until

NAME = "backup_2026_11_29T12_00_00.sql.gz"
PARTS = parts_of("backup_%Y_%m_%dT%H_%M_%S.sql.gz")
WHOLE = "-- PostgreSQL database dump\n{}\n-- PostgreSQL database dump complete"
SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
Start = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture(params=SHELLS)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Start:
    """Begin a dump of `text`, which ends when the file `goes_on` is there, at once without one."""
    (tmp_path / "backups").mkdir()
    (tmp_path / "bin").mkdir()
    dump = tmp_path / "bin" / "pg_dump"
    dump.write_text('#!/bin/sh\nprintf "%s\\n" "$TEXT"; while ! [ -e "$GOES_ON" ]; do sleep 0.05; done\n')
    dump.chmod(0o755)

    def run(text: str, goes_on: str = "/", name: str = NAME) -> subprocess.Popen[bytes]:
        environment = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "TEXT": WHOLE.format(text)}
        words = (
            "-c",
            load_script("remediate/remedies/backups/scripts/create_dump.sh"),
            "sh",
            str(tmp_path / "backups"),
            name,
            "u",
            "d",
            "sql.gz",
            "1",
            PARTS,
        )
        return subprocess.Popen(
            [*SHELLS[request.param], *words],
            env=environment | {"GOES_ON": goes_on},
            stderr=subprocess.PIPE,
        )

    return run


def content(path: Path) -> str:
    return subprocess.run(["gzip", "-dc", str(path)], capture_output=True, check=True).stdout.decode()


def test_of_two_dumps_in_one_second_one_is_refused_and_the_other_is_whole(start: Start, tmp_path: Path) -> None:
    goes_on = tmp_path / "goes on"
    runs = [start(f"dump {number}", str(goes_on)) for number in range(4)]
    wait_until(lambda: sum(run.poll() is not None for run in runs) == 3)
    goes_on.touch()
    text = [run.communicate(timeout=20)[1] for run in runs]
    ends = [run.returncode for run in runs]
    assert sorted(ends) == [0, 75, 75, 75], text
    backups = tmp_path / "backups"
    assert os.listdir(backups) == [NAME]
    assert f"dump {ends.index(0)}\n" in content(backups / NAME)
    assert (backups / NAME).stat().st_nlink == 1


def test_a_name_that_somebody_else_took_meanwhile_is_left_alone(start: Start, tmp_path: Path) -> None:
    run = start("mine", str(goes_on := tmp_path / "goes on"))
    wait_until((tmp_path / "backups" / f"{NAME}.part").exists)
    (tmp_path / "backups" / NAME).write_text("theirs")
    goes_on.touch()
    _, text = run.communicate(timeout=20)
    assert (run.returncode, text) == (68, f"{NAME} is already there\n".encode())
    assert (tmp_path / "backups" / NAME).read_text() == "theirs"
    assert os.listdir(tmp_path / "backups") == [NAME]


def test_where_there_are_no_hard_links_a_dump_gets_its_name_and_takes_none(start: Start, tmp_path: Path) -> None:
    ln = tmp_path / "bin" / "ln"
    ln.write_text("#!/bin/sh\nexit 1\n")
    ln.chmod(0o755)
    run = start("mine")
    assert (run.wait(timeout=20), os.listdir(tmp_path / "backups")) == (0, [NAME])
    assert "mine" in content(tmp_path / "backups" / NAME)
    run = start("mine", str(goes_on := tmp_path / "goes on"), other := NAME.replace("00.sql", "01.sql"))
    wait_until((tmp_path / "backups" / f"{other}.part").exists)
    (tmp_path / "backups" / other).write_text("theirs")
    goes_on.touch()
    assert (run.wait(timeout=20), (tmp_path / "backups" / other).read_text()) == (68, "theirs")


@pytest.mark.parametrize("odd", ["fifo", "folder", "dangling", "link to a fifo"])
@pytest.mark.parametrize("taken", [NAME, f"{NAME}.part"])
def test_a_name_that_no_regular_file_has_is_refused_at_once(start: Start, tmp_path: Path, odd: str, taken: str) -> None:
    path = tmp_path / "backups" / taken
    os.mkfifo(tmp_path / "fifo")
    make: dict[str, Callable[[], object]] = {
        "fifo": lambda: os.mkfifo(path),
        "folder": path.mkdir,
        "dangling": lambda: path.symlink_to("nowhere"),
        "link to a fifo": lambda: path.symlink_to(tmp_path / "fifo"),
    }
    make[odd]()
    run = start("mine")
    try:
        _, text = run.communicate(timeout=20)
    finally:
        run.kill()
    assert run.returncode == 75, text
    assert text.decode().startswith(f"{taken} is ")
    assert os.listdir(tmp_path / "backups") == [taken]


def make_older(path: Path, seconds: float) -> Path:
    path.write_bytes(b"x")
    os.utime(path, (time.time() - seconds, time.time() - seconds))
    return path


def test_the_part_of_a_dump_whose_node_died_is_taken_away_and_nothing_else(start: Start, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    dead = make_older(backups / "backup_2026_11_29T00_00_39.sql.gz.part", 7200)
    kept = [
        make_older(backups / "backup_2026_11_29T11_59_39.sql.gz.part", 300),
        make_older(backups / "backup_2026_11_29T00_00_39.sql.gz", 7200),
        make_older(backups / "other.sql.gz.part", 7200),
        make_older(backups / "backup_2026_11_29T00_00_39.sql.gz.part.old", 7200),
    ]
    linked = backups / "backup_2026_11_28T00_00_39.sql.gz.part"
    linked.symlink_to(make_older(tmp_path / "elsewhere", 7200))
    with make_older(backups / "backup_2026_11_29T00_00_40.sql.gz.part", 7200).open("ab") as being_written:
        assert start("mine").wait(timeout=20) == 0
        assert Path(being_written.name).exists()
    assert not dead.exists()
    assert [path for path in (*kept, linked) if not path.exists()] == []
    assert (tmp_path / "elsewhere").exists()


def test_a_dump_that_is_killed_leaves_nothing(start: Start, tmp_path: Path) -> None:
    run = start("mine", str(goes_on := tmp_path / "goes on"))
    wait_until((tmp_path / "backups" / f"{NAME}.part").exists)
    run.terminate()
    goes_on.touch()
    assert run.wait(timeout=20) == 71
    assert os.listdir(tmp_path / "backups") == []


def test_until_then_what_is_left_is_told_by_the_audit_and_in_the_list() -> None:
    hours = replace(dump_file(NOW), name=dump_name(NOW) + ".part", mtime=NOW.timestamp() - 7200, size=5 * 2**20)
    young = replace(hours, name=dump_name(NOW - timedelta(minutes=1)) + ".part", mtime=NOW.timestamp() - 60)
    stranger = replace(hours, name="other.part")
    fleet = backup_fleet([*twice_a_day(9), hours, young, stranger])
    [warning] = verdict_of("backups.are_complete", fleet).warnings
    assert (warning.about, warning.severity) == (hours.name, "warning")
    assert "5 MiB" in warning.saw
    [line] = part_lines(unfinished_dumps(catalog_of_files([hours, young, stranger]), make_policy(), NOW))
    assert line.text.startswith(f"{hours.name}  5 MiB  a dump that never came to its end")
