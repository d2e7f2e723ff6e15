"""`remediate --fix` killed for good (SIGKILL) in the middle of each remedy: the next run tells, and mends the rest."""

from __future__ import annotations

import os
import subprocess
import time

import pytest

from tests.lab.aftermath import wait_for_locks
from tests.lab.conftest import BIN, ROOT, Lab, rules_ending_so
from tests.lab.test_remedies import REPAIRED

pytestmark = pytest.mark.long
FIX = ("--fix", "--yes", "--allow", "restart,delete,ownership,resume,interrupt")
KILLED = {
    **REPAIRED,
    "certificate-old-served": {"certificates.are_served_as_on_disk"},
    "renewal-not-scheduled": {"certificates.will_renew"},
    "settings-lent": {"services.have_their_own_settings"},
    "consumer-cancelled": {"queues.are_consumed"},
    "worker-frozen": {"queues.answer"},
    "gpu-device-denied": {"gpus.reach_the_worker"},
    "root-files": {"containers.run_as_their_own_user"},
}
"""For each remedy at least one fault: a unit test sees to it."""
RESTARTED = {"worker-frozen", "gpu-device-denied"}
"""Faults whose remedy ends a task. Beside those that other faults have ended, three within minutes look like a loop for
a while (`services.are_running`): so these are mended, and judged, without that rule."""
MOMENTS = {"as it begins": 0.0, "a moment later": 0.7}


def kill_fix(lab: Lab, after: float) -> str:
    """Start a fix, kill it some seconds after its first step began, and return what it had said."""
    env = {**os.environ, "FLEETKEEPER_STATE": str(lab.place / "state"), "NO_COLOR": "1"}
    words = [BIN / "remediate", "--hosts=lab", *FIX]
    with subprocess.Popen(
        words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stderr is not None
        text = ""
        for line in child.stderr:
            text += line
            if ", step 1/" in line:
                break
        time.sleep(after)
        child.kill()
    return text


@pytest.mark.parametrize("after", MOMENTS.values(), ids=list(MOMENTS))
@pytest.mark.parametrize("fault", KILLED)
def test_killed_in_the_middle_the_next_run_mends_the_rest_and_the_lab_is_whole(
    broken, fault: str, after: float
) -> None:
    lab = broken(fault)
    assert ", step 1/" in kill_fix(lab, after)
    deadline = time.monotonic() + 120
    only = [f"--only={rule}" for rule in KILLED[fault]] if fault in RESTARTED else []
    while (again := lab.remediate(*FIX, *only)).status != 0 and time.monotonic() < deadline:
        time.sleep(5)  # what the killed run had started on a node may still be going on there
    assert again.status == 0, again.said
    left = rules_ending_so(lab.audit(), "finding", "unknown")
    assert left <= ({"services.are_running"} if fault in RESTARTED else set()), left


def test_killed_after_it_changed_a_crontab_undo_brings_the_old_back(broken) -> None:
    lab = broken("cron-missing")
    before = lab.on("vgpu", "crontab", "-l")
    kill_fix(lab, 1.5)
    wait_for_locks(lab)
    text = lab.remediate()
    assert text.status in {0, 1}
    if "never came to its end" in text.err:
        assert lab.run("remediate", "undo", "last", "--yes").status == 0
        assert lab.on("vgpu", "crontab", "-l") == before


def test_case_67_two_remediators_at_once_the_second_is_told_who_holds_the_lock(broken) -> None:
    lab = broken("root-container", "certificate-expiring")
    env = {**os.environ, "FLEETKEEPER_STATE": str(lab.place / "state"), "NO_COLOR": "1"}
    words = [BIN / "remediate", "--hosts=lab", "--only=containers", *FIX]
    with subprocess.Popen(
        words, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as first:
        assert first.stderr is not None
        for line in first.stderr:
            if ", step 1/" in line:
                break
        second = lab.remediate("--only=certificates", *FIX)
        first.stderr.read()
    assert second.status == 5, second.said
    assert "is locked by" in second.err
    assert first.returncode == 0
    assert lab.remediate("--only=certificates", *FIX).status == 0
