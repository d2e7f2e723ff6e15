"""What was seen of one volume and its disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True)
class VolumeEntry:
    """A file or directory below the volume's root: its path from there, and the bytes that it takes on the disk."""

    path: str
    used: int


@dataclass(frozen=True)
class Facts:
    """One volume, as seen from the node where it is counted. Sizes are in bytes on the disk.

    `entries` is the number of its files and directories, `disk` the size of its file system. `free` and `free_inodes`
    are what that has left for anybody but root; a file system without a table of inodes has 0 `inodes`. `biggest` are
    the biggest entries, the biggest first.
    """

    topic: ClassVar[str] = "volumes"
    path: str
    used: int
    entries: int
    disk: int
    free: int
    inodes: int
    free_inodes: int
    biggest: tuple[VolumeEntry, ...]
