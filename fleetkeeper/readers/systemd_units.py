"""Parsing of the output of `systemctl show` about timers and the services that they start."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES, BadTimes, canonical_times

CALENDAR = re.compile(r"OnCalendar=")
ENDED = re.compile(r"[;}]")
NORMAL = re.compile(
    r"(?:(?P<weekdays>[A-Za-z,.]+) )?\*-(?P<month>[^- ]+)-(?P<day>[^ ]+) "
    r"(?P<hour>[^:]+):(?P<minute>[^:]+):(?P<second>[0-9][0-9])(?: (?P<zone>\S+))?"
)


def units(lines: Sequence[str]) -> Iterator[dict[str, str]]:
    """The properties of each unit in the output of `systemctl show`, by key.

    The values of a key that occurs twice are joined by a blank.

    >>> list(units(["Id=a.timer", "Unit=a.service", "", "Id=b.timer"]))
    [{'Id': 'a.timer', 'Unit': 'a.service'}, {'Id': 'b.timer'}]
    """
    unit: dict[str, str] = {}
    for line in [*lines, ""]:
        key, equals, value = line.partition("=")
        if equals:
            unit[key] = f"{unit[key]} {value}" if key in unit else value
        elif unit:
            yield unit
            unit = {}


def command_lines(written: str) -> str:
    """The command lines of an ExecStart as `systemctl show` prints it, one a line.

    A shell and its -c before a command are left out. Quotes are lost in that output. "" where there is none.

    >>> command_lines("{ path=/bin/sh ; argv[]=/bin/sh -c docker exec x backup ; ignore_errors=no ; pid=0 }")
    'docker exec x backup'
    """
    parts = (part.partition(" ; ignore_errors=") for part in written.split("argv[]=")[1:])
    lines = [words for words, ended, _ in parts if ended]
    return "\n".join(re.sub(r"^\S*/?(?:ba|da)?sh -l?c ", "", line) for line in lines)


def cron_fields(written: str) -> str:
    """The five time fields of cron for a TimersCalendar of systemd; UNKNOWN_TIMES ("") when cron has no such times.

    That is so for several OnCalendar, a time zone, and weekdays together with days.

    >>> cron_fields("{ OnCalendar=*-*-* 00,12:00:00 ; next_elapse=Sun 2026-11-22 12:00:00 EST }")
    '0 0,12 * * *'
    >>> cron_fields("{ OnCalendar=Mon..Fri *-*-* 04/6:30:00 ; next_elapse=n/a }")
    '30 4,10,16,22 * * 1,2,3,4,5'
    """
    parts = (ENDED.split(part, maxsplit=1) for part in CALENDAR.split(written)[1:])
    all_ = [part[0].rstrip() for part in parts if len(part) > 1]
    match = NORMAL.fullmatch(all_[0]) if len(all_) == 1 else None
    if match is None or match["zone"] or (match["weekdays"] and match["day"] != "*"):
        return UNKNOWN_TIMES
    highest = {"minute": 59, "hour": 23, "day": 31, "month": 12}
    try:
        fields = [cron_field(match[name], highest[name]) for name in ("minute", "hour", "day", "month")]
        return canonical_times([*fields, (match["weekdays"] or "*").replace("..Sun", "-7").replace("..", "-")])
    except BadTimes:
        return UNKNOWN_TIMES


def cron_field(text: str, highest: int) -> str:
    """A field of systemd in cron's notation: `4/6` becomes `4-HIGHEST/6`, and `a..b` becomes `a-b`."""
    return re.sub(r"(?<![-0-9*])([0-9]+)/", rf"\1-{highest}/", text.replace("..", "-"))
