"""After a crash everything is told, finished or taken back: services whose change was killed, files, disks, clocks."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lab import nodes, swarm
from lab.faults.machines import KILL
from lab.names import BACKUPS, DATA, MANAGER, VGPU
from lab.shell import wait_until
from remediate.journal import Journal
from tests.lab.aftermath import look_at_rest, start_until, update_settings, wait_for_locks, wait_for_rest
from tests.lab.conftest import ROOT, Lab, portable_inventory, rules_ending_so
from tests.lab.test_trouble import dropped_packets

pytestmark = pytest.mark.long
RULE = "containers.run_as_their_own_user"
SETTINGS = "services.have_their_own_settings"
FIX = ("--hosts=lab", f"--only={RULE}", "--fix", "--yes", "--allow", "restart")
ALL = ("--fix", "--yes", "--allow", "restart,delete,ownership")
RESTART = "restart the service rodan_rodan-main"
OWN = {"Order": "start-first", "FailureAction": "rollback", "Parallelism": 1}
NEWER = {"Order": "start-first", "FailureAction": "continue", "Parallelism": 3}


def set_own(lab: Lab, own: dict[str, object], *more: str) -> None:
    """The owner's own update settings, as a person sets them."""
    swarm.update_service(
        lab.engine, "rodan-main", "--update-order", str(own["Order"]), "--update-failure-action",
        str(own["FailureAction"]), "--update-parallelism", str(own["Parallelism"]), *more,
    )  # fmt: skip


@pytest.fixture
def careless(broken) -> Iterator[Lab]:
    """The lab with its web application as root, under update settings of its owner's own."""
    lab = broken("root-container")
    before = look_at_rest(lab)
    set_own(lab, OWN)
    yield lab
    wait_for_locks(lab)
    set_own(
        lab,
        {"Order": "stop-first", "FailureAction": "pause", "Parallelism": 1},
        "--label-rm",
        "fleetkeeper.update-config",
    )
    swarm.wait_for_services(lab.engine)
    wait_for_rest(lab, before)


def own_settings(lab: Lab) -> dict[str, object]:
    """The update settings that are in force, as far as the owner has set them."""
    return {key: value for key, value in update_settings(lab)[1].items() if key in OWN}


def killed_in_its_watch(lab: Lab, after: float) -> None:
    with start_until(lab, "remediate", *FIX, until=RESTART) as begun:
        wait_until(lambda: update_settings(lab)[0] == "django", "the new user to be written", limit=60, every=0.2)
        time.sleep(after)
        begun.kill()
    wait_for_locks(lab)


@pytest.mark.parametrize("after", [0.0, 8.0])
def test_a_service_that_a_kill_has_left_with_our_settings_is_told_found_and_finished(
    careless: Lab, after: float
) -> None:
    killed_in_its_watch(careless, after)
    assert update_settings(careless)[1:] == (
        {**update_settings(careless)[1], "Order": "stop-first", "FailureAction": "pause"},
        True,
    )
    audit = careless.audit("checks/test_services.py", "checks/test_containers.py")
    assert SETTINGS in rules_ending_so(audit, "finding")
    text = careless.remediate("--only=schedules")
    assert "never came to its end" in text.said
    assert "has fleetkeeper's update settings" in text.said
    assert "nothing to do" not in text.said or "has fleetkeeper's update settings" in text.said
    again = careless.run("remediate", *FIX)
    assert again.status == 0, again.said
    assert "fixed" in again.said
    assert (update_settings(careless)[0], own_settings(careless), update_settings(careless)[2]) == (
        "django",
        OWN,
        False,
    )
    assert rules_ending_so(careless.audit(), "finding", "unknown") == set()
    assert "nothing to do" in careless.run("remediate", *FIX).said


def killed_undo(lab: Lab, run: str, after: float) -> None:
    """An undo that is killed some seconds after the old user was written, or after it began where it was before."""
    with start_until(lab, "remediate", "undo", run, "--yes", until="", state="state") as begun:
        wait_until(lambda: update_settings(lab)[0] == "root", "the old user to be written", limit=60, every=0.2)
        time.sleep(after)
        begun.kill()
    wait_for_locks(lab)


