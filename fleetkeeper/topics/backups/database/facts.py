"""The database servers behind the backups, and the record that `remediate` keeps about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import AwareDatetime

from fleetkeeper.transport.commands import Unobservable

LARGE_OBJECTS = "pg_catalog.pg_largeobject"
"""What large objects are called beside the tables, in the live database and in dumps; `left_out` takes it, too."""


@dataclass(frozen=True)
class LiveTable:
    """A table of the live database that has rows: `schema.table`, without quotes. Large objects count as one.

    `root` is the topmost table that it inherits from or is a partition of, else its own name. `born` is when its file
    was made, `written` when that was last written, by the node's clock, in epoch seconds: it existed then. None where
    the file could not be asked.
    """

    name: str
    root: str = ""
    born: float | None = None
    written: float | None = None

    @property
    def existed(self) -> float | None:
        """A time (epoch seconds) at which it existed already; None when none is known."""
        return min((time for time in (self.born, self.written) if time is not None), default=None)


@dataclass(frozen=True)
class Disk:
    """The file system under a data directory: its type in Linux' words (ext4, tmpfs, overlay), and what is free.

    `free` is in bytes; a file system without a table of inodes has 0 `inodes`.
    """

    kind: str
    size: int
    free: int
    inodes: int = 0
    free_inodes: int = 0


@dataclass(frozen=True)
class ShownFile:
    """A file that the container sees among the backups: bytes, and mtime in whole epoch seconds."""

    name: str
    size: int
    mtime: int


@dataclass(frozen=True)
class OtherDatabase:
    """Another database of the server: whether any of its tables has rows, None where that was not seen."""

    name: str
    filled: bool | None


@dataclass(frozen=True)
class BackupsView:
    """What the container sees where the backups are mounted in it: the files written last, the latest first.

    `directory` is its path there; `files` is None when there is no such directory, or it cannot be read.
    """

    directory: str
    files: tuple[ShownFile, ...] | None = ()


@dataclass(frozen=True)
class Cluster:
    """One running server of the backups' service.

    `container` is the full container id. `system` is the server's system identifier, made by initdb and never again the
    same; `directory` is its data directory in the container. `rows` has the row counts of the tables that the inventory
    names in `floors`, by table name; -1 for a table that does not exist.

    `database` is the name of the database that is dumped. `tables` are those of its tables that have rows, at most 300,
    the biggest first, and `unread` is how many the role could not look into; both are None when they were not asked
    for. `available` are the extensions that the server could create. `disk` is under the data directory. `view` is what
    the container shows of the backups; None where it mounts nothing there. `unmounted` has pairs (path in the
    container, mount point): the mount comes from below a mount point of /etc/fstab on which nothing is mounted.
    `others` are up to 20 other databases of the server, without templates; None where they were not asked for.
    """

    container: str
    system: str
    directory: str
    rows: dict[str, int] = field(default_factory=dict)
    database: str = ""
    tables: tuple[LiveTable, ...] | None = None
    unread: int | None = None
    available: tuple[str, ...] | None = None
    disk: Disk | None = None
    view: BackupsView | None = None
    unmounted: tuple[tuple[str, str], ...] = ()
    others: tuple[OtherDatabase, ...] | None = None

    @property
    def born(self) -> datetime:
        """When initdb made the cluster (UTC): the upper half of a system identifier is the time, in epoch seconds.

        >>> Cluster("", "7575134923612332072", "").born.year
        2025
        """
        return datetime.fromtimestamp(int(self.system) >> 32, UTC)


@dataclass(frozen=True)
class Accepted:
    """The database that a person, a drill or a restore accepted as the right one.

    `system` is its system identifier. `volume` is the name (or the path) of its data volume and `node` its node at that
    time. `at` is when it was accepted, and `by` by whom.
    """

    system: str
    node: str
    volume: str
    at: AwareDatetime
    by: str


@dataclass(frozen=True)
class AcceptedSize:
    """The size (bytes) of a complete dump that a person accepted: from then on other dumps are compared with it.

    `backup` is the name of that dump and `made` when it was made; `at` is when it was accepted, `by` by whom, and
    `because` the reason.
    """

    backup: str
    size: int
    made: AwareDatetime
    at: AwareDatetime
    by: str
    because: str


@dataclass(frozen=True)
class Drill:
    """One backup that was restored into a throwaway server. `error` is empty when all of its data was restored.

    `at` is when; `seconds` how long it took (the time to recover); `age` how old the backup was then, in seconds (the
    data of that time would have been lost). `rows` has the row count of every table, by table name. `lacking` lists the
    missing extensions, tables and rows, in words. `refused` is the reason why the drill could not be tried at all (no
    room, no image), else empty: a refused drill proves nothing, either way.
    """

    backup: str
    at: AwareDatetime
    seconds: float
    age: float
    rows: dict[str, int] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    error: str = ""
    refused: str = ""


@dataclass(frozen=True)
class Records:
    """The record on the volume's node. `digest` is the SHA-256 (hex) of its file.

    Empty when the file does not exist.
    """

    accepted: Accepted | None = None
    drills: tuple[Drill, ...] = ()
    digest: str = ""
    size: AcceptedSize | None = None

    @property
    def last_drill(self) -> Drill | None:
        """The latest drill that was not refused; None without one."""
        return max((drill for drill in self.drills if not drill.refused), key=lambda drill: drill.at, default=None)


@dataclass(frozen=True)
class SilentServer:
    """A server of the backups' service that takes no connection: its container's full id, and why, in its own words."""

    container: str
    why: str


@dataclass(frozen=True)
class Facts:
    """One node: the servers of the backups' service that run there; `records` where the volume is, else None.

    `silent` are the servers that take no connection: `clusters` is Unobservable then.
    """

    topic: ClassVar[str] = "databases"
    clusters: tuple[Cluster, ...] | Unobservable
    records: Records | Unobservable | None = None
    silent: tuple[SilentServer, ...] = ()
