"""One way out of a container, as the rule about privileges looks for it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from fleetkeeper.judging.finding import Severity
from fleetkeeper.topics.containers.facts import Container

RAW = (
    *("/dev/mem", "/dev/kmem", "/dev/port", "/dev/sd", "/dev/hd", "/dev/vd", "/dev/xvd", "/dev/nvme", "/dev/mmcblk"),
    *("/dev/dm-", "/dev/mapper", "/dev/md", "/dev/disk", "/dev/block", "/dev/nbd", "/dev/rbd", "/dev/zd", "/dev/zvol"),
    *("/dev/bcache", "/dev/drbd"),
)
"""How the names of raw memory and of disks of the node begin."""


@dataclass(frozen=True)
class Escape:
    """One way out of a container: the benchmark's id, the text of the finding, its severity, and why it matters.

    `also` are further ids that it breaks.
    """

    cis: str
    saw: str
    want: str
    severity: Severity = "error"
    why: str = "whoever gets into the container can get out of it, onto the node"
    also: tuple[str, ...] = ()


Way = Callable[[Container], Iterator[Escape]]
