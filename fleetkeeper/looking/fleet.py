"""One look at everything: the facts of every node and topic, and what could not be seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeVar, cast

from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


class Facts(Protocol):
    """What one topic saw on one node: a frozen dataclass that names its topic."""

    topic: ClassVar[str]


class Clock:
    """The part of a node's facts that every age needs: how many seconds its clock is ahead of ours, at best guess."""

    topic: ClassVar[str] = "nodes"
    ahead: float


HERE = ""
"""The machine that audits, in the place of a node's name: what a topic sees from there."""
F = TypeVar("F", bound=Facts)
T = TypeVar("T")


@dataclass(frozen=True)
class Fleet:
    """One look. `looked_at` is the controller's clock, in UTC; `facts` is keyed by node and topic."""

    inventory: Inventory
    looked_at: datetime
    facts: Mapping[tuple[str, str], Facts | Unobservable]

    def of(self, node: str, kind: type[F]) -> F:
        """The facts that a topic saw on a node.

        Raises the stored Unobservable, or one that says that the topic was not looked at there.
        """
        missing = Unobservable(f"{kind.topic} was not looked at", node=node)
        return cast(F, raise_if_unobservable(self.facts.get((node, kind.topic), missing), node))

    def now(self, node: str) -> datetime:
        """The node's own clock at the time of the look (controller's clock plus the node's measured skew)."""
        return self.looked_at + timedelta(seconds=self.of(node, Clock).ahead)


def raise_if_unobservable(value: T | Unobservable, node: str = "") -> T:
    """The value, when there is one. Raises it when it is Unobservable, naming the node.

    >>> raise_if_unobservable(3)
    3
    """
    if isinstance(value, Unobservable):
        raise replace(value, node=value.node or node)
    return value


def or_why(look: Callable[[], T]) -> T | Unobservable:
    """What was seen, or why it could not be."""
    try:
        return look()
    except Unobservable as why:
        return why
