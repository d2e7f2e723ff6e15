"""What was seen of one machine: the rights of our account there, and the difference between its clock and ours."""

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
    `uid` is that of our account there, and `root_uid` the uid that sudo gives it, or why it gives none. `silent` is why
    the node's Docker engine does not answer, in words, or why that is not known; empty where it does, or there is none.
    """

    topic: ClassVar[str] = "nodes"
    ahead: float
    uncertainty: float
    hostname: str
    timezone: str
    utc_offset: int
    uid: int | Unobservable
    root_uid: int | Unobservable
    silent: str | Unobservable = ""
