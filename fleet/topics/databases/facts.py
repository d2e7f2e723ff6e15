"""What was seen of the database behind the backups, and what `remediate` wrote down about it before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from fleet.commands import Unobservable


@dataclass(frozen=True)
class Cluster:
    """One running server of the backups' service. `container` is the full id.

    `system` is its system identifier, made by initdb and never again the same; `directory` is its data directory in the
    container. `rows` counts the tables that the inventory names in `floors`; a table that is not there has -1.
    """

    container: str
    system: str
    directory: str
    rows: dict[str, int] = field(default_factory=dict)

    @property
    def born(self) -> datetime:
        """When initdb made it: the upper half of a system identifier is the time, in epoch seconds.

        >>> Cluster("", "7575134923612332072", "").born.year
        2025
        """
        return datetime.fromtimestamp(int(self.system) >> 32, UTC)


@dataclass(frozen=True)
class Accepted:
    """The database that a person, a drill or a restore found to be the right one.

    `volume` is the name (or the path) of its data volume, `node` where it was then.
    """

    system: str
    node: str
    volume: str
    at: datetime
    by: str


@dataclass(frozen=True)
class Drill:
    """One backup that was restored into a throwaway server. `error` is empty when it came back whole.

    `at` is when; `seconds` how long it took (the time to recover); `age` how old the backup was then, in seconds (what
    would have been lost). `rows` counts every table; `lacking` says what the live database had and the restored one
    did not.
    """

    backup: str
    at: datetime
    seconds: float
    age: float
    rows: dict[str, int] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class Records:
    """What is written down on the volume's node. `digest` is the SHA-256 of the file; empty when there is none."""

    accepted: Accepted | None = None
    drills: tuple[Drill, ...] = ()
    digest: str = ""


@dataclass(frozen=True)
class Facts:
    """One node: the servers of the backups' service that run there; `records` where the volume is, else None."""

    topic: ClassVar[str] = "databases"
    clusters: tuple[Cluster, ...] | Unobservable
    records: Records | Unobservable | None = None
