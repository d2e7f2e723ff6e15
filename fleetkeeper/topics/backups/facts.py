"""The entries of the backup directory, and the proofs about its files: the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.topics.backups.dump_contents import DumpContents
from fleetkeeper.transport.commands import Unobservable

Kind = Literal["file", "directory", "link", "other"]
State = Literal["complete", "broken", "unknown"]


@dataclass(frozen=True)
class File:
    """One entry of the directory; links are not followed.

    `mtime` and `changed` (ctime) are epoch seconds. `size` is in bytes, and `blocks` the bytes that it takes on the
    disk. Undecodable bytes in `name` are escaped with backslashes: such a name cannot match a pattern, and is shown
    only.
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
        """Inode, size and mtime: two entries that agree in all three are the same file."""
        return self.inode, self.size, self.mtime


@dataclass(frozen=True)
class DumpProof:
    """The result of streaming one file. `inode`, `size` and `mtime` identify the file; `why` is the reason in words.

    `state` "complete" and "broken" are proven; "unknown" is neither: the file could not be read to its end, changed
    meanwhile, or has content that is not understood. `lasting`: reading the same file again would give the same state.
    `contents` is what a complete one holds; None when that is not known.
    """

    name: str
    inode: int
    size: int
    mtime: float
    state: State
    why: str = ""
    lasting: bool = False
    contents: DumpContents | None = None

    @property
    def identity(self) -> tuple[int, int, float]:
        """Inode, size and mtime of the file that was streamed, as `File.identity`."""
        return self.inode, self.size, self.mtime


@dataclass(frozen=True)
class Storage:
    """What a directory lies on: the type of its file system (ext4, nfs4, tmpfs, …; empty where nobody knows).

    `unmounted` are mount points of /etc/fstab above it, or above what its volume is made of, on which nothing is
    mounted.
    """

    kind: str
    unmounted: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """The directory of the backups as seen from the volume's node.

    `directory` is its path there. `verified` has a proof for each file that was streamed, or whose proof was
    remembered. `storage` is None when it was not asked for.
    """

    topic: ClassVar[str] = "backups"
    directory: str
    files: tuple[File, ...] | Unobservable
    verified: tuple[DumpProof, ...] | Unobservable = ()
    storage: Storage | None = None
