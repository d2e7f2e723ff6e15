"""`remediate` under a wall clock that jumps back by an hour: `python jumping_clock.py FILE ARGUMENTS…`.

It jumps when FILE appears; the monotonic clock goes on, as on a real machine whose clock is set. libfaketime cannot be
used for this: its 0.9.10 answers the `clock_nanosleep` of Python 3.11 with EINVAL, so that every `time.sleep` fails.
"""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import time_machine

from remediate.commands.main import main

HOUR = 3600


def jump_back(flag: Path, clock: time_machine.Coordinates) -> None:
    """Set the clock back by an hour once the file is there."""
    while not flag.exists():
        time.sleep(0.05)
    clock.shift(-HOUR)


if __name__ == "__main__":
    flag = Path(sys.argv.pop(1))
    with time_machine.travel(time.time()) as clock:
        threading.Thread(target=jump_back, args=(flag, clock), daemon=True).start()
        main()
