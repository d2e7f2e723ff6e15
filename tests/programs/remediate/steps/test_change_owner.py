"""Giving files to a user and taking all of it back. Owners can only be changed by root: elsewhere this is skipped."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.script_files import load_script
from remediate.lock import Locks
from remediate.steps import AlreadyBack, ChangeOwner, Lost, Stale, StepFailed, TakeBackOwner, dump, load
from tests.helpers.local_nodes import step_context
from tests.programs.transport.test_shell_functions import flipping

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may change owners")
LINK = LocalLink()
UID, GID = 54321, 54322


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Files of root, of somebody else, of the user already, a link out of the volume, and odd names."""
    volume = tmp_path / "volumes" / "media" / "_data"
    (volume / "scores").mkdir(parents=True)
    for name in ("scores/plain", "scores/with space", "scores/new\nline", "-rf"):
        (volume / name).write_text("x")
        (volume / name).chmod(0o600)
    os.chown(volume / "scores/plain", 33, 44)
    (volume / "mine").touch()
    os.chown(volume / "mine", UID, 7)
    (tmp_path / "outside").touch()
    (volume / "link").symlink_to(tmp_path / "outside")
    return volume


def owners_of(folder: Path) -> dict[str, tuple[int, int]]:
    match = [folder, *folder.rglob("*")]
    return {str(item.relative_to(folder)): (item.lstat().st_uid, item.lstat().st_gid) for item in match}


def give(volume: Path) -> ChangeOwner:
    return ChangeOwner("a", str(volume), UID, GID)


def test_what_the_user_could_not_use_becomes_the_user_s_and_nothing_else(volume: Path, tmp_path: Path) -> None:
    before = owners_of(volume)
    step = give(volume)
    step.still_true(LINK, step_context(tmp_path))
    assert step.do(LINK, step_context(tmp_path)).said == "6 files given"
    after = owners_of(volume)
    assert {name for name in after if after[name] == (UID, GID)} == set(before) - {"mine", "link"}
    assert (after["mine"], after["link"]) == (before["mine"], before["link"])
    assert (tmp_path / "outside").stat().st_uid == 0


def test_the_way_back_restores_every_owner(volume: Path, tmp_path: Path) -> None:
    before = owners_of(volume)
    back = give(volume).inverse(LINK, step_context(tmp_path))
    give(volume).do(LINK, step_context(tmp_path))
    assert back.do(LINK, step_context(tmp_path, number=2)).said == "6 files given back"
    assert owners_of(volume) == before


def test_the_way_back_survives_the_journal(volume: Path, tmp_path: Path) -> None:
    back = give(volume).inverse(LINK, step_context(tmp_path))
    assert load(dump(back)) == back
    assert load(dump(give(volume))) == give(volume)


def test_the_way_back_leaves_alone_what_somebody_else_has_taken_since(volume: Path, tmp_path: Path) -> None:
    back = give(volume).inverse(LINK, step_context(tmp_path))
    give(volume).do(LINK, step_context(tmp_path))
    os.chown(volume / "-rf", 12, 12)
    (volume / "scores/plain").unlink()
    assert back.do(LINK, step_context(tmp_path, number=2)).said == "4 files given back"
    assert owners_of(volume)["-rf"] == (12, 12)


def test_many_files_are_given_and_given_back(volume: Path, tmp_path: Path) -> None:
    """More than one command line holds: the way back must keep names and owners together."""
    for number in range(560):
        path = volume / ("x" * 240 + str(number))
        path.touch(mode=0o600)
        os.chown(path, number, number)
    before = owners_of(volume)
    back = give(volume).inverse(LINK, step_context(tmp_path))
    give(volume).do(LINK, step_context(tmp_path))
    back.do(LINK, step_context(tmp_path, number=2))
    assert owners_of(volume) == before


def test_case_48_the_same_step_twice_changes_nothing_more(volume: Path, tmp_path: Path) -> None:
    give(volume).do(LINK, step_context(tmp_path))
    assert give(volume).do(LINK, step_context(tmp_path, number=2)).said == "0 files given"


def test_before_anything_was_given_away_there_is_nothing_to_take_back(volume: Path, tmp_path: Path) -> None:
    with pytest.raises(AlreadyBack):
        give(volume).inverse(LINK, step_context(tmp_path)).do(LINK, step_context(tmp_path, number=2))


def test_a_file_whose_mode_keeps_even_its_owner_out_fails_the_step_and_can_be_taken_back(
    volume: Path, tmp_path: Path
) -> None:
    (volume / "-rf").chmod(0o400)
    before = owners_of(volume)
    with pytest.raises(StepFailed, match="keeps even the owner out") as why:
        give(volume).do(LINK, step_context(tmp_path))
    assert why.value.changed
    TakeBackOwner("a", str(volume), UID, GID, step_context(tmp_path).directory).do(
        LINK, step_context(tmp_path, number=2)
    )
    assert owners_of(volume) == before


def test_old_owners_that_cannot_be_kept_change_nothing(volume: Path, tmp_path: Path) -> None:
    before = owners_of(volume)
    (tmp_path / "kept").write_text("not a directory")
    with pytest.raises(StepFailed, match="nothing was changed") as why:
        give(volume).do(LINK, step_context(tmp_path))
    assert not why.value.changed
    assert owners_of(volume) == before


def test_a_directory_that_became_a_link_is_not_entered(volume: Path, tmp_path: Path) -> None:
    moved = volume.rename(tmp_path / "moved")
    volume.symlink_to(moved)
    with pytest.raises(Stale):
        give(volume).still_true(LINK, step_context(tmp_path))
    with pytest.raises(Stale):
        give(volume).do(LINK, step_context(tmp_path))