def test_an_undo_that_is_killed_twice_is_finished_by_the_third(careless: Lab) -> None:
    done = careless.run("remediate", *FIX)
    assert done.status == 0, done.said
    run = run_of(done.said)
    killed_undo(careless, run, 0.5)
    assert update_settings(careless)[2]
    killed_undo(careless, run, 6.0)
    last = careless.run("remediate", "undo", run, "--yes")
    assert last.status == 0, last.said
    assert "nothing to undo" not in last.said
    assert (update_settings(careless)[0], own_settings(careless), update_settings(careless)[2]) == ("root", OWN, False)
    assert "never came to its end" not in careless.remediate().said


def run_of(text: str) -> str:
    match = re.search(r"remediate undo (\S+?)`", text)
    assert match, text
    return match[1]


def update_state(lab: Lab) -> str:
    """How far the swarm is with its update of the web application."""
    return swarm.inspect_service(lab.engine, "rodan_rodan-main", swarm.STATE)


def running_containers(lab: Lab) -> int:
    """How many containers of the web application run."""
    return len(swarm.service_containers(lab.engine, DATA, "rodan-main"))


class Crowd:
    """How many containers of the web application run at once, looked at all the time."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.most, self.over = lab, 0, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self) -> None:
        while not self.over.wait(0.2):
            self.most = max(self.most, running_containers(self.lab))

    def end(self) -> int:
        self.over.set()
        self.thread.join(30)
        return self.most


def test_a_stale_label_never_makes_it_start_first_and_never_wins_over_newer_settings(careless: Lab) -> None:
    killed_in_its_watch(careless, 0.0)
    wait_until(lambda: update_state(careless) == "completed", "the swarm to end what it was told", limit=90, every=0.5)
    set_own(careless, NEWER)
    set_own(careless, NEWER, "--user", "root")
    wait_until(lambda: running_containers(careless) == 1, "the old one to be gone", limit=60, every=0.5)
    crowd = Crowd(careless)
    done = careless.run("remediate", *FIX)
    assert done.status == 0, done.said
    assert crowd.end() == 1
    assert (update_settings(careless)[0], own_settings(careless), update_settings(careless)[2]) == (
        "django",
        NEWER,
        False,
    )


def test_the_managers_engine_killed_during_the_update_the_settings_come_back_all_the_same(careless: Lab) -> None:
    with start_until(careless, "remediate", *FIX, until=RESTART) as begun:
        wait_until(lambda: update_settings(careless)[0] == "django", "the new user to be written", limit=60, every=0.2)
        careless.on("manager", "sh", "-c", KILL)
        time.sleep(5)
        careless.on("manager", "lab-engine")
        wait_until(lambda: nodes.is_awake(careless.engine, MANAGER), "the Docker engine of manager", limit=90)
        code = begun.end()
    swarm.wait_for_services(careless.engine)
    assert code in {0, 3, 4}, begun.said
    assert code == 0 or "engine" in begun.said
    again = careless.run("remediate", *FIX)
    assert again.status == 0, begun.said + again.said
    assert (update_settings(careless)[0], own_settings(careless), update_settings(careless)[2]) == (
        "django",
        OWN,
        False,
    )
    assert rules_ending_so(careless.audit(), "finding", "unknown") == set()


@pytest.fixture
def whole(broken) -> Iterator[Callable[..., Lab]]:
    """Break the lab by name; what a killed run could leave is afterwards what it was."""
    lab = broken()
    before = look_at_rest(lab)
    yield broken
    wait_for_rest(lab, before)


def dump_processes(lab: Lab) -> int:
    return int(lab.on("data", "sh", "-c", f"ls {BACKUPS} | wc -l"))


def test_a_deletion_whose_lock_is_gone_deletes_nothing_more_and_says_a_word_meanwhile(whole) -> None:
    lab = whole("volume-over-budget")
    fix = ("remediate", "--hosts=lab", "--only=backups.are_thinned", "--fix", "--yes", "--allow", "delete")
    at_first = dump_processes(lab)
    with start_until(lab, *fix, until="backups.are_thinned, step", state="first") as begun:
        wait_until(lambda: dump_processes(lab) < at_first, "the first file to go", limit=60, every=0.05)
        with dropped_packets(lab, "data"):
            cut = time.monotonic()
            left_then = dump_processes(lab)
            while lab.on("data", "sh", "-c", "cat /run/fleetkeeper.lock 2>/dev/null || :"):
                assert time.monotonic() - cut < 60
                time.sleep(1)
            assert dump_processes(lab) >= left_then - 200, "no further batch"
            second = lab.run(*fix)
            assert second.status == 0, second.said
            time.sleep(max(0.0, 75 - (time.monotonic() - cut)))
        code = begun.end()
    assert "no answer from data for" in begun.said, begun.said
    assert "not ours" in begun.said or "connection" in begun.said, begun.said
    assert code in {0, 3, 4}, begun.said
    assert rules_ending_so(lab.audit(), "finding", "unknown") == set()


LOCKED = "BEGIN; LOCK TABLE auth_user IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(300)"


def test_a_node_that_is_switched_off_in_mid_dump_leaves_a_part_that_the_next_run_takes_away(whole) -> None:
    lab = whole("backup-stale")
    words = ("psql", "-U", "rodan", "-d", "rodan", "-c", LOCKED)
    _, container = swarm.home_of_service(lab.engine, "postgres")
    lab.on("vgpu", "docker", "exec", "-d", container, *words)
    with start_until(lab, "remediate", "--hosts=lab", *ALL, until="backups.are_fresh, step") as begun:
        wait_until(lambda: part_files(lab), "the dump to begin", limit=60, every=0.1)
        lab.engine.ask("kill", VGPU.container)
        lab.engine.ask("start", VGPU.container)
        code = begun.end()
    wait_until(lambda: nodes.is_awake(lab.engine, VGPU), "vgpu", limit=90)
    swarm.wait_for_services(lab.engine)
    assert code in {3, 4}, begun.said
    lab.on("data", "touch", "-d", "2 hours ago", part_files(lab))  # an hour is what a dump may wait for a lock
    again = until_fixed(lab)
    assert part_files(lab) == "", again


def part_files(lab: Lab) -> str:
    return lab.on("data", "find", BACKUPS, "-name", "*.part*").strip()


def until_fixed(lab: Lab) -> str:
    """Fix until it is whole; what the last run said."""
    end = time.monotonic() + 120
    while (again := lab.remediate(*ALL)).status != 0 and time.monotonic() < end:
        time.sleep(5)
    assert again.status == 0, again.said
    assert rules_ending_so(lab.audit(), "finding", "unknown") == set()
    return again.said


def test_a_full_disk_under_what_is_kept_on_the_node_changes_nothing(whole) -> None:
    lab = whole("cron-missing")
    before = lab.on("vgpu", "crontab", "-l")
    kept = "/var/lib/fleetkeeper"
    fill = "mkdir -p $1; mount -t tmpfs -o size=4k none $1 && head -c 9999 /dev/zero >$1/full 2>/dev/null || :"
    lab.on("vgpu", "sh", "-c", fill, "sh", kept)
    try:
        refused = lab.remediate("--only=schedules", *ALL)
        assert refused.status == 3, refused.said
        assert "nothing was changed" in refused.said
        assert lab.on("vgpu", "crontab", "-l") == before
    finally:
        lab.on("vgpu", "umount", kept)
    until_fixed(lab)


SMALL = r"""
size=$(($(du -sm "$1" | cut -f 1) * 2 + 16))
mkdir -p /srv/small && mount -t tmpfs -o "size=${size}m" none /srv/small && cp -a "$1/." /srv/small/ || exit
cat /dev/zero >/srv/small/notes.txt 2>/dev/null
mount --bind /srv/small "$1"
"""
"""A disk of its own for the backups of $1, full to the last byte; last of all it is put over the real one."""
AWAY = """
while [ "$(stat -c %d "$1")" = "$(stat -c %d /srv/small)" ]; do umount "$1" || exit; done
umount /srv/small; rmdir /srv/small
"""


def test_case_49_on_a_disk_that_is_full_to_the_last_byte_the_backups_are_thinned_all_the_same(whole) -> None:
    """A disk of its own on `data` holds the backups for as long as this takes."""
    lab = whole("volume-over-budget")
    real = dump_processes(lab)
    try:
        lab.on("data", "sh", "-c", SMALL, "sh", BACKUPS)
        assert lab.on("data", "sh", "-c", f"df --output=avail {BACKUPS} | tail -n 1").strip() == "0"
        at_first = dump_processes(lab)
        for _ in range(4):  # a slow machine does not stream all of them in one look: what is not known yet stays
            before = dump_processes(lab)
            done = lab.remediate("--only=backups.are_thinned", *ALL)
            assert dump_processes(lab) < before or done.status == 0, done.said
            if done.status == 0:
                break
        assert done.status == 0, done.said
        assert dump_processes(lab) < at_first - 500
    finally:
        lab.on("data", "sh", "-c", AWAY, "sh", BACKUPS)
    assert dump_processes(lab) == real


def test_a_disk_that_fills_in_mid_dump_leaves_no_part_and_no_name(whole, tmp_path: Path) -> None:
    lab = whole()
    own = portable_inventory()
    small = tmp_path / "small.yml"
    small.write_text(own.replace("budget: 16 MiB}", "budget: 16 MiB, free: 1 B}"))
    _, container = swarm.home_of_service(lab.engine, "postgres")
    pid = lab.on("vgpu", "docker", "inspect", "--format", "{{.State.Pid}}", container).strip()
    inside = ("nsenter", "-t", pid, "-m")
    before = dump_processes(lab)
    lab.on("vgpu", *inside, "mount", "-t", "tmpfs", "-o", "size=12k,mode=1777", "none", "/backups")
    try:
        made = lab.run("remediate", "backups", "create", f"--hosts={small}")
        present = lab.on("vgpu", *inside, "ls", "-A", "/backups")
    finally:
        lab.on("vgpu", *inside, "umount", "/backups")
    assert made.status in {1, 3}, made.said
    assert present == "", present
    assert dump_processes(lab) == before
    assert "whole" not in made.out.partition("What was done:")[2]


def test_a_clock_that_jumps_back_by_an_hour_in_mid_run_changes_nothing_of_what_is_done(careless: Lab) -> None:
    jump = careless.place / "jump"
    with start_until(careless, "python", ROOT / "tests/lab/jumping_clock.py", jump, *FIX, until=RESTART) as begun:
        jump.touch()
        code = begun.end()
    assert code == 0, begun.said
    with closing(Journal(careless.place / "state/journal.sqlite")) as journal:
        [run] = journal
    assert str(run.ended) < run.started, "the clock did not jump"
    assert (update_settings(careless)[0], own_settings(careless), update_settings(careless)[2]) == (
        "django",
        OWN,
        False,
    )
    assert "never came to its end" not in careless.remediate().said


def test_an_undo_that_could_not_reach_the_node_is_told_again(whole) -> None:
    lab = whole("cron-missing")
    before = lab.on("vgpu", "crontab", "-l")
    with start_until(lab, "remediate", "--hosts=lab", "--only=schedules", *ALL, until=", step 1/") as begun:
        wait_until(lambda: lab.on("vgpu", "crontab", "-l") != before, "the crontab to change", limit=30, every=0.05)
        begun.kill()
    wait_for_locks(lab)
    run = run_of(lab.remediate().said)
    lab.engine.ask("pause", VGPU.container)
    try:
        failed = lab.run("remediate", "undo", run, "--yes")
    finally:
        lab.engine.ask("unpause", VGPU.container)
    assert failed.status in {3, 4}, failed.said
    assert run in lab.remediate().said
    assert lab.run("remediate", "undo", run, "--yes").status == 0
    assert lab.on("vgpu", "crontab", "-l") == before
    assert run not in lab.remediate().said


def test_a_compose_service_is_never_changed_so_a_kill_leaves_nothing_of_it(whole) -> None:
    lab = whole("root-compose")
    before = lab.on("data", "cat", "/srv/wiki/docker-compose.yml")
    with start_until(lab, "remediate", *FIX, until="") as begun:
        time.sleep(4)
        begun.kill()
    assert lab.run("remediate", *FIX).status == 1
    assert lab.on("data", "cat", "/srv/wiki/docker-compose.yml") == before
