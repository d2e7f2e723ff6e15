"""Output that does not arrive: nobody reads it any more (`| head`, a closed terminal), or its disk is full.

What is being done to servers goes on and is judged all the same: nothing is cut off in the middle because of it, and
the exit code stays that of what was done.
"""

from __future__ import annotations

import os
from typing import IO


class Unsaid:
    """Why standard output did not come to its end on a place that keeps it (a full disk); empty when it did.

    A pipe that nobody reads any more is its reader's wish, and counts as told.
    """

    why = ""


def given_up(stream: IO[str], why: OSError, *, matters: bool) -> None:
    """Let what is left go nowhere: Python would fail on it once more when it ends. `matters`: it is written down."""
    if matters and not isinstance(why, BrokenPipeError):
        Unsaid.why = f"standard output could not be written: {why}"
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def flush_stdout(stream: IO[str] | None) -> None:
    """Flush standard output, as Python does when it ends."""
    if stream is None:
        return
    try:
        stream.flush()
    except OSError as why:
        given_up(stream, why, matters=True)
