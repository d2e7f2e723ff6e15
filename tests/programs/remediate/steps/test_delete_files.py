"""Deleting exactly the files that were seen, and no others."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.script_files import load_script
from remediate.lock import Locks
from remediate.steps import DeleteFiles, Identified, Lost, Stale
from tests.helpers.local_nodes import FaultyLink, step_context
from tests.helpers.waiting import has_ended, wait_until

LINK = LocalLink()
NAMES = ("a.gz", "b c.gz", "c.gz")


def facts_seen(path: Path, note: str = "") -> Identified:
    stat = path.stat()
    return Identified(path.name, stat.st_ino, stat.st_size, int(stat.st_mtime), note)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dumps"
    folder.mkdir()
    for number, name in enumerate((*NAMES, "newest.gz")):
        (folder / name).write_bytes(b"x" * (number + 1))
    return folder


def deletion_step(folder: Path, names: tuple[str, ...] = NAMES) -> DeleteFiles:
    return DeleteFiles(
        "a", str(folder), tuple(facts_seen(folder / name) for name in names), (facts_seen(folder / "newest.gz"),)
    )


def left_behind(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_the_files_go_and_the_survivors_stay(folder: Path, tmp_path: Path) -> None:
    step = deletion_step(folder)
    step.still_true(LINK, step_context(tmp_path))
    assert step.do(LINK, step_context(tmp_path)).said == "3 files deleted"
    assert left_behind(folder) == ["newest.gz"]


def test_case_48_the_same_deletion_twice_deletes_nothing_more(folder: Path, tmp_path: Path) -> None:
    step = deletion_step(folder)
    step.do(LINK, step_context(tmp_path))
    assert step.do(LINK, step_context(tmp_path)).said == "0 files deleted"


def test_case_46_a_file_replaced_after_the_plan_is_skipped_and_said(folder: Path, tmp_path: Path) -> None:
    step = deletion_step(folder)
    (folder / "new").write_bytes(b"another dump")
    (folder / "new").rename(folder / "b c.gz")
    assert "1 skipped" in step.do(LINK, step_context(tmp_path)).said
    assert left_behind(folder) == ["b c.gz", "newest.gz"]


@pytest.mark.parametrize("change", ["grown", "touched", "linked", "symlink", "folder", "fifo"])
def test_case_40_what_is_not_the_very_file_that_was_seen_stays(folder: Path, tmp_path: Path, change: str) -> None:
    step = deletion_step(folder, ("a.gz",))
    path = folder / "a.gz"
    if change == "grown":
        path.write_bytes(b"more than before")
    elif change == "touched":
        os.utime(path, (0, 0))
    elif change == "linked":
        os.link(path, folder / "second-name")
    else:
        path.unlink()
        {"symlink": lambda: path.symlink_to("newest.gz"), "folder": path.mkdir, "fifo": lambda: os.mkfifo(path)}[
            change
        ]()
    assert "1 skipped" in step.do(LINK, step_context(tmp_path)).said
    assert path.exists()
    assert (folder / "newest.gz").exists()


@pytest.mark.parametrize("change", ["gone", "replaced"])
def test_nothing_is_deleted_once_a_survivor_is_not_as_it_was(folder: Path, tmp_path: Path, change: str) -> None:
    step = deletion_step(folder)
    (folder / "newest.gz").unlink()
    if change == "replaced":
        (folder / "newest.gz").write_bytes(b"")
    before = left_behind(folder)
    for act in (step.still_true, step.do):
        with pytest.raises(Stale, match="must stay"):
            act(LINK, step_context(tmp_path))
    assert left_behind(folder) == before


def test_a_folder_reached_through_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)
    step = replace(deletion_step(folder), directory=str(tmp_path / "link"))
    with pytest.raises(Stale, match="through a link"):
        step.do(LINK, step_context(tmp_path))
    assert len(left_behind(folder)) == 4


@pytest.mark.parametrize("name", ["../a", "a/b", "-rf", "a\nb", "a\0b", "", ".", ".."])
def test_case_40_an_odd_name_is_never_a_file_to_delete(name: str) -> None:
    with pytest.raises(ValueError, match="plain file name"):
        Identified(name, 1, 1, 1)


def test_a_file_cannot_be_deleted_and_survive(folder: Path) -> None:
    with pytest.raises(ValueError, match="survive"):
        replace(deletion_step(folder), survivors=(facts_seen(folder / "a.gz"),))


def test_case_2_a_name_that_looks_like_a_command_is_only_a_name(folder: Path, tmp_path: Path) -> None:
    name = "$(touch canary); touch canary"
    (folder / name).write_bytes(b"")
    deletion_step(folder, (name,)).do(LINK, step_context(tmp_path))
    assert left_behind(folder) == ["a.gz", "b c.gz", "c.gz", "newest.gz"]


def test_case_47_cut_while_deleting_is_unknown_and_the_second_run_converges(folder: Path, tmp_path: Path) -> None:
    step = deletion_step(folder)
    seconds = iter([False, True])

    class Cutting(FaultyLink):
        def ask(self, commands):
            answers = super().ask(commands)
            return (
                [replace(answer, rc=None, lost="the connection was lost") for answer in answers]
                if next(seconds)
                else answers
            )

    with pytest.raises(Lost):
        step.do(Cutting(), step_context(tmp_path))
    step.do(LINK, step_context(tmp_path))
    assert left_behind(folder) == ["newest.gz"]


def test_two_hundred_and_fifty_files_go_in_batches(folder: Path, tmp_path: Path) -> None:
    names = tuple(f"backup_{number:04}.sql.gz" for number in range(250))
    for name in names:
        (folder / name).write_bytes(b"")
    assert deletion_step(folder, names).do(LINK, step_context(tmp_path)).said == "250 files deleted"


def test_the_plan_lists_every_file_and_what_stays(folder: Path) -> None:
    shown = deletion_step(folder, ("a.gz", "c.gz")).show().split("\n")
    assert shown[0] == f"delete 2 files, 4 B, in {folder} (no way back)"
    assert shown[1:] == ["  - a.gz (1 B)", "  - c.gz (3 B)", "  stays: newest.gz (4 B)"]


# The lock


def many(folder: Path, number: int = 450) -> DeleteFiles:
    names = tuple(f"backup_{item:04}.sql.gz" for item in range(number))
    for name in names:
        (folder / name).write_bytes(b"")
    return deletion_step(folder, names)


@pytest.fixture
def locks(tmp_path: Path) -> Iterator[Locks]:
    with Locks(lambda node: LocalLink(), "one", str(tmp_path / "lock"), beat=60) as held:
        held.take(["a"])
        yield held


def test_while_the_lock_is_ours_all_batches_go_and_each_is_told(folder: Path, tmp_path: Path, locks: Locks) -> None:
    text: list[str] = []
    here = replace(locks.guarding(step_context(tmp_path)), say=text.append)
    assert many(folder).do(LINK, here).said == "450 files deleted"
    assert text[0] == "200 of 450 files looked at, 200 deleted"
    assert left_behind(folder) == ["a.gz", "b c.gz", "c.gz", "newest.gz"]


@pytest.mark.parametrize("believes", [True, False])
@pytest.mark.parametrize("gone", ["taken", "removed", "empty", "a line of the same process", "a folder"])
def test_no_further_batch_goes_once_the_lock_is_not_ours(
    folder: Path, tmp_path: Path, locks: Locks, gone: str, believes: bool
) -> None:
    """Said by the node itself, whether or not our own heartbeat has noticed it."""
    here = (
        replace(locks.guarding(step_context(tmp_path)), confirm=lambda node: None)
        if believes
        else locks.guarding(step_context(tmp_path))
    )
    batches: list[int] = []

    class Losing(FaultyLink):
        def ask(self, commands):
            if "rm -f" in commands[0].words[2]:
                batches.append(1)
                if len(batches) == 2:
                    path = tmp_path / "lock"
                    line = path.read_text()
                    path.unlink()
                    if gone == "a folder":
                        path.mkdir()
                    elif gone != "removed":
                        path.write_text(
                            {"taken": "1 1 somebody else\n", "empty": ""}.get(gone, line.replace("run one", "run two"))
                        )
            return LocalLink().ask(commands)

    with pytest.raises(Lost, match="the lock of a is not ours any more"):
        many(folder).do(Losing(), here)
    assert len(left_behind(folder)) == 254


def test_a_lock_whose_holder_died_is_not_ours_although_its_file_still_says_so(
    folder: Path, tmp_path: Path, locks: Locks
) -> None:
    here = replace(locks.guarding(step_context(tmp_path)), confirm=lambda node: None)
    os.kill(holder := int((tmp_path / "lock").read_text().split()[0]), signal.SIGKILL)
    wait_until(lambda: has_ended(holder))
    with pytest.raises(Lost):
        many(folder, 3).do(LINK, here)
    assert len(left_behind(folder)) == 7


def test_a_lock_that_we_know_to_be_lost_stops_it_before_the_node_is_asked(
    folder: Path, tmp_path: Path, locks: Locks
) -> None:
    locks.held["a"].stream.close()
    with pytest.raises(Lost, match="silent for too long"):
        many(folder, 3).do(LINK, locks.guarding(step_context(tmp_path)))
    assert len(left_behind(folder)) == 7


@pytest.mark.parametrize("shell", ["dash", "busybox", "bash"])
def test_the_lock_is_compared_in_the_same_way_by_every_shell(
    folder: Path, tmp_path: Path, locks: Locks, shell: str
) -> None:
    if not shutil.which(shell):
        pytest.skip(f"no {shell} here")
    step = many(folder, 3)
    words = [word for file in step.files for word in (file.name, file.identity)]
    ours = [str(tmp_path / "lock"), locks.who]
    program = [shell, "sh"] if shell == "busybox" else [shell]
    run = partial(subprocess.run, capture_output=True, text=True, check=False)
    refused = run(
        [
            *program,
            "-c",
            load_script("remediate/steps/scripts/delete_files.sh"),
            "sh",
            ours[0],
            "somebody else",
            str(folder),
            *words,
        ]
    )
    assert (refused.returncode, refused.stdout) == (79, "")
    assert (
        run(
            [*program, "-c", load_script("remediate/steps/scripts/delete_files.sh"), "sh", *ours, str(folder), *words]
        ).stdout.split()
        == ["deleted"] * 3
    )
