"""Observers: each collects one kind of facts."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetkeeper.looking.fleet import Facts
from fleetkeeper.transport.commands import Command, Output

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node

Look = Generator[Sequence[Command], list[Output], Any]


@dataclass(frozen=True)
class Observer:
    """Collects one kind of facts: on each node, and with `from_here` also from the auditing machine.

    `observe` yields the commands of a round trip, is sent their outputs, and returns facts, or None where there is
    nothing to look for. `from_here` sets its own limits of time.
    """

    facts: type[Facts]
    observe: Callable[[Node, Inventory], Look]
    from_here: Callable[[Inventory], Facts | None] | None = None

    @property
    def name(self) -> str:
        """The key of its facts in a look and in a recording: the topic's name."""
        return self.facts.topic


Observers = Mapping[str, Observer]
