"""One run of one program: how long, how much CPU and memory; the median of several."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from resource import struct_rusage
from statistics import median

LIMIT = 900.0
"""Seconds after which a run is ended: none of what is measured takes as long."""


class Failed(Exception):
    """A tool did not do what it was called for; its last words."""


class TooLong(Failed):
    """It was ended at its limit."""


@dataclass(frozen=True)
class Sample:
    """One run, or the medians of several. Seconds and MiB; `cpu` and `memory` are the client's, without servers.

    `memory` is that of the largest process. `trips` are round trips per node, and None where they were not counted.
    `ended` is the limit at which it was ended: then it would have taken longer than `wall`.
    """

    wall: float
    cpu: float
    memory: float
    trips: float | None = None
    ended: bool = False


def run(words: Sequence[str], environment: Mapping[str, str], limit: float = LIMIT) -> tuple[Sample, str]:
    """Run a program to its end. Returns what it took and printed; raises Failed, or TooLong.

    wait4(2) tells CPU of all descendants that were waited for, and the memory of the largest, which is never less
    than what this process held when it forked.
    """
    with tempfile.TemporaryFile() as out:
        begun = time.monotonic()
        child = subprocess.Popen(
            words, env=dict(environment), stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
        )
        status, used, wall = wait_for_child(child, begun + limit, begun)
        out.seek(0)
        printed = out.read().decode("utf-8", "replace")
    if status:
        raise Failed(f"{words[0]} ended with {os.waitstatus_to_exitcode(status)}:\n{printed[-1500:]}")
    return Sample(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), printed


def wait_for_child(child: subprocess.Popen[bytes], deadline: float, begun: float) -> tuple[int, struct_rusage, float]:
    """Exit status, resources and wall seconds of a child; it is killed with its session at the deadline."""
    try:
        with Alarm(deadline - time.monotonic()):
            _, status, used = os.wait4(child.pid, 0)
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        os.wait4(child.pid, 0)
        raise
    finally:
        child.returncode = 0  # so that Popen does not look for a child that has been waited for
    return status, used, time.monotonic() - begun


class Alarm:
    """Raises TooLong in the main thread after some seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def __enter__(self) -> None:
        signal.signal(signal.SIGALRM, self.ring)
        signal.setitimer(signal.ITIMER_REAL, self.seconds)

    def ring(self, *_: object) -> None:
        raise TooLong(f"it did not end within {self.seconds:.0f} s")

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def median_sample(samples: Sequence[Sample]) -> Sample:
    """The medians of several runs.

    >>> median_sample([Sample(1, 5, 9), Sample(3, 4, 8), Sample(2, 6, 7)])
    Sample(wall=2, cpu=5, memory=8, trips=None, ended=False)
    """
    counted = [sample.trips for sample in samples if sample.trips is not None]
    return Sample(
        median(sample.wall for sample in samples),
        median(sample.cpu for sample in samples),
        median(sample.memory for sample in samples),
        median(counted) if counted else None,
        any(sample.ended for sample in samples),
    )
