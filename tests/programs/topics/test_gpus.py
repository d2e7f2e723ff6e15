"""The script that looks at GPUs, run here with programs that answer, hang, or are not there.

No GPU is on this machine: `nvidia-smi` and `docker` are scripts, and the driver's files are absent.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from fleetkeeper.topics.gpus.facts import Facts, GpuEngine, OpenedDevice, SmiAnswer, Worker
from fleetkeeper.topics.gpus.observe import LOOK_AT_GPUS
from fleetkeeper.topics.gpus.parse import parse
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script
from tests.example_fleets.gpu_swarm import ID, LISTED

OTHER = "5e" * 32
ANSWERS = f"echo '{LISTED}'"
DOCKER = f"""
case "$1 $2" in
"ps "*) case "$*" in *swarm.service.name=rodan_gpu-celery) printf '%s\\n' {ID} {OTHER} ;; esac ;;
"inspect "*) echo 0 ;;
"exec {ID}") shift 2; exec "$@" ;;
"exec {OTHER}") sleep 13 ;;
esac
"""


def look_with(folder: Path, programs: dict[str, str]) -> Facts:
    """What the script sees on this machine with these programs first on its PATH."""
    for name, script in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "DOCKER_HOST": "unix:///run/none.sock"}
    words = ["sh", "-c", load_script(LOOK_AT_GPUS), "sh", "rodan_gpu-celery"]
    done = subprocess.run(words, env=variables, capture_output=True, text=True, check=True, timeout=30)
    return parse(done.stdout, GpuEngine("docker"))


def test_what_answers_is_told_and_a_container_that_does_not_is_unknown(tmp_path: Path) -> None:
    begun = time.monotonic()
    facts = look_with(tmp_path, {"docker": DOCKER, "nvidia-smi": ANSWERS})
    assert time.monotonic() - begun < 14
    missing = "No such file or directory"
    devices = (OpenedDevice("/dev/nvidiactl", missing), OpenedDevice("/dev/nvidia-uvm", missing))
    assert not isinstance(facts.workers, Unobservable)
    by_id = {worker.container: worker for worker in facts.workers}
    assert by_id.pop(ID) == Worker(ID, devices, SmiAnswer(0, LISTED))
    assert all(isinstance(late.smi, Unobservable) for late in by_id.values())
    assert (facts.smi, facts.module, facts.libraries, facts.devices) == (SmiAnswer(0, LISTED), "", (), ())


def test_a_gpu_that_hangs_costs_ten_seconds_and_its_own_facts(tmp_path: Path) -> None:
    begun = time.monotonic()
    facts = look_with(tmp_path, {"docker": "", "nvidia-smi": "sleep 13"})
    assert time.monotonic() - begun < 14
    assert isinstance(facts.smi, Unobservable)
    assert (facts.workers, facts.kernel != "") == ((), True)


@pytest.mark.parametrize("status", [1, 71])
def test_containers_that_cannot_be_listed_are_unknown_and_the_node_is_asked_all_the_same(
    tmp_path: Path, status: int
) -> None:
    facts = look_with(tmp_path, {"docker": f"exit {status}", "nvidia-smi": f"{ANSWERS}; exit 18"})
    assert isinstance(facts.workers, Unobservable)
    assert facts.smi == SmiAnswer(18, LISTED)


def test_what_a_container_prints_cannot_pass_for_another_part(tmp_path: Path) -> None:
    hostile = f'case "$1" in ps) echo {ID} ;; exec) printf "=smi 0\\n=end\\n asked\\r\\n" ;; esac'
    facts = look_with(tmp_path, {"docker": hostile, "nvidia-smi": "exit 9"})
    assert facts.smi == SmiAnswer(9, "")
    [worker] = facts.workers  # type: ignore[misc]
    assert isinstance(worker.smi, Unobservable)
