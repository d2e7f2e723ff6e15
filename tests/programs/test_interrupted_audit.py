"""Ctrl-C while `pytest --hosts=…` looks: it ends at once, says so, and nothing is left running on any node."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.ssh_links import silent_port
from tests.helpers.sshd import Sshd, pids_of, process_gone, run_sshd
from tests.programs.test_pytest_plugin import checks_of

TOPIC = '''
"""A promise about something that takes long to look at."""

from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.transport.commands import Command
from fleetkeeper.judging.rule import Rule, each_node
from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic


@dataclass(frozen=True)
class Facts:
    topic: ClassVar[str] = "slow"


def observe(node, inventory):
    yield [Command(("sleep", "71.7"), limit=300.0)]
    return Facts()


def holds(fleet, subject):
    """It holds."""
    fleet.of(subject.name, Facts)
    return ()


TOPIC = Topic(
    "slow",
    observers=(Observer(Facts, observe),),
    rules=(Rule("slow", holds, each_node, (Facts,), person="nobody can"),),
)
'''
NODE = "{{address: {0.address}, port: {0.port}, user: {0.user}, identity: {0.identity}{1}}}"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    with run_sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture
def folder(server: Sshd, tmp_path: Path) -> Iterator[Path]:
    """An inventory of three nodes, each over another connection, and of one that never answers."""
    (tmp_path / "slow.py").write_text(TOPIC)
    (tmp_path / "test_slow.py").write_text(checks_of(["holds"], "slow"))
    (tmp_path / "known_hosts").write_text(server.known_hosts.read_text())
    with silent_port() as port:
        (tmp_path / "mine.yml").write_text(
            f"nodes:\n  a: {NODE.format(server, '')}\n  b: {NODE.format(server, ', connection: ssh')}\n"
            f"  c: {{connection: local}}\n  d: {{address: 127.0.0.1, port: {port}}}\n"
            "services: {none: x}\nbackups: {none: x}\ncertificates: {none: x}\ntopics: [./slow.py]\n"
        )
        yield tmp_path


@pytest.mark.parametrize(("times", "status"), [(1, 2), pytest.param(2, -signal.SIGINT, marks=pytest.mark.long)])
def test_case_68_ctrl_c_ends_an_audit_at_once_and_everything_it_started(folder, times, status):
    words = (sys.executable, "-m", "pytest", "--hosts=./mine.yml", "-p", "no:cacheprovider")
    env = {**os.environ, "FLEETKEEPER_STATE": str(folder / "state")}
    child = subprocess.Popen(words, cwd=folder, env=env, stdout=subprocess.PIPE, start_new_session=True)
    until_running(3)  # one on each node that answers
    before = time.monotonic()
    for _ in range(times):
        child.send_signal(signal.SIGINT)
        time.sleep(0.05)
    text = child.communicate(timeout=20)[0].decode()
    assert (child.returncode, time.monotonic() - before < 5) == (status, True)
    assert times == 2 or "interrupted while looking: nothing was judged" in text
    assert "Traceback" not in text
    assert process_gone("71.7", within=5)


def until_running(processes: int) -> None:
    deadline = time.monotonic() + 30
    while len(pids_of("71.7")) < processes:
        assert time.monotonic() < deadline
        time.sleep(0.02)
