"""Open connections: slots that hold one each, and a register that closes them all."""

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
"""Seconds from the first packet to the accepted key, for one node."""
DEAD_FOR = 60.0
"""Seconds during which no new connection is tried to a node that could not be reached."""


class Closable(Protocol):
    """An open connection, socket or process."""

    def close(self) -> None:
        """Close it; may be called while another thread uses it."""
        ...


T = TypeVar("T", bound=Closable)


@dataclass
class ConnectionSlot(Generic[T]):
    """A slot for one connection: the open one (`held`), or why it failed (`dead`).

    `until` is the time (`time.monotonic`) up to which a failure is raised again without another try.
    """

    turn: threading.Lock = field(default_factory=threading.Lock)
    held: T | None = None
    dead: Unobservable | None = None
    until: float = 0.0

    def filled(self, opened: Callable[[], T]) -> T:
        """The open connection; `opened` makes a new one if there is none, or the old one is no longer alive.

        One thread opens it, the others wait. Other exceptions of `opened` go through. Raises the Unobservable that
        `opened` raised, also for DEAD_FOR seconds after that, without another try.
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
    """All open connections of a run, so that they can be closed at once."""

    def __init__(self) -> None:
        """A register without connections; each that is kept in it is closed with it."""
        self.open: WeakSet[Closable] = WeakSet()
        self.guard = threading.Lock()
        self.closed = False

    def keep(self, opened: T) -> T:
        """Add a connection to the register, and return it.

        Raises Unobservable, and closes it, when the register has been closed meanwhile.
        """
        with self.guard:
            if not self.closed:
                self.open.add(opened)
                return opened
        close_at_once(opened)
        raise Unobservable("stopped")

    def close(self) -> None:
        """Close all connections; those that are added later are closed at once."""
        with self.guard:
            self.closed = True
            opened = list(self.open)
        for closable in opened:
            close_at_once(closable)


def close_at_once(closable: Closable) -> None:
    """Close a connection so that a thread that waits in it wakes up. Ignores errors.

    A socket that still connects needs a shutdown for that.
    """
    with suppress(OSError, EOFError):
        if isinstance(closable, socket.socket):
            closable.shutdown(socket.SHUT_RDWR)
    with suppress(OSError, EOFError):
        closable.close()
