"""Refuse to start a process or to open a socket, whichever library asks for it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

REFUSED = {
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.system",
    "pty.spawn",
    "socket.__new__",
    "subprocess.Popen",
}
"""Names of audit events. Source: https://docs.python.org/3/library/audit_events.html"""
refusing = False
refused: list[str] = []


def on_audit_event(event: str, arguments: tuple[Any, ...]) -> None:
    if refusing and event in REFUSED:
        refused.append(f"{event}{arguments!r:.200}")
        raise pytest.fail.Exception(message_of())


def message_of() -> str:
    return (
        f"{refused[0]}: a test in tests/pure starts no process and opens no socket\n"
        "hint: move the test to the same folder of tests/programs"
    )


@contextmanager
def refuse_programs() -> Iterator[None]:
    """Fail at each start in this block, and at its end, in case the failure was swallowed."""
    global refusing  # noqa: PLW0603
    refusing = True
    try:
        yield
        if refused:
            pytest.fail(message_of())
    finally:
        refusing = False
        refused.clear()


sys.addaudithook(on_audit_event)