def test_case_40_a_folder_that_became_a_link_leads_nobody_out_of_the_volume(volume: Path, tmp_path: Path) -> None:
    """What runs in the container owns the folder by then, and may wait for root to follow it."""
    back = give(volume).inverse(LINK, step_context(tmp_path))
    give(volume).do(LINK, step_context(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    victim = tmp_path / "elsewhere" / "plain"
    victim.touch()
    os.chown(victim, UID, GID)
    (volume / "scores").rename(volume / "moved")
    (volume / "scores").symlink_to(tmp_path / "elsewhere")
    back.do(LINK, step_context(tmp_path, number=2))
    assert (victim.stat().st_uid, victim.stat().st_gid) == (UID, GID)


@pytest.mark.skipif(not shutil.which("busybox"), reason="there is no BusyBox to try it with")
def test_case_84_it_works_with_the_tools_of_busybox_too(volume: Path, tmp_path: Path) -> None:
    """BusyBox' find has no -execdir: the slow way does the same."""
    before = owners_of(volume)
    for name in ("find", "xargs", "sh", "stat", "tr", "wc", "mkdir", "rm", "sync", "head", "chown", "true"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(str(shutil.which("busybox")))
    kept = tmp_path / "kept"
    script = load_script("remediate/steps/scripts/give_files.sh").replace(
        "PATH=/usr/local/sbin", f"PATH={tmp_path}/bin:/usr/local/sbin"
    )
    words = (
        "busybox",
        "sh",
        "-c",
        script,
        "sh",
        str(volume),
        str(UID),
        str(GID),
        str(kept),
        load_script("remediate/steps/scripts/within.sh"),
    )
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout == "6\n"
    assert owners_of(volume)["scores/new\nline"] == (UID, GID)
    back = (
        "busybox",
        "sh",
        "-c",
        load_script("remediate/steps/scripts/take_back_files.sh"),
        "sh",
        str(volume),
        f"{UID}:{GID}",
        str(kept),
        load_script("remediate/steps/scripts/within.sh"),
    )
    assert subprocess.run(back, capture_output=True, text=True, check=True).stdout.strip() == "6"
    assert owners_of(volume) == before


def busybox(tmp_path: Path) -> str:
    """A folder with BusyBox' tools alone, to stand first on a PATH."""
    (tmp_path / "bin").mkdir(exist_ok=True)
    for name in ("find", "xargs", "sh", "stat", "tr", "wc", "mkdir", "rm", "sync", "head", "chown", "true"):
        (tmp_path / "bin" / name).symlink_to(str(shutil.which("busybox")))
    return f"{tmp_path}/bin"


@pytest.mark.parametrize("tools", ["the system's", "BusyBox'"])
def test_a_folder_that_is_swapped_for_a_link_all_the_time_changes_no_owner_outside(
    volume: Path, tmp_path: Path, tools: str
) -> None:
    if tools == "BusyBox'" and not shutil.which("busybox"):
        pytest.skip("there is no BusyBox to try it with")
    script = load_script("remediate/steps/scripts/give_files.sh")
    if tools == "BusyBox'":
        script = load_script("remediate/steps/scripts/give_files.sh").replace(
            "PATH=/usr/local/sbin", f"PATH={busybox(tmp_path)}:/usr/local/sbin"
        )
    node = tmp_path / "node"
    node.mkdir()
    for name in ("plain", "with space", "secret"):
        (node / name).touch(mode=0o600)
        os.chown(node / name, 4711, 4711)
    (volume / "trap").symlink_to(node)
    kept = tmp_path / "kept"
    words = (
        "sh",
        "-c",
        script,
        "sh",
        str(volume),
        str(UID),
        str(GID),
        str(kept),
        load_script("remediate/steps/scripts/within.sh"),
    )
    with flipping(volume / "scores", volume / "trap"):
        for _ in range(8):
            subprocess.run(words, capture_output=True, check=False)
    assert {owner for name, owner in owners_of(node).items() if name != "."} == {(4711, 4711)}
    assert "4711:4711" not in (kept / "owners").read_text()


@pytest.mark.parametrize("directory", ["/", "/etc", "/var/lib", "relative/x/y", "/var/lib/../x/y"])
def test_a_directory_of_the_system_is_refused(directory: str) -> None:
    with pytest.raises(ValueError, match="not"):
        ChangeOwner("a", directory, UID, GID)


def test_what_is_kept_is_for_root_only(volume: Path, tmp_path: Path) -> None:
    give(volume).do(LINK, step_context(tmp_path))
    assert Path(step_context(tmp_path).directory).stat().st_mode & 0o077 == 0


def test_no_owner_is_changed_there_or_back_once_the_lock_is_not_ours(volume: Path, tmp_path: Path) -> None:
    """Said by the node itself: the lock's file is somebody else's."""
    step, here = give(volume), step_context(tmp_path)
    before = owners_of(volume)
    Path(here.lock).write_text(f"{os.getpid()} 1 somebody else\n")
    with pytest.raises(Lost, match="not ours any more"):
        step.do(LINK, replace(here, token="us"))
    assert owners_of(volume) == before
    step.do(LINK, here)
    given = owners_of(volume)
    with pytest.raises(Lost, match="not ours any more"):
        step.inverse(LINK, here).do(LINK, replace(here, token="us"))
    assert owners_of(volume) == given


def test_while_the_lock_is_ours_owners_are_changed_there_and_back(volume: Path, tmp_path: Path) -> None:
    step, before = give(volume), owners_of(volume)
    with Locks(lambda node: LINK, "one", step_context(tmp_path).lock, beat=60) as locks:
        locks.take([step.node])
        here = locks.guarding(step_context(tmp_path))
        step.do(LINK, here)
        assert owners_of(volume) != before
        step.inverse(LINK, here).do(LINK, here)
    assert owners_of(volume) == before
