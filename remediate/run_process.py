"""Which process a run is: its number alone is given to others, and a clock may be set while it runs."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from datetime import datetime
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def birth_of(pid: int) -> str:
    """What tells a process from every other with its number: id of the boot, and clock ticks from then to its start.

    Empty where there is no /proc to tell, and without such a process; a zombie still has one. No clock that is set
    changes it.

    >>> birth_of(os.getpid()) == birth_of(os.getpid())
    True
    """
    fields = stat_fields(pid)
    with suppress(OSError, IndexError):
        return f"{BOOT_ID.read_text().strip()} {fields[19]}"
    return ""


def is_process(pid: int, birth: str, begun: datetime) -> bool:
    """Whether the process with that number runs, and is the one of that birth.

    Without a birth it is one that had started by `begun`, as the clock shows it now. False for a zombie.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if is_zombie(pid):
        return False
    return birth_of(pid) == birth if birth else not born_after(pid, begun)


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has waited for it. False where there is no /proc to tell.

    Source: proc_pid_stat(5), field 3.
    """
    fields = stat_fields(pid)
    return bool(fields) and fields[0] in {"Z", "X"}


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on, the process's state; none where they cannot be read."""
    with suppress(OSError, ValueError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


CLOCKS_DIFFER = 5.0
"""Seconds by which a process may seem to have begun after the time that it wrote itself."""


def born_after(pid: int, moment: datetime) -> bool:
    """Whether a process began after `moment`: then it merely has the number of one that has ended.

    False where there is no /proc to tell (proc(5): field 22 of stat in clock ticks since boot, `btime` in seconds).

    >>> [born_after(1, datetime.fromisoformat(f"{year}-12-31T00:00:00Z")) for year in (1999, 2999)]
    [True, False]
    """
    try:
        ticks = int(stat_fields(pid)[19])
        boot = int(re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)[0])
    except (OSError, ValueError, IndexError):
        return False
    return boot + ticks / os.sysconf("SC_CLK_TCK") > moment.timestamp() + CLOCKS_DIFFER
