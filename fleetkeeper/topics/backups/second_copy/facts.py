"""The newest backups at both of their places: names, digests, and which files they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from fleetkeeper.transport.commands import Unobservable

DIGESTED = 3
"""So many of the newest are read whatever they weigh: the newest of all may be broken, or still on its way."""
MOST = 60
"""Never more than so many are compared at one place: their names travel as arguments."""


@dataclass(frozen=True)
class CopyDirectory:
    """One place: the names of all its backups, newest first, and the SHA-256 (hex) of the newest ones, by name.

    `directory` is its path with links resolved; empty when it does not exist. `marks` (by name) distinguish a file from
    its copy: inode and ctime, which no copy shares with the file. `device` is that of the directory or its newest file
    (0: unknown). `free` is the number of bytes that may still be written there; -1 where that was not measured. `parts`
    are the files that interrupted copies left, by name, with their mtime in epoch seconds.
    """

    names: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)
    directory: str = ""
    marks: dict[str, str] = field(default_factory=dict)
    device: int = 0
    free: int = -1
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """One node: `here` is the volume of the backups, `there` their second place.

    None on a node that does not have it.
    """

    topic: ClassVar[str] = "copies"
    here: CopyDirectory | Unobservable | None = None
    there: CopyDirectory | Unobservable | None = None


def is_same_copy(name: str, own: CopyDirectory, second: CopyDirectory) -> bool:
    """Whether the second place has a file of this name with the same SHA-256, and it is a file of its own.

    `own` is the listing of the backups' own directory, here and below.
    """
    equal = name in own.digests and own.digests[name] == second.digests.get(name)
    return equal and not is_one_file(name, own, second)


def is_other_file(name: str, own: CopyDirectory, second: CopyDirectory) -> bool:
    """Whether the second place has a file of this name with another SHA-256."""
    return name in own.digests and name in second.digests and own.digests[name] != second.digests[name]


def is_one_file(name: str, own: CopyDirectory, second: CopyDirectory) -> bool:
    """Whether both places show the very same file: one storage, seen from two nodes."""
    return name in own.marks and own.marks[name] == second.marks.get(name)


def is_uncompared(name: str, own: CopyDirectory, second: CopyDirectory) -> bool:
    """Whether the second place has a file of this name, and one of the two digests is missing."""
    return name in second.names and not (name in own.digests and name in second.digests)
