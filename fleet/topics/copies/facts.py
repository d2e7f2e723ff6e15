"""The newest backups at both of their places, as seen: names and digests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from fleet.commands import Unobservable

DIGESTED = 3
"""So many of the newest are compared: the newest of all may be broken, or still on its way."""


@dataclass(frozen=True)
class Place:
    """One place: the names of its backups, and the SHA-256 of the newest ones, by name."""

    names: tuple[str, ...] = ()
    digests: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """One node: the volume of the backups if it is `here`, their second place if it is `there`."""

    topic: ClassVar[str] = "copies"
    here: Place | Unobservable | None = None
    there: Place | Unobservable | None = None


def same(name: str, here: Place, there: Place) -> bool:
    """Whether a backup is at both places, byte for byte."""
    return name in here.digests and here.digests[name] == there.digests.get(name)


def differs(name: str, here: Place, there: Place) -> bool:
    """Whether another file has its name at the second place."""
    return name in here.digests and name in there.digests and not same(name, here, there)
