"""What the kernel lets the control groups of containers take, and the groups of the engine's sockets, from the scan.

Sources: cgroups(7); Documentation/admin-guide/cgroup-v2.rst of Linux.
"""

from __future__ import annotations

import re
from collections import defaultdict

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.containers.facts import Limits

ABOVE = "/sys/fs/cgroup/"
SOCKET = "engine:"
NO_PROCESS = (ABOVE, SOCKET)
"""How those lines of the scan begin that are about no process."""
LIMIT = re.compile(
    r"/sys/fs/cgroup/[^:]*?([0-9a-f]{64})[^/:]*/(memory|cpu|pids)\.max:(max|[0-9]{1,20})(?: [0-9]{1,20})?"
)


def limits_of(printed: str) -> dict[str, Limits]:
    """The limits of each container that the scan shows, by its id.

    >>> text = "/sys/fs/cgroup/system.slice/docker-" + "a" * 64 + ".scope/pids.max:max"
    >>> limits_of(text)["a" * 64]
    Limits(memory=None, cpu=None, processes=False)
    """
    seen: dict[str, dict[str, bool]] = defaultdict(dict)
    for line in split_lines(printed):
        if match := LIMIT.fullmatch(line):
            seen[match[1]][match[2]] = match[3] != "max"
    return {id_: Limits(kinds.get("memory"), kinds.get("cpu"), kinds.get("pids")) for id_, kinds in seen.items()}


def groups_of_engine(printed: str) -> tuple[int, ...]:
    """The numbers of the groups that own the engine's sockets; empty where the scan does not show any.

    >>> groups_of_engine("engine:998\\nengine:0\\nengine:998"), groups_of_engine("")
    ((0, 998), ())
    """
    numbers = {line.removeprefix(SOCKET) for line in split_lines(printed) if line.startswith(SOCKET)}
    return tuple(sorted(int(number) for number in numbers if re.fullmatch(r"[0-9]{1,10}", number, re.ASCII)))
