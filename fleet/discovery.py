"""Where a service runs today: found in the containers of all nodes, never assumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleet.facts import Fleet

if TYPE_CHECKING:
    from fleet.topics.containers import Container


@dataclass(frozen=True)
class Placement:
    """One running container of a service, and the node it runs on."""

    node: str
    container: Container


def placements(fleet: Fleet, service: str) -> tuple[Placement, ...]:
    """Every running container of a service (key of the inventory's `services`), on all nodes.

    Raises Unobservable while a node that could hold one was not seen: none, one and many would all be guesses.
    """
    raise NotImplementedError
