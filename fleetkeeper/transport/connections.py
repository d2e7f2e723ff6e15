"""Connections as they are kept: one in each slot, and all of them in a register that closes them."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar
from weakref import WeakSet

from fleetkeeper.transport.commands import Unobservable

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
