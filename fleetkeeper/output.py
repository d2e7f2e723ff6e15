"""Failures of writing to standard output: a closed pipe (`| head`), a closed terminal, a full disk.

A run that changes servers goes on and is judged all the same: nothing is cut off in the middle because of it, and the
exit code stays that of the run.
"""

from __future__ import annotations

import os
from typing import IO


class Unsaid:
    """Why standard output could not be written completely (`why`, e.g. a full disk); empty when it was.

    A pipe that its reader closed is no failure.
    """

    why = ""


def give_up(stream: IO[str], why: OSError, *, matters: bool) -> None:
    """Redirect the stream to /dev/null after a failed write, so that Python does not fail on it again at exit.

    `matters` records the failure in `Unsaid.why`, unless it is a closed pipe. Raises nothing.
    """
    if matters and not isinstance(why, BrokenPipeError):
        Unsaid.why = f"standard output could not be written: {why}"
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):
        return


def flush_stdout(stream: IO[str] | None) -> None:
    """Flush standard output, as Python does at exit; on an OSError record it and give the stream up.

    None: do nothing.
    """
    if stream is None:
        return
    try:
        stream.flush()
    except OSError as why:
        give_up(stream, why, matters=True)
