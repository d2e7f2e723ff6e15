"""How much work something is, as the processor counts it: for ratios between two sizes, never for a number alone."""

from __future__ import annotations

import time
from collections.abc import Callable

LEAST = 0.01
"""Seconds below which a clock says nothing: what takes less counts as this much."""


def work_of(call: Callable[[], object], tries: int = 3) -> float:
    """Seconds of this thread's processor for one call: the least of some tries, and never less than `LEAST`."""
    return max(LEAST, min(one_try(call) for _ in range(tries)))


def one_try(call: Callable[[], object]) -> float:
    before = time.thread_time()
    call()
    return time.thread_time() - before
