"""A network of 50 ms: carries TCP connections to port 22 of the address they came to, later, and counts the flights.

A flight is all that a client sends until it hears something new: each costs a whole way there and back. Run by
`python -m benchmarks.delay PORT MILLISECONDS CONTROL`; who connects to the port CONTROL of 127.0.0.1 is told
`connections flights` since the last time.
"""

from __future__ import annotations

import asyncio
import resource
import sys
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

CHUNK = 1 << 16
TARGET = 22


@dataclass
class Traffic:
    """What has passed since it was last asked for."""

    connections: int = 0
    flights: int = 0

    def taken(self) -> str:
        """The counts as text; they begin again at zero.

        >>> counted = Traffic(2, 10)
        >>> counted.taken(), counted.taken()
        ('2 10', '0 0')
        """
        told = f"{self.connections} {self.flights}"
        self.connections = self.flights = 0
        return told


@dataclass
class Turns:
    """Whose turn it is to be heard on one connection: a client that speaks after its server begins a new flight.

    Making the connection is the first.

    >>> turns = Turns()
    >>> [turns.heard(client=client) for client in (False, True, True, False, True)]
    [False, True, False, False, True]
    """

    waiting: bool = field(default=True)

    def heard(self, *, client: bool) -> bool:
        """Note who speaks; whether that begins a flight."""
        begins = client and self.waiting
        self.waiting = not client
        return begins


@dataclass
class Proxy:
    """Delays each direction by `way` seconds."""

    way: float
    traffic: Traffic = field(default_factory=Traffic)
    running: set[asyncio.Task[None]] = field(default_factory=set)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)

    async def accept(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        """The kernel took the connection at once: the way there and back that this takes is waited for here."""
        self.traffic.connections += 1
        self.traffic.flights += 1
        address = back.get_extra_info("sockname")[0]
        await asyncio.sleep(2 * self.way)
        try:
            far, there = await asyncio.open_connection(address, TARGET)
        except OSError:
            back.close()
            return
        turns = Turns()
        self.spawn(self.carry(near, there, turns, client=True))
        self.spawn(self.carry(far, back, turns, client=False))

    async def carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, turns: Turns, *, client: bool
    ) -> None:
        """Everything from one side to the other, each piece as much later as the way is long."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await source.read(CHUNK):
                self.traffic.flights += client and turns.heard(client=True)
                loop.call_later(self.way, deliver, sink, data, turns, client)
        loop.call_later(self.way, sink.close)

    async def tell(self, _: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        back.write(self.traffic.taken().encode())
        back.close()


def deliver(sink: asyncio.StreamWriter, data: bytes, turns: Turns, client: bool) -> None:
    if not client:
        turns.heard(client=False)
    if not sink.is_closing():
        sink.write(data)


async def serve(port: int, way: float, control: int) -> None:
    proxy = Proxy(way)
    await asyncio.start_server(proxy.accept, "0.0.0.0", port, backlog=4096)  # noqa: S104 - of its own namespace
    server = await asyncio.start_server(proxy.tell, "127.0.0.1", control)
    await server.serve_forever()


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    listen, milliseconds, controlled = map(int, sys.argv[1:])
    asyncio.run(serve(listen, milliseconds / 2000, controlled))
