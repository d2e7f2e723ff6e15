"""The result of one look: the facts of every node and topic, and the failed observations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


class Facts(Protocol):
    """What one topic observed on one node: a frozen dataclass with the topic's name."""

    topic: ClassVar[str]


class Clock:
    """The part of the facts of `nodes` that every age needs.

    `ahead` is the best estimate of how many seconds the node's clock is ahead of the controller's.
    """

    topic: ClassVar[str] = "nodes"
    ahead: float


HERE = ""
"""The key, in place of a node's name, of facts that a topic observes from the auditing machine."""
F = TypeVar("F", bound=Facts)
T = TypeVar("T")


@dataclass(frozen=True)
class Fleet:
    """One look. `looked_at` is its time by the controller's clock, in UTC; `facts` are by (node, topic)."""

    inventory: Inventory
    looked_at: datetime
    facts: Mapping[tuple[str, str], Facts | Unobservable]

    def of(self, node: str, kind: type[F]) -> F:
        """The facts of class `kind` on a node.

        Raises the stored Unobservable, or a new one when the topic was not looked at there.
        """
        missing = Unobservable(f"{kind.topic} was not looked at", node=node)
        return cast(F, raise_if_unobservable(self.facts.get((node, kind.topic), missing), node))

    def now(self, node: str) -> datetime:
        """The time of the look by the node's own clock (the controller's plus the measured skew), in UTC.

        Raises Unobservable when the node's clock could not be read.
        """
        return self.looked_at + timedelta(seconds=self.of(node, Clock).ahead)


def raise_if_unobservable(value: T | Unobservable, node: str = "") -> T:
    """The value itself; raises it, with the node's name filled in, when it is an Unobservable.

    >>> raise_if_unobservable(3)
    3
    """
    if isinstance(value, Unobservable):
        raise replace(value, node=value.node or node)
    return value


def or_why(look: Callable[[], T]) -> T | Unobservable:
    """The result of `look`, or the Unobservable that it raised; other exceptions go through."""
    try:
        return look()
    except Unobservable as why:
        return why
