"""Numbers and moments that a node wrote, read strictly: what is absurd is unknown, never a crash and never a guess.

`int()` and `float()` take more than programs print: blanks, underscores, other scripts' digits, `nan`, `1e999`, and as
many digits as there are. A node may write any of that into one line, and that must cost that one line.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fleetkeeper.transport.commands import Unobservable

MOST = (1 << 63) - 1
"""The greatest number that kernels and engines count with."""
LATEST = 221845392000
"""The first second of the year 9000: what is later cannot be reckoned with, in one time zone or another."""
WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
DECIMAL = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?", re.ASCII)
SHOWN = 40


def whole_number(written: str, least: int = 0, most: int = MOST) -> int:
    """A whole number in ASCII digits, from `least` to `most`. Raises Unobservable for anything else.

    >>> whole_number("42"), whole_number("-1", least=-1)
    (42, -1)
    >>> whole_number("\N{ARABIC-INDIC DIGIT FOUR}")
    Traceback (most recent call last):
    fleetkeeper.transport.commands.Unobservable: '\\u0664' is no whole number
    """
    if not WHOLE.fullmatch(written):
        raise Unobservable(f"{show_short(written)} is no whole number")
    if not least <= int(written) <= most:
        raise Unobservable(f"{show_short(written)} is no number from {least} to {most}")
    return int(written)


def decimal_number(written: str, least: float = 0.0, most: float = float(MOST)) -> float:
    """A number in ASCII digits with or without a fraction, from `least` to `most`. Raises Unobservable otherwise.

    >>> decimal_number("1764000000.25"), decimal_number("7")
    (1764000000.25, 7.0)
    """
    if not DECIMAL.fullmatch(written):
        raise Unobservable(f"{show_short(written)} is no number")
    if not least <= float(written) <= most:
        raise Unobservable(f"{show_short(written)} is no number from {least:g} to {most:g}")
    return float(written)


def epoch_seconds(written: str) -> float:
    """Seconds since 1970 as `stat`, `find` and `date` print them. Raises Unobservable where no calendar reaches.

    >>> epoch_seconds("1764000000.5")
    1764000000.5
    """
    seconds = decimal_number(written, least=-float(MOST))
    moment_from_epoch(seconds)
    return seconds


def moment_from_epoch(seconds: float) -> datetime:
    """The moment in UTC of so many seconds since 1970. Raises Unobservable before that, and from the year 9000 on.

    >>> moment_from_epoch(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    if not 0 <= seconds < LATEST:
        raise Unobservable(f"{seconds:g} seconds since 1970 is no time that a file or a process can have")
    return datetime.fromtimestamp(seconds, UTC)


def number_in(document: Mapping[str, Any], key: str, default: int = 0, least: int = 0, most: int = MOST) -> int:
    """A whole number of a JSON document, written as one or as text; `default` where it is left out, null or empty.

    Raises Unobservable for anything else: true, a fraction, a list, more than `most`.

    >>> number_in({"Pid": 7, "UID": "33", "Port": None}, "Pid"), number_in({}, "Pid"), number_in({"UID": "33"}, "UID")
    (7, 0, 33)
    """
    match = document.get(key)
    if match is None or match == "":
        return default
    if isinstance(match, float) and match.is_integer():
        match = int(match)
    if isinstance(match, bool) or not isinstance(match, int | str):
        raise Unobservable(f"{key} is no whole number")
    try:
        return whole_number(match if isinstance(match, str) else written_out(match), least, most)
    except Unobservable as why:
        raise Unobservable(f"{key}: {why.why}") from None


def written_out(number: int) -> str:
    """The digits of a number; of one that is too great for any engine, those of the next that is."""
    return str(max(-MOST - 2, min(number, MOST + 1)))


def show_short(written: str) -> str:
    """What was written, for a message: short, and in ASCII."""
    return ascii(written if len(written) <= SHOWN else written[:SHOWN] + "...")
