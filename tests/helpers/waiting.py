"""Waiting for a sign of life instead of a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path


def wait_until(is_so: Callable[[], object], limit: float = 20) -> None:
    """Return as soon as `is_so()` is true. Raises AssertionError after `limit` seconds."""
    end = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < end, f"not so within {limit:g} s"
        time.sleep(0.02)


def has_ended(pid: int) -> bool:
    """Whether the process runs no more: it is gone, or a zombie, whose files and locks are given back."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
