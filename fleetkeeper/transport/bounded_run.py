"""A program that is run with bounds on its time and on what it prints."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from fleetkeeper.transport.commands import Unobservable

LIMIT = 10.0
"""Seconds for one run. Docker's client takes 0.05 s for ten services, Compose 0.1 s."""
LARGEST = 8 * 1024 * 1024
"""Bytes that it may print. What Compose prints for twenty services has 60,000."""
PAUSE = 0.05


def run_within_bounds(
    words: Sequence[str], directory: str, environment: Mapping[str, str], given: bytes = b""
) -> tuple[int, bytes, bytes]:
    """Exit status, output and errors of a program, which gets `given` on its standard input.

    It leads a session of its own, and what it started ends with it. What it prints goes into files without a name.
    Raises Unobservable for one that does not start or end, or that prints too much.
    """
    with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        source.write(given)
        source.seek(0)
        child = start_child(words, directory, environment, (source, output, errors))
        try:
            status = wait_within(child, Path(words[0]).name, (output, errors))
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        return status, read_from_start(output), read_from_start(errors)


def start_child(
    words: Sequence[str], directory: str, environment: Mapping[str, str], files: tuple[IO[bytes], ...]
) -> subprocess.Popen[bytes]:
    """Start a program with three files as its standard streams. Raises Unobservable when it cannot start."""
    try:
        return subprocess.Popen(
            words,
            cwd=directory,
            env=dict(environment),
            stdin=files[0],
            stdout=files[1],
            stderr=files[2],
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise Unobservable(f"`{Path(words[0]).name}` does not start: {error}") from None


def wait_within(child: subprocess.Popen[bytes], name: str, printed: tuple[IO[bytes], ...]) -> int:
    """The exit status of a child. Raises Unobservable when it does not end in time, or prints too much."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        with suppress(subprocess.TimeoutExpired):
            return child.wait(PAUSE)
        if any(os.fstat(file.fileno()).st_size > LARGEST for file in printed):
            raise Unobservable(f"`{name}` printed more than {LARGEST >> 20} MiB")
    raise Unobservable(f"`{name}` did not end within {LIMIT:.0f} s")


def read_from_start(file: IO[bytes]) -> bytes:
    """What is in a file, up to the bound."""
    file.seek(0)
    return file.read(LARGEST)
