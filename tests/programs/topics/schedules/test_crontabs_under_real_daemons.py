"""The recorded crontabs under Debian 12's cron for one real minute: the recording is right, and so is a look."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.topics.schedules.observe import observe
from fleetkeeper.transport.commands import Output
from fleetkeeper.transport.script_files import load_script
from tests.example_fleets.schedules import TEXT
from tests.helpers.crontab_cases import UNKNOWN, Decision, decisions_of, names_that_ran, recorded_crontabs

SCRIPTS = "tests/programs/topics/schedules/scripts"
DOCKER = '#!/bin/sh\n[ "$3" = backup ] && echo "$2" >> /tmp/fired\n'
HOURLY = "* * * * * root cd / && run-parts --report /etc/cron.hourly\n"
USUAL = "SHELL=/bin/sh\nPATH=/usr/local/sbin:/usr/local/bin:/sbin:/bin:/usr/sbin:/usr/bin\n"

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a directory tree of Debian and enter it"),
    pytest.mark.skipif(shutil.which("mmdebstrap") is None, reason="mmdebstrap is not installed"),
]


@dataclass(frozen=True)
class RunningCron:
    """A tree of Debian 12 whose cron, process `pid` in front of it, has run the crontabs for a minute."""

    root: Path
    pid: str

    def run(self, words: Sequence[str]) -> Output:
        """Run a command in the tree."""
        enter = ["nsenter", "-t", self.pid, "-m", "-p", "-u", "chroot", str(self.root)]
        done = subprocess.run([*enter, *words], capture_output=True, check=False, timeout=120)
        return Output(done.returncode, done.stdout, done.stderr, command=words[0])

    def look(self) -> Facts:
        """Look at the schedules as the product does."""
        inventory = load_inventory(Path("world.yml"), TEXT)
        looking = observe(inventory.nodes["vgpu"], inventory)
        commands = next(looking)
        try:
            while True:
                commands = looking.send([self.run(command.words) for command in commands])
        except StopIteration as done:
            return done.value  # type: ignore[no-any-return]


def write_file(root: Path, path: str, content: str, mode: int = 0o644, owner: str = "root") -> None:
    """Write a file of the tree that belongs to one of its accounts."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content.encode())
    file.chmod(mode)
    subprocess.run(["chroot", str(root), "chown", owner, path], check=True)


def build_tree(root: Path) -> None:
    """Make a Debian 12 with cron and everything that the cases need; skip the test where that is not possible."""
    words = ["mmdebstrap", "--variant=minbase", "--include=cron", "bookworm", str(root)]
    built = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    if built.returncode != 0:
        pytest.skip(f"mmdebstrap cannot make a Debian 12 here: {built.stderr.strip()[-200:]}")
    subprocess.run(["chroot", str(root), "sh", "-c", load_script(f"{SCRIPTS}/make_accounts.sh")], check=True)
    shutil.rmtree(root / "etc/cron.d")
    shutil.rmtree(root / "etc/cron.daily")
    write_file(root, "/usr/bin/docker", DOCKER, 0o755)
    write_file(root, "/etc/crontab", USUAL + HOURLY)
    recorded = recorded_crontabs()
    for path, file in recorded["files"].items():
        write_file(root, path, file["content"], file["mode"])
    for case in recorded["cases"].values():
        write_file(root, case["path"], case["content"], case["mode"], case.get("owner", "root"))


@pytest.fixture(scope="module")
def cron(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCron]:
    root = tmp_path_factory.mktemp("debian") / "root"
    root.parent.chmod(0o755)
    build_tree(root)
    options = ["--mount", "--pid", "--uts", "--fork", "--kill-child"]
    words = ["unshare", *options, "sh", "-c", load_script(f"{SCRIPTS}/run_cron.sh"), "sh", str(root)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ran\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii")
        yield RunningCron(root, children.split()[0])
        process.kill()
    shutil.rmtree(root, ignore_errors=True)


@pytest.fixture(scope="module")
def ran(cron: RunningCron) -> set[str]:
    return set((cron.root / "tmp/fired").read_text(encoding="utf-8").split())


@pytest.fixture(scope="module")
def decisions(cron: RunningCron) -> dict[str, Decision]:
    return decisions_of(cron.look(), recorded_crontabs()["cases"])


def test_the_same_cases_run_as_were_recorded(ran: set[str]) -> None:
    assert ran == names_that_ran("debian12")


def test_what_is_said_to_run_ran_and_what_is_said_not_to_run_did_not(
    ran: set[str], decisions: dict[str, Decision]
) -> None:
    wrong = {name: decision for name, decision in decisions.items() if decision.runs not in (None, name in ran)}
    assert wrong == {}


def test_only_the_listed_cases_are_unknown(decisions: dict[str, Decision]) -> None:
    assert {name for name, decision in decisions.items() if decision.runs is None} <= UNKNOWN.keys()
