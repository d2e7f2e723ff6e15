"""Deleting files that are exactly the ones that were seen, and no others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from remediate.steps.base import checked_path


@dataclass(frozen=True)
class Identified:
    """One file, told apart from any other that may have taken its name. `mtime` is in whole epoch seconds (floor).

    `note` says why it may go, or why it stays.
    """

    name: str
    inode: int
    size: int
    mtime: int
    note: str = ""

    def __post_init__(self) -> None:
        odd = any(ord(char) < 32 for char in self.name) or self.name.startswith("-")
        if odd or "/" in self.name or self.name in {"", ".", ".."}:
            raise ValueError(f"not a plain file name: {self.name!r}")


@dataclass(frozen=True)
class DeleteFiles:
    """Delete these files, in this order, while all `survivors` are still there unchanged. There is no way back.

    A file that is no longer the one that was seen (inode, size, time, a link, not a regular file) is skipped and said.
    """

    node: str
    directory: str
    files: tuple[Identified, ...]
    survivors: tuple[Identified, ...] = ()
    kind: Literal["delete_files"] = "delete_files"

    def __post_init__(self) -> None:
        checked_path(self.directory)
        if {file.name for file in self.files} & {file.name for file in self.survivors}:
            raise ValueError("a file cannot be deleted and survive")
