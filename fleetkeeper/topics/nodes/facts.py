"""What was seen of one machine: who we are there, and how far its clock is from ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from fleetkeeper.looking.fleet import Clock as NodeClock
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Facts(NodeClock):
    """One node.

    `ahead` is how many seconds its clock is ahead of ours, at best guess; the truth lies within ± `uncertainty` seconds
    (half of the round trip). `timezone` is its name (America/Toronto) or empty, `utc_offset` in seconds east of UTC.
    `uid` is who we are there, and `root_uid` who our sudo makes us (or why it does not).
    """

    topic: ClassVar[str] = "nodes"
    ahead: float
    uncertainty: float
    hostname: str
    timezone: str
    utc_offset: int
    uid: int | Unobservable
    root_uid: int | Unobservable
