"""Facts from the output of `date`, `id` and the file of the time zone."""

from __future__ import annotations

import re

from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.transport.commands import Output, Unobservable


def clock_skew(clock: Output) -> tuple[float, float]:
    """How far a node's clock is ahead of ours, and how uncertain that is, both in seconds.

    The node read its clock at some moment between our sending the question and receiving the answer. Raises
    Unobservable when `date` printed no time.
    """
    seconds, resolution, _ = read_clock(clock.text())
    least, most = seconds - clock.received, seconds + resolution - clock.sent
    return (least + most) / 2, (most - least) / 2


def read_clock(printed: str) -> tuple[float, float, int]:
    """Epoch seconds, their resolution in seconds, and the offset from UTC in seconds.

    Raises Unobservable for other output.

    >>> read_clock("1764000000.250000000 -0500")
    (1764000000.25, 0.0, -18000)

    BusyBox may not know %N:

    >>> read_clock("1764000000.%N +0530"), read_clock("1764000000. +0000")
    ((1764000000.0, 1.0, 19800), (1764000000.0, 1.0, 0))
    """
    read = re.fullmatch(r"(\d{1,12})\.(?:(\d{1,9})|%?N?) ([+-])(\d\d)(\d\d)\s*", printed, re.ASCII)
    if not read:
        raise Unobservable(f"`date` printed {printed[:60]!r}, which is not a time")
    whole, fraction, sign, hours, minutes = read.groups()
    offset = (int(hours) * 60 + int(minutes)) * 60
    return float(f"{whole}.{fraction or 0}"), 0.0 if fraction else 1.0, -offset if sign == "-" else offset


def timezone_name(answer: Output) -> str:
    """The name of the node's time zone, from the target of /etc/localtime; empty when it is not known.

    >>> timezone_name(Output(0, b"America/Toronto\\n")), timezone_name(Output(0, b"/usr/share/zoneinfo/Etc/UTC\\n"))
    ('America/Toronto', 'Etc/UTC')
    """
    named = answer.out.decode("ascii", "replace").strip().rpartition("zoneinfo/")[2] if answer.rc == 0 else ""
    return named if re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*", named) else ""


def printed_number(answer: Output) -> int | Unobservable:
    """The whole number that was printed, or an Unobservable (returned, not raised) when there is none."""
    try:
        return whole_number(answer.text().strip())
    except Unobservable as why:
        return why
