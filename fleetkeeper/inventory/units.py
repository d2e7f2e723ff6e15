"""Parsing and formatting of sizes and durations: one number, one unit, and no ambiguity.

`Size` and `Duration` are the types of policy fields. The grammar is strict on purpose: libraries read `50,5 GB` as
50 bytes, take `50 GBB`, or let `-1h` through.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from fleetkeeper.errors import field_error, quoted

BYTES = {
    "B": 1,
    "kB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "TB": 10**12,
    "KiB": 2**10,
    "MiB": 2**20,
    "GiB": 2**30,
    "TiB": 2**40,
}
SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 604800, "week": 604800, "weeks": 604800}

SIZE_GRAMMAR = "a size is a number above 0 and one of B, kB, MB, GB, TB, KiB, MiB, GiB, TiB: `60 GiB`, `1.5 TB`"
DURATION_GRAMMAR = "a duration is a number above 0 and one of s, min, h, d, w: `36 h`, `14 d`, `10 min`, `90 s`, `8 w`"
MEASURE = re.compile(r"(?P<number>[0-9]{1,15}(\.[0-9]{1,6})?) ?(?P<unit>[A-Za-z]+)", re.ASCII)
PERCENT = re.compile(r"(?P<number>[0-9]{1,3}) ?%", re.ASCII)
PORTION_GRAMMAR = "a number from 0 on, or percent up to 100: `5`, `10 %`"
LONGEST = 100 * 366 * 86400


def parse_size(written: object) -> int:
    """The size in bytes. Raises ValueError with the grammar for everything that is not exactly a size.

    A number without a unit is none.

    >>> parse_size("60 GiB"), parse_size("500 MB"), parse_size("1.5kB")
    (64424509440, 500000000, 1500)
    """
    number = parse_measure(written, BYTES, "size", SIZE_GRAMMAR)
    if number != int(number):
        raise field_error(f"{quoted(str(written))} is not a whole number of bytes", SIZE_GRAMMAR)
    return int(number)


def parse_duration(written: object) -> timedelta:
    """The duration; a timedelta is returned as it is. Raises ValueError with the grammar for anything else.

    So it does for more than a hundred years.

    >>> parse_duration("36 h"), parse_duration("10 min")
    (datetime.timedelta(days=1, seconds=43200), datetime.timedelta(seconds=600))
    """
    if isinstance(written, timedelta):
        return written
    seconds = parse_measure(written, SECONDS, "duration", DURATION_GRAMMAR)
    if seconds > LONGEST:
        raise field_error(f"{quoted(str(written))} is longer than a hundred years", DURATION_GRAMMAR)
    return timedelta(seconds=float(seconds))


def parse_measure(written: object, units: dict[str, int], kind: str, grammar: str) -> Decimal:
    """The number times its unit, exactly. `units` are the factors by unit.

    Raises ValueError with the grammar for anything else. So it does for zero.
    """
    match = MEASURE.fullmatch(written) if isinstance(written, str) else None
    if match is None or match["unit"] not in units or Decimal(match["number"]) == 0:
        raise field_error(f"{quoted(str(written))} is not a {kind}", grammar)
    return Decimal(match["number"]) * units[match["unit"]]


def show_size(count: int) -> str:
    """A size in bytes for a person, in the largest binary unit of which there is at least one, with one decimal place.

    >>> show_size(64424509440), show_size(1300), show_size(20)
    ('60 GiB', '1.3 KiB', '20 B')
    """
    for unit in ("TiB", "GiB", "MiB", "KiB"):
        if abs(count) >= BYTES[unit]:
            return f"{count / BYTES[unit]:.1f}".removesuffix(".0") + f" {unit}"
    return f"{count} B"


def show_duration(span: timedelta) -> str:
    """A duration for a person, in at most two units, rounded to seconds; `-` in front of one that is negative.

    >>> show_duration(timedelta(hours=36)), show_duration(timedelta(seconds=90)), show_duration(timedelta())
    ('1 d 12 h', '1 min 30 s', '0 s')
    """
    rest = abs(round(span.total_seconds()))
    parts: list[str] = []
    for unit in ("d", "h", "min", "s"):
        count, rest = divmod(rest, SECONDS[unit])
        if count and len(parts) < 2:
            parts.append(f"{count} {unit}")
    return ("-" if span < timedelta() else "") + (" ".join(parts) or "0 s")


def exact_size(count: int) -> str:
    """A size in bytes in the notation of an inventory, exactly: in the largest unit that gives a whole number.

    >>> exact_size(2**30), exact_size(1500), exact_size(2000)
    ('1 GiB', '1500 B', '2 kB')
    """
    unit = max((unit for unit in BYTES if count % BYTES[unit] == 0), key=BYTES.__getitem__)
    return f"{count // BYTES[unit]} {unit}"


def exact_duration(span: timedelta) -> str:
    """A duration in the notation of an inventory, exactly.

    >>> exact_duration(timedelta(hours=36)), exact_duration(timedelta(seconds=1.5))
    ('36 h', '1.5 s')
    """
    seconds = span.total_seconds()
    for unit in ("d", "h", "min"):
        if seconds % SECONDS[unit] == 0:
            return f"{seconds / SECONDS[unit]:.0f} {unit}"
    return f"{seconds:f}".rstrip("0").rstrip(".") + " s"


@dataclass(frozen=True)
class Portion:
    """A number of things, or a percentage of them."""

    number: int
    percent: bool = False

    def __str__(self) -> str:
        """`10 %` or `3`."""
        return f"{self.number} %" if self.percent else str(self.number)

    def of(self, total: int) -> int:
        """The number of things out of `total`, rounded down; for a percentage above 0 never less than one.

        A plain number is returned as it is, also where it is more than `total`.

        >>> Portion(10, percent=True).of(47), Portion(10, percent=True).of(3), Portion(2).of(47), Portion(0).of(9)
        (4, 1, 2, 0)
        """
        if not self.percent or self.number == 0:
            return self.number
        return max(1, total * self.number // 100)


def parse_portion(written: object) -> Portion:
    """The number or percentage. Raises ValueError with the grammar for everything else.

    A Portion is returned as it is; a percentage is 100 at most.

    >>> parse_portion(3), parse_portion("10 %"), parse_portion("10%").percent
    (Portion(number=3, percent=False), Portion(number=10, percent=True), True)
    """
    if isinstance(written, Portion):
        return written
    if isinstance(written, int) and not isinstance(written, bool) and written >= 0:
        return Portion(written)
    match = PERCENT.fullmatch(written) if isinstance(written, str) else None
    if match is None or int(match["number"]) > 100:
        raise field_error(f"{quoted(str(written))} is neither a number nor percent", PORTION_GRAMMAR)
    return Portion(int(match["number"]), percent=True)


def plain_portion(given: Portion) -> int | str:
    """The portion in the notation of an inventory. A number stays one; a percentage becomes a text."""
    return str(given) if given.percent else given.number


def as_text(pattern: str, *examples: str) -> Any:
    """The JSON schema of a string with this pattern and these examples."""
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": list(examples)})


NUMBER = r"^[0-9]{1,15}(\.[0-9]{1,6})? ?"

Size = Annotated[
    int,
    BeforeValidator(parse_size),
    PlainSerializer(exact_size, return_type=str, when_used="json"),
    as_text(f"{NUMBER}({'|'.join(BYTES)})$", "60 GiB", "500 MB"),
]
"""A policy field in bytes, written `60 GiB` or `500 MB`."""

Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(exact_duration, return_type=str, when_used="json"),
    as_text(f"{NUMBER}({'|'.join(SECONDS)})$", "36 h", "14 d"),
]
"""A policy field as a timedelta, written `36 h`, `14 d`, `10 min` or `90 s`."""

NUMBER_OR_PERCENT = {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string", "pattern": "^[0-9]{1,3} ?%$"}]}
Share = Annotated[
    Portion,
    BeforeValidator(parse_portion),
    PlainSerializer(plain_portion, return_type=int | str, when_used="json"),
    WithJsonSchema({**NUMBER_OR_PERCENT, "examples": [5, "10 %"]}),
]
"""A policy field that is a number or a percentage, written `5` or `10 %`."""


def count_of(number: int, thing: str) -> str:
    """A number and its noun, in the plural unless the number is 1.

    >>> count_of(1, "node"), count_of(3, "promise")
    ('1 node', '3 promises')
    """
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
