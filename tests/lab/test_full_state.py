"""A full disk under journal and state: however far a command came, it says what was changed, and never exits with 2."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab import faults, swarm
from lab.names import BACKUPS, NODES
from tests.lab.aftermath import database_oids, look_at_rest, spec_of, start_until, wait_for_locks, wait_for_rest
from tests.lab.conftest import Lab, Ran
from tests.lab.test_backups import RECORD

pytestmark = pytest.mark.long
PAGE = 4096
ROOM = (64, 84)
"""KiB that are left: with more of them a command comes further before its journal cannot be written."""
SWAP_BEGINS = "2. services.postgres_kept_its_data, step 1/1"
ROOM_FOR_THE_SWAP = (4, 8, 12, 20, 32, 56)
"""KiB that are left when the names of two databases are about to be changed."""
USAGE, REMEDY_FAILED, LOCKED = 2, 3, 5
FIX = ("--fix", "--yes", "--allow", "restart,delete,ownership")


@dataclass(frozen=True)
class Case:
    """A command that changes something, and what has to be broken for it to have something to do."""

    words: tuple[str, ...]
    fault: str = ""
    first: tuple[str, ...] = ()
    """A command that has to be done before, with room enough."""


CASES = {
    "fix a crontab": Case(("remediate", "--hosts=lab", "--only=schedules", *FIX), "cron-missing"),
    "fix a service": Case(("remediate", "--hosts=lab", "--only=containers", *FIX), "root-container"),
    "fix a certificate": Case(("remediate", "--hosts=lab", "--only=certificates", *FIX), "certificate-expiring"),
    "undo": Case(
        ("remediate", "undo", "last", "--yes"), "cron-missing",
        first=("remediate", "--hosts=lab", "--only=schedules", *FIX),
    ),
    "create": Case(("remediate", "backups", "create", "--hosts=lab")),
    "drill": Case(("remediate", "backups", "drill", "--hosts=lab")),
    "accept": Case(("remediate", "backups", "accept", "--hosts=lab", "--yes")),
    "restore": Case(("remediate", "backups", "restore", "--hosts=lab", "--yes-restore=rodan", "NEWEST")),
    "rehearse": Case(("remediate", "certificates", "rehearse", "--hosts=lab", "--yes")),
    "leave": Case(
        ("remediate", "leave", "data", "--hosts=lab", *FIX),
        first=("remediate", "backups", "accept", "--hosts=lab", "--yes"),
    ),
}  # fmt: skip


@contextmanager
def small_disk(lab: Lab, room: int) -> Iterator[Path]:
    """The state of the lab's commands on a disk of its own, which has so many KiB left; what is there stays."""
    state, kept = lab.place / "state", lab.place / "kept"
    replace_folder(kept, state)
    pages = sum(-(-file.stat().st_size // PAGE) for file in kept.rglob("*") if file.is_file())
    size = pages * PAGE + room * 1024
    subprocess.run(("mount", "-t", "tmpfs", "-o", f"size={max(size, PAGE)}", "none", str(state)), check=True)
    try:
        shutil.copytree(kept, state, dirs_exist_ok=True)
        yield state
        replace_folder(kept, state)
    finally:
        subprocess.run(("umount", str(state)), check=True)
    replace_folder(state, kept)


def replace_folder(folder: Path, by: Path) -> None:
    """Make a folder the copy of another; a journal's log of before would be taken for the newer truth."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(by, folder)


def changeable_state(lab: Lab) -> dict[str, str]:
    """All that these commands could change."""
    seen = {f"crontab {node.name}": lab.on(node.name, "sh", "-c", "crontab -l 2>/dev/null || :") for node in NODES}
    seen["dumps"] = lab.on("data", "ls", "-A", BACKUPS)
    seen["record"] = lab.on("data", "sh", "-c", f"cat {RECORD} 2>/dev/null || :")
    seen["kept"] = lab.on("vgpu", "sh", "-c", "find /var/lib/fleetkeeper 2>/dev/null || :")
    seen["certificates"] = lab.on(
        "manager", "sh", "-c", "find /etc/letsencrypt -type f ! -name '*.log' -exec sha256sum {} + 2>/dev/null || :"
    )
    seen["service"] = json.dumps(spec_of(lab), sort_keys=True)
    seen["databases"] = str(database_oids(lab))
    return seen


def mend_all(lab: Lab, before: set[str]) -> None:
    """What a command has made is taken away."""
    for name in reversed(faults.broken()):
        faults.mend(lab.engine, name)
    for name in set(lab.on("data", "ls", "-A", BACKUPS).split()) - before:
        lab.on("data", "rm", f"{BACKUPS}/{name}")
    lab.on("data", "rm", "-f", RECORD)
    _, container = swarm.home_of_service(lab.engine, "postgres")
    for name in [name for name in database_oids(lab) if "rodan_" in name]:
        sql = f'DROP DATABASE "{name}"'
        lab.on("vgpu", "docker", "exec", container, "psql", "-U", "rodan", "-d", "postgres", "-c", sql)


@pytest.mark.parametrize("room", ROOM)
@pytest.mark.parametrize("name", CASES)
def test_a_full_disk_under_the_state_never_hides_a_change(broken: Callable[..., Lab], name: str, room: int) -> None:
    case = CASES[name]
    lab = broken(*([case.fault] if case.fault else []))
    dumps = set(lab.on("data", "ls", "-A", BACKUPS).split())
    aftermath = look_at_rest(lab)
    try:
        lab.remediate()
        if case.first:
            assert lab.run(*case.first).status == 0
        words = [word if word != "NEWEST" else max(dumps) for word in case.words]
        before = changeable_state(lab)
        with small_disk(lab, room):
            ran = lab.run(*words)
        wait_for_locks(lab)
        changed = sorted(key for key, value in changeable_state(lab).items() if value != before[key])
        assert_told(ran, changed)
        if changed and ran.status == REMEDY_FAILED and name != "undo":  # one that is done leaves nothing to tell
            next_look = lab.remediate("--only=schedules")
            assert "never came to its end" in next_look.err, next_look.said
    finally:
        mend_all(lab, dumps)
    swarm.wait_for_services(lab.engine)
    wait_for_rest(lab, aftermath)


def leave_room(disk: Path, kibibytes: int) -> Path:
    """Fill a disk until so much of it is left, and return the file that fills it."""
    size, fill = os.statvfs(disk), disk / "fill"
    fill.write_bytes(bytes(max(0, size.f_bavail * size.f_bsize - kibibytes * 1024)))
    return fill


def test_a_disk_that_fills_while_a_restore_changes_the_names_hides_nothing_and_undo_brings_the_old_back(
    lab: Lab,
) -> None:
    """More room each time, so that the journal ends before, in and after the change of names."""
    dumps, aftermath, cut = set(lab.on("data", "ls", "-A", BACKUPS).split()), look_at_rest(lab), []
    lab.remediate()
    for room in ROOM_FOR_THE_SWAP:
        before, live = changeable_state(lab), database_oids(lab)["rodan"]
        words = ("remediate", "backups", "restore", "--hosts=lab", "--yes-restore=rodan", max(dumps))
        try:
            with small_disk(lab, 1024) as disk, start_until(lab, *words, until=SWAP_BEGINS) as restore:
                fill = leave_room(disk, room)
                status = restore.end()
                fill.unlink()
            ran = Ran(status, "", restore.said)
            wait_for_locks(lab)
            assert_told(ran, sorted(key for key, value in changeable_state(lab).items() if value != before[key]))
            if swapped := database_oids(lab)["rodan"] != live:
                assert "The old one is rodan_before_" in ran.said, ran.said
            if status == REMEDY_FAILED:
                cut.append(swapped)
                undone = lab.run("remediate", "undo", "last", "--yes")
                assert (undone.status, database_oids(lab)["rodan"]) == (0, live), ran.said + undone.said
        finally:
            if database_oids(lab)["rodan"] != live:
                lab.run("remediate", "undo", "last", "--yes")
            mend_all(lab, dumps)
    assert True in cut, "no room ended the journal in the change of names: choose others"
    wait_for_rest(lab, aftermath)


def assert_told(ran: Ran, changed: list[str]) -> None:
    """Never silence, never 2 or 5 after a change, never "nothing was changed" when something was."""
    assert ran.said.strip()
    if changed:
        assert ran.status not in {USAGE, LOCKED}, changed
        assert "nothing was changed" not in ran.said, changed
    if ran.status not in {0, 1}:
        assert "error" in ran.err
    if ran.status == USAGE:
        assert "nothing was changed" in ran.said or "must be writable" in ran.said
