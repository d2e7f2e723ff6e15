"""Strict parsing of numbers and times that a node printed: an impossible one is Unobservable.

`int()` and `float()` accept more than programs print: blanks, underscores, other scripts' digits, `nan`, `1e999`, and
any number of digits. A node may print any of that, and only the line that holds it may be lost by that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fleetkeeper.transport.commands import Unobservable

MOST = (1 << 63) - 1
"""The greatest number that kernels and engines count with: 2^63 - 1."""
LATEST = 221845392000
"""The first second of the year 9000: Python cannot calculate with much later times in every time zone."""
WHOLE = re.compile(r"-?[0-9]{1,20}", re.ASCII)
DECIMAL = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,19})?", re.ASCII)
SHOWN = 40


def whole_number(written: str, least: int = 0, most: int = MOST) -> int:
    """The whole number in ASCII digits, from `least` to `most`. Raises Unobservable for anything else.

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
    """The number in ASCII digits, with or without a fraction, from `least` to `most`. Raises Unobservable otherwise.

    >>> decimal_number("1764000000.25"), decimal_number("7")
    (1764000000.25, 7.0)
    """
    if not DECIMAL.fullmatch(written):
        raise Unobservable(f"{show_short(written)} is no number")
    if not least <= float(written) <= most:
        raise Unobservable(f"{show_short(written)} is no number from {least:g} to {most:g}")
    return float(written)


def epoch_seconds(written: str) -> float:
    """The seconds since 1970 that `stat`, `find` or `date` printed.

    Raises Unobservable for anything else, and for times before 1970 or from the year 9000 on.

    >>> epoch_seconds("1764000000.5")
    1764000000.5
    """
    seconds = decimal_number(written, least=-float(MOST))
    moment_from_epoch(seconds)
    return seconds


def moment_from_epoch(seconds: float) -> datetime:
    """The time, in UTC, so many seconds after 1970. Raises Unobservable before 1970, and from the year 9000 on.

    >>> moment_from_epoch(0).isoformat()
    '1970-01-01T00:00:00+00:00'
    """
    if not 0 <= seconds < LATEST:
        raise Unobservable(f"{seconds:g} seconds since 1970 is no time that a file or a process can have")
    return datetime.fromtimestamp(seconds, UTC)


def number_in(document: Mapping[str, Any], key: str, default: int = 0, least: int = 0, most: int = MOST) -> int:
    """The whole number under a key of a JSON object, also when it is a string; `default` where missing, null or empty.

    Raises Unobservable for anything else: true, a fraction, a list, a number outside `least` to `most`.

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
        return whole_number(match if isinstance(match, str) else digits_of(match), least, most)
    except Unobservable as why:
        raise Unobservable(f"{key}: {why.why}") from None


def digits_of(number: int) -> str:
    """The digits of a number; beyond `MOST` either way, those of the nearest number beyond, so that all stay short."""
    return str(max(-MOST - 2, min(number, MOST + 1)))


def show_short(written: str) -> str:
    """The text for a message: quoted, in ASCII, cut after 40 characters. `...` stands for what was cut."""
    return ascii(written if len(written) <= SHOWN else written[:SHOWN] + "...")
