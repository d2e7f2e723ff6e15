"""What was seen of the database behind the backups, and what `remediate` wrote down about it before."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import ClassVar

from pydantic import AwareDatetime

from fleetkeeper.transport.commands import Unobservable


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
    at: AwareDatetime
    by: str


@dataclass(frozen=True)
class AcceptedSize:
    """The size (bytes) of a whole dump that a person said is right: from then on others are compared with it.

    `backup` is its name and `made` when it was made; `at` is when it was accepted, `by` whom and `because` of what.
    """

    backup: str
    size: int
    made: AwareDatetime
    at: AwareDatetime
    by: str
    because: str


@dataclass(frozen=True)
class Drill:
    """One backup that was restored into a throwaway server. `error` is empty when it came back whole.

    `at` is when; `seconds` how long it took (the time to recover); `age` how old the backup was then, in seconds (what
    would have been lost). `rows` counts every table; `lacking` says what the live database had and the restored one
    did not. `refused` says why it could not be tried at all (no room, no image): then it proves nothing, either way.
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
    """What is written down on the volume's node. `digest` is the SHA-256 of the file; empty when there is none."""

    accepted: Accepted | None = None
    drills: tuple[Drill, ...] = ()
    digest: str = ""
    size: AcceptedSize | None = None

    @property
    def last_drill(self) -> Drill | None:
        """The last drill that proved something: one that was refused did not."""
        return max((drill for drill in self.drills if not drill.refused), key=lambda drill: drill.at, default=None)


@dataclass(frozen=True)
class Facts:
    """One node: the servers of the backups' service that run there; `records` where the volume is, else None."""

    topic: ClassVar[str] = "databases"
    clusters: tuple[Cluster, ...] | Unobservable
    records: Records | Unobservable | None = None
