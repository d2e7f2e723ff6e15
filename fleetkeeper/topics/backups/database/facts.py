"""The database servers behind the backups, and the record that `remediate` keeps about them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import AwareDatetime

from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Cluster:
    """One running server of the backups' service.

    `container` is the full container id. `system` is the server's system identifier, made by initdb and never again the
    same; `directory` is its data directory in the container. `rows` has the row counts of the tables that the inventory
    names in `floors`, by table name; -1 for a table that does not exist.
    """

    container: str
    system: str
    directory: str
    rows: dict[str, int] = field(default_factory=dict)

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
class Facts:
    """One node: the servers of the backups' service that run there; `records` where the volume is, else None."""

    topic: ClassVar[str] = "databases"
    clusters: tuple[Cluster, ...] | Unobservable
    records: Records | Unobservable | None = None
