"""What goes wrong while remedies run: an authority that refuses, a node that dies, a cut connection, two at once."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

from lab import setup
from lab.faults import machines, schedules
from lab.names import VGPU
from tests.lab.aftermath import wait_for_locks
from tests.lab.conftest import BIN, ROOT, Lab, rules_ending_so

pytestmark = pytest.mark.long
FIX = ("--fix", "--yes", "--allow", "restart,delete,ownership")
LOCK = "/run/fleetkeeper.lock"
MINUTE = 60


@contextmanager
def begin_fix(lab: Lab, *words: str, until: str = ", step 1/") -> Iterator[subprocess.Popen[str]]:
    """A fix that has begun with a step."""
    env = {**os.environ, "FLEETKEEPER_STATE": str(lab.place / "first"), "NO_COLOR": "1", "COLUMNS": "140"}
    command = [BIN / "remediate", "--hosts=lab", *words, *FIX]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            assert child.stderr is not None
            for line in child.stderr:
                if until in line:
                    break
            yield child
        finally:
            child.kill()


def test_a_renewal_that_the_authority_refuses_has_changed_nothing_and_says_so(broken) -> None:
    lab = broken("acme-challenge-blocked")
    ran = lab.remediate("--only=certificates", *FIX)
    assert ran.status == 3, ran.said
    assert "nothing was changed" in ran.out
    assert "no way back" not in ran.out.partition("What was done:")[2]


def test_case_66_a_node_that_dies_in_the_middle_does_not_stop_the_others(broken) -> None:
    lab = broken("cron-missing", "volume-over-budget")
    with begin_fix(lab, until="backups.are_thinned, step 1/") as child:
        machines.freeze(lab.engine)
        try:
            out, err = child.communicate(timeout=300)
        finally:
            machines.thaw(lab.engine)
    done = out.partition("What was done:")[2]
    assert child.returncode in {3, 4}, out + err
    assert "fixed" in next(line for line in done.splitlines() if "schedules.backup_runs" in line)
    assert any(word in done for word in ("failed", "unknown")), done
    wait_for_locks(lab)
    again = lab.remediate(*FIX)
    assert again.status == 0, again.said
    assert rules_ending_so(lab.audit(), "finding", "unknown") == set()


@pytest.mark.parametrize(("meanwhile", "end"), [("# somebody else was here", "fixed"), (setup.ENTRY, "already right")])
def test_case_30_the_crontab_changes_while_a_person_reads_the_plan(broken, meanwhile: str, end: str) -> None:
    lab = broken("cron-missing")
    ours, theirs = os.openpty()
    env = {**os.environ, "FLEETKEEPER_STATE": str(lab.place / "state"), "NO_COLOR": "1", "COLUMNS": "140"}
    command = [BIN / "remediate", "--hosts=lab", "--only=schedules", "--fix"]
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        wait_for(child.stderr, "Make the changes")
        table = setup.root_crontab(lab.engine, VGPU) + meanwhile + "\n"
        setup.set_crontab(lab.engine, VGPU, table)
        os.write(ours, b"y\n")
        out, err = child.communicate(timeout=300)
    assert child.returncode == 0, out + err
    assert end in out.partition("What was done:")[2]
    assert setup.root_crontab(lab.engine, VGPU).startswith(table)
    assert schedules.has_backup(setup.root_crontab(lab.engine, VGPU))


def wait_for(stream: IO[str], words: str) -> None:
    """Read until the words of a question, which ends no line."""
    text = ""
    while words not in text and (char := stream.read(1)):
        text += char
    assert words in text, text


def test_case_81_a_cut_connection_frees_the_lock_within_a_minute_and_nobody_gets_in_before(broken) -> None:
    lab = broken("root-container", "certificate-expiring")
    with begin_fix(lab, "--only=containers"):
        cut = time.monotonic()
        with dropped_packets(lab, "manager"):
            second = lab.remediate("--only=certificates", *FIX)
            assert second.status == 5, second.said
            assert "is locked by" in second.err
            while lab.on("manager", "sh", "-c", f"cat {LOCK} 2>/dev/null || :"):
                assert time.monotonic() - cut < MINUTE, "the lock outlives its holder's connection"
                time.sleep(1)
            third = lab.remediate("--only=certificates", *FIX)
    assert third.status == 0, third.said
    assert lab.remediate(*FIX).status == 0
    assert rules_ending_so(lab.audit(), "finding", "unknown") == set()


@contextmanager
def dropped_packets(lab: Lab, node: str) -> Iterator[None]:
    """Every connection to the node's sshd falls silent, without a reset; new ones work."""
    rules = list(ssh_connections(lab.on(node, "cat", "/proc/net/tcp")))
    assert rules
    for rule in rules:
        lab.on(node, "iptables", "-I", *rule)
    try:
        yield
    finally:
        for rule in rules:
            lab.on(node, "iptables", "-D", *rule)


def ssh_connections(table: str) -> Iterator[tuple[str, ...]]:
    """Both directions of each connection to port 22, from /proc/net/tcp (proc(5): hexadecimal, state 01 is up)."""
    for line in table.splitlines()[1:]:
        _, local, remote, state, *_ = line.split()
        port = str(int(remote.rpartition(":")[2], 16))
        if local.endswith(":0016") and state == "01":
            yield ("INPUT", "-p", "tcp", "--dport", "22", "--sport", port, "-j", "DROP")
            yield ("OUTPUT", "-p", "tcp", "--sport", "22", "--dport", port, "-j", "DROP")
