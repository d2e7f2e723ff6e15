"""The cron daemon that runs on a node, and its time zone."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.numbers import decimal_number, epoch_seconds, whole_number
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Daemon:
    """The running cron. `started` is in epoch seconds of the node's clock, 0 when it is not known."""

    name: str
    pid: int
    started: float = 0.0


TICKS = 100.0
INTERPRETER = re.compile(r"/(sh|bash|dash|ash|zsh|ksh|mksh|(python|perl|ruby|node|php)[0-9.]*)( \(deleted\))?$")
"""What a process that has the name of a script runs (`exe` in proc(5)); BusyBox may be crond itself."""


def daemon(printed: Snapshot) -> Daemon | None:
    """The running cron, by the lines `cron` of `printed`: the process that no other cron started; None when none runs.

    Lines of fewer than four words are left out, and a script that somebody called cron. Raises Unobservable when its
    numbers cannot be read.
    """
    scripts = {line.split(" ")[0] for line in printed.lines.get("exe", []) if INTERPRETER.search(line)}
    rows = [row for line in printed.lines.get("cron", []) if (row := line.split(" "))[0] not in scripts]
    pids = {row[0] for row in rows}
    for pid, parent, name, ticks, *_ in (row for row in rows if len(row) > 3):
        if parent not in pids:
            return Daemon(name, whole_number(pid), started(printed.one("boot"), ticks))
    return None


def started(boot: str, ticks: str) -> float:
    """When a process was started, in epoch seconds; 0 when it is not known.

    Raises Unobservable when no number was printed.

    `boot` is the time of boot in epoch seconds, `ticks` the hundredths of a second from then on.
    """
    if not boot or not ticks:
        return 0.0
    return epoch_seconds(boot) + decimal_number(ticks) / TICKS


def timezone(printed: Snapshot) -> str | Unobservable:
    """The name of the time zone that cron uses: its own TZ, else the node's. An Unobservable when it has no name.

    "UTC" where nothing is said about one. Raises Unobservable as `daemon` does.

    >>> timezone(Snapshot(lines={"localtime": ["/usr/share/zoneinfo/America/Toronto"]}))
    'America/Toronto'
    """
    running = daemon(printed)
    own = [
        line.partition(" ")[2]
        for line in printed.lines.get("crontz", [])
        if running and line.startswith(f"{running.pid} ")
    ]
    named = own[0].removeprefix(":") if own else printed.one("localtime")
    if running and str(running.pid) in printed.lines.get("unread", []):
        # An ordinary account may not read cron's environment; almost nobody sets TZ there.
        named = printed.one("localtime")
    if "/zoneinfo/" in named:
        return named.partition("/zoneinfo/")[2].removeprefix("posix/")
    if own and own[0]:
        return own[0].removeprefix(":")
    if printed.one("zone"):
        return printed.one("zone")
    if not named or own:
        return "UTC"
    return Unobservable(
        "the time zone has no name: /etc/localtime is no link", "timedatectl set-timezone ZONE makes it one"
    )
