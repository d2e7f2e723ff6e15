"""The ids of the CIS Docker Benchmark: what a number is called in which edition, and how a person writes it.

An id is EDITION:NUMBER, such as `1.8:5.26`. Rules and findings name them by the number of 1.8, and carry those of both
editions. A person writes `cis:5.26`, which means the edition of the inventory, or `cis:1.6:2.14`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import fnmatchcase

EDITIONS = ("1.6", "1.8")
LATEST = EDITIONS[-1]
PREFIX = "cis:"
SIZES = {"1.1": 18, "1.2": 2, "2": 19, "3": 24, "4": 12, "5": 32, "6": 2, "7": 9}
"""How many numbers each part of 1.8 has. 1.6 lacks 2.7 of 1.8, so what is behind it there is one lower."""
NEW_IN_1_8 = "2.7"
LEVEL_2 = frozenset(
    [
        *(f"1.1.{number}" for number in range(7, 19)),
        *("2.10", "2.11", "2.12", "2.13", "2.14", "2.18"),
        *(f"3.{number}" for number in range(17, 23)),
        *("4.5", "4.8", "4.11", "5.3", "5.23", "5.24", "5.30"),
    ]
)
"""The numbers of 1.8 that only level 2 asks for; what they are in 1.6 has the same level there."""
NUMBERS = tuple(f"{part}.{number}" for part, size in SIZES.items() for number in range(1, size + 1))
"""All numbers of 1.8, in its order."""
NO_ID = "no id of the CIS Docker Benchmark"
WRITTEN = re.compile(r"cis:(?:(?P<edition>[0-9]+\.[0-9]+):)?(?P<number>[0-9*?][0-9.*?]*)", re.ASCII)


def number_in_1_6(number: str) -> str:
    """The number in 1.6 of what has this number in 1.8; "" for what 1.6 does not have.

    >>> [number_in_1_6(number) for number in ("2.6", "2.7", "2.8", "2.15", "5.26")]
    ['2.6', '', '2.7', '2.14', '5.26']
    """
    part, _, last = number.rpartition(".")
    if part != "2" or int(last) < int(NEW_IN_1_8.rpartition(".")[2]):
        return number
    return f"2.{int(last) - 1}" if number != NEW_IN_1_8 else ""


def in_editions(*numbers: str) -> tuple[str, ...]:
    """The ids in both editions of what has these numbers in 1.8.

    >>> in_editions("5.26", "2.15")
    ('1.6:5.26', '1.8:5.26', '1.6:2.14', '1.8:2.15')
    >>> in_editions("2.7")
    ('1.8:2.7',)
    """
    pairs = ((("1.6", number_in_1_6(number)), ("1.8", number)) for number in numbers)
    return tuple(f"{edition}:{number}" for pair in pairs for edition, number in pair if number)


NUMBER_IN_1_8 = {name: number for number in NUMBERS for name in in_editions(number)}
"""What each id of both editions is called in 1.8."""


def ids_of_edition(edition: str) -> tuple[str, ...]:
    """Every id of one edition, in its order.

    >>> [len(ids_of_edition(edition)) for edition in EDITIONS]
    [117, 118]
    """
    return tuple(name for number in NUMBERS for name in in_editions(number) if name.startswith(f"{edition}:"))


def with_edition(written: str, edition: str) -> str:
    """An id, or a shell glob over ids, as a person writes it, with the edition that is meant; "" for anything else.

    >>> [with_edition(written, "1.8") for written in ("cis:5.26", "cis:1.6:2.14", "cis:2.*", "cis:", "containers.*")]
    ['cis:1.8:5.26', 'cis:1.6:2.14', 'cis:1.8:2.*', '', '']
    """
    match = WRITTEN.fullmatch(written)
    return f"{PREFIX}{match['edition'] or edition}:{match['number']}" if match else ""


def as_written(ids: Iterable[str]) -> tuple[str, ...]:
    """Ids as a waiver names them.

    >>> as_written(["1.8:5.26"])
    ('cis:1.8:5.26',)
    """
    return tuple(f"{PREFIX}{name}" for name in ids)


def id_matches(ids: Iterable[str], glob: str) -> bool:
    """Whether a glob over ids, with its edition, matches one of some ids; one over rules matches none.

    >>> id_matches(["1.8:5.26"], "cis:1.8:5.*"), id_matches(["1.8:5.26"], "c*")
    (True, False)
    """
    return glob.startswith(PREFIX) and any(fnmatchcase(name, glob) for name in as_written(ids))


def ids_by_number(ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Ids by what they are called in 1.8: those of both editions that mean the same are together.

    >>> ids_by_number(["1.6:2.14", "1.8:2.15", "1.6:2.15"])
    {'2.15': ('1.6:2.14', '1.8:2.15'), '2.16': ('1.6:2.15',)}
    """
    same: dict[str, tuple[str, ...]] = {}
    for name in ids:
        number = NUMBER_IN_1_8.get(name, name.partition(":")[2])
        same[number] = (*same.get(number, ()), name)
    return same


def why_no_id(written: str, edition: str) -> str:
    """Why an id, or a glob over ids, as a person writes it means none; "" where it means some.

    `edition` counts where it names none itself: another edition may have the number.

    >>> why_no_id("cis:2.19", "1.8"), why_no_id("cis:2.19", "1.6"), why_no_id("cis:9.9", "1.8")
    ('', '2.19 exists only in edition 1.8 of the CIS Docker Benchmark, not in 1.6', 'no id of the CIS Docker Benchmark')
    """
    match = WRITTEN.fullmatch(written)
    if match is None:
        return NO_ID
    editions = [each for each in EDITIONS if has_number(match["number"], each)]
    mine = match["edition"] or edition
    if mine in editions:
        return ""
    if not editions or mine not in EDITIONS:
        return NO_ID
    return f"{match['number']} exists only in edition {editions[0]} of the CIS Docker Benchmark, not in {mine}"


def has_number(number: str, edition: str) -> bool:
    """Whether an edition has a number, or one that a glob means."""
    return any(fnmatchcase(name.partition(":")[2], number) for name in ids_of_edition(edition))
