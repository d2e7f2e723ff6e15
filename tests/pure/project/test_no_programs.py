"""A test in tests/pure that starts a process or opens a socket fails, even where the failure is swallowed."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Callable

import pytest

from tests.pure import no_programs

STARTS: dict[str, Callable[[], object]] = {
    "Popen": lambda: subprocess.run(["true"], check=False),
    "fork": os.fork,
    "system": lambda: os.system("true"),
    "posix_spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "socket": socket.socket,
    "socketpair": socket.socketpair,
}


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_each_start_is_refused(start: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="starts no process and opens no socket"):
        start()
    assert no_programs.refused.pop()


def test_a_swallowed_refusal_fails_the_test_at_its_end() -> None:
    def swallow() -> None:
        with no_programs.refuse_programs(), pytest.raises(pytest.fail.Exception):
            socket.socket()

    with pytest.raises(pytest.fail.Exception, match="starts no process and opens no socket"):
        swallow()
    assert no_programs.refused == []
