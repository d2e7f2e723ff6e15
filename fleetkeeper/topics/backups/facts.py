"""What stands in the directory of the backups, and what is known about each file there: the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable

Kind = Literal["file", "directory", "link", "other"]
State = Literal["complete", "broken", "unknown"]


@dataclass(frozen=True)
class File:
    """One entry of the directory, not followed. `mtime` and `changed` (ctime) are epoch seconds, `size` is in bytes.

    `blocks` is what it takes on the disk, in bytes. Undecodable bytes in `name` are escaped with backslashes: such a
    name cannot match a pattern, and is shown only.
    """

    name: str
    size: int
    mtime: float
    inode: int
    kind: Kind = "file"
    device: int = 0
    links: int = 1
    uid: int = 0
    blocks: int = 0
    changed: float = 0.0

    @property
    def identity(self) -> tuple[int, int, float]:
        """What a file has to be the same in to be the same file: inode, size and mtime."""
        return self.inode, self.size, self.mtime


@dataclass(frozen=True)
class DumpProof:
    """What streaming one file showed. `inode`, `size` and `mtime` say which file it was; `why` is for a person.

    `complete` and `broken` are proven; `unknown` is neither: it could not be read to its end, changed meanwhile, or
    holds what is not understood. `lasting`: reading the same file again would show the same.
    """

    name: str
    inode: int
    size: int
    mtime: float
    state: State
    why: str = ""
    lasting: bool = False

    @property
    def identity(self) -> tuple[int, int, float]:
        return self.inode, self.size, self.mtime


@dataclass(frozen=True)
class Facts:
    """The directory as seen from the volume's node.

    `directory` is its path there. `verified` holds a result for each file that was streamed (or remembered).
    """

    topic: ClassVar[str] = "backups"
    directory: str
    files: tuple[File, ...] | Unobservable
    verified: tuple[DumpProof, ...] | Unobservable = ()
