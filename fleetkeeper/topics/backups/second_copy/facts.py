"""The newest backups at both of their places, as seen: names, digests, and which files they are."""

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
    """One place: the names of all its backups and, by name, the SHA-256 of the newest ones.

    `directory` is where it really is, without links; empty: there is no such directory. `marks` tell a file from its
    copy (inode and time of last change, which no copy shares with the file). `device` is the newest file's. `free` are
    the bytes that the place may still take; -1 where nobody asked. `parts` are what copies of ours left that did not
    end, each with the epoch second when somebody last wrote to it.
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
    """One node: the volume of the backups if it is `here`, their second place if it is `there`."""

    topic: ClassVar[str] = "copies"
    here: CopyDirectory | Unobservable | None = None
    there: CopyDirectory | Unobservable | None = None


def is_same_copy(name: str, here: CopyDirectory, directory: CopyDirectory) -> bool:
    """Whether a backup is at both places, byte for byte, and is two files."""
    equal = name in here.digests and here.digests[name] == directory.digests.get(name)
    return equal and not is_one_file(name, here, directory)


def is_other_file(name: str, here: CopyDirectory, directory: CopyDirectory) -> bool:
    """Whether another file has its name at the second place."""
    return name in here.digests and name in directory.digests and here.digests[name] != directory.digests[name]


def is_one_file(name: str, here: CopyDirectory, directory: CopyDirectory) -> bool:
    """Whether both places show the very same file: one storage, seen from two sides."""
    return name in here.marks and here.marks[name] == directory.marks.get(name)


def is_uncompared(name: str, here: CopyDirectory, directory: CopyDirectory) -> bool:
    """Whether a backup has its name at both places, and nobody knows whether it is the same."""
    return name in directory.names and not (name in here.digests and name in directory.digests)
