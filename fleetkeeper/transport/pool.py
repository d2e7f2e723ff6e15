"""All links of a run: one a node, opened when it is first needed, shared by whoever asks, closed together."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Generic, Protocol, Self, TypeVar
from weakref import WeakSet

from fleetkeeper.imports import later
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.ssh.openssh import OpenSSHLink

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.transport.ssh.routes import Routes

CONNECT_LIMIT = 10.0
"""Seconds for everything from the first packet to the accepted key, for one node."""
DEAD_FOR = 60.0
"""Seconds for which a node that could not be reached is not tried again."""


class Closable(Protocol):
    """Anything open."""

    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)


@dataclass
class ConnectionSlot(Generic[T]):
    """Room for one connection: the connection, or why there is none (and until when that is believed)."""

    turn: threading.Lock = field(default_factory=threading.Lock)
    held: T | None = None
    dead: Unobservable | None = None
    until: float = 0.0

    def filled(self, opened: Callable[[], T]) -> T:
        """What stands here; opened now if nothing does, or if it has died since. One thread opens, the others wait.

        Raises the Unobservable that `opened` raised, for a while without trying again.
        """
        with self.turn:
            if self.held is not None and getattr(self.held, "alive", True):
                return self.held
            if self.dead and time.monotonic() < self.until:
                raise self.dead
            try:
                self.held, self.dead = opened(), None
            except Unobservable as why:
                self.dead, self.until = why, time.monotonic() + DEAD_FOR
                raise
            return self.held


class Register:
    """Everything that is open, so that it can be closed at once by whoever has to stop."""

    def __init__(self) -> None:
        self.open: WeakSet[Closable] = WeakSet()
        self.guard = threading.Lock()
        self.closed = False

    def keep(self, opened: T) -> T:
        """Note what has to be closed in the end. Raises Unobservable when that end has come meanwhile."""
        with self.guard:
            if not self.closed:
                self.open.add(opened)
                return opened
        close(opened)
        raise Unobservable("stopped")

    def close(self) -> None:
        with self.guard:
            self.closed = True
            opened = list(self.open)
        for closable in opened:
            close(closable)


def close(closable: Closable) -> None:
    """Close it so that a thread that waits in it wakes up (a socket that still connects needs a shutdown)."""
    with suppress(OSError, EOFError):
        if isinstance(closable, socket.socket):
            closable.shutdown(socket.SHUT_RDWR)
    with suppress(OSError, EOFError):
        closable.close()


class Links:
    """The ways to the nodes of one inventory. Use it as a context manager, or `close()` it; any thread may."""

    def __init__(self, inventory: Inventory, ssh_config: str | None = None, limit: float = CONNECT_LIMIT) -> None:
        """`ssh_config` replaces the user's own configuration, as `ssh -F` does; `limit` is in seconds."""
        self.inventory = inventory
        self.ssh_config = ssh_config
        self.limit = limit
        self.register = Register()
        self.places: dict[str, ConnectionSlot[Link]] = {}
        self.guard = threading.Lock()

    def to(self, node: Node) -> Link:
        """The link to a node, open.

        Raises Unobservable, with the node's name, when it cannot be reached within the limit.
        """
        with self.guard:
            location = self.places.setdefault(node.name, ConnectionSlot())
        if self.register.closed:
            raise Unobservable("stopped", node=node.name)
        try:
            return location.filled(lambda: self.register.keep(self.opened(node)))
        except Unobservable as why:
            raise replace(why, node=why.node or node.name) from None

    def opened(self, node: Node) -> Link:
        """Open a link of the kind that the inventory asks for. Libraries are imported when they are needed."""
        if node.connection == "local":
            return LocalLink(node.sudo)
        if node.connection == "ssh":
            return OpenSSHLink(node, self.inventory, self.ssh_config, self.limit, self.register.keep)
        if node.connection:
            from fleetkeeper.transport.testinfra import TestinfraLink

            return TestinfraLink(node.connection, node.sudo)
        return self.routes.link(node)

    @cached_property
    def routes(self) -> Routes:
        """Our own SSH. Imports paramiko (a quarter of a second)."""
        with later("invoke"):  # paramiko wants it for `Match exec` of its own reader of ssh_config alone
            from fleetkeeper.transport.ssh.routes import Routes

        return Routes(self.inventory, self.register.keep, self.ssh_config, self.limit)

    def let_go(self, name: str) -> None:
        """Close the connection to a node, unless the way to another leads through it; who asks again gets a new one.

        An idle connection holds a thread and 75 KiB. That a node could not be reached stays known.
        """
        location = self.places.get(name)
        if location is None or location.held is None or name in self.jumps:
            return
        with self.guard:
            del self.places[name]
        close(location.held)
        if "routes" in self.__dict__ and not self.inventory.nodes[name].connection:
            self.routes.forget(self.inventory.nodes[name])

    @cached_property
    def jumps(self) -> frozenset[str]:
        """The nodes through which others are reached."""
        return frozenset(node.jump for node in self.inventory.nodes.values() if node.jump)

    def close(self) -> None:
        """Close everything at once: whoever waits for an answer in another thread gets none."""
        self.register.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
