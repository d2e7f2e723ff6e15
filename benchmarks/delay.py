"""A network of 50 ms: carries TCP connections to port 22 of the address they came to, later, and counts round trips.

Run by `python -m benchmarks.delay PORT MILLISECONDS CONTROL`; who connects to the port CONTROL of 127.0.0.1 is told
`connections trips` since the last time.
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
    trips: int = 0

    def taken(self) -> str:
        """The counts as text; they begin again at zero.

        >>> counted = Traffic(2, 10)
        >>> counted.taken(), counted.taken()
        ('2 10', '0 0')
        """
        text = f"{self.connections} {self.trips}"
        self.connections = self.trips = 0
        return text


@dataclass
class Trips:
    """How long the longest chain of waiting is on one connection, in round trips: what one side says after it has
    heard the other waits for it, what both say at once does not (Lamport's clock). Making the connection is the first.

    >>> trips = Trips()
    >>> greeting = trips.said(client=False)             # both greet at once ...
    >>> trips.heard(trips.said(client=True), client=False), trips.heard(greeting, client=True)
    (0, 1)
    >>> trips.heard(trips.said(client=True), client=False)     # ... and then one asks, and the other answers
    0
    >>> trips.heard(trips.said(client=False), client=True), trips.client
    (1, 3)
    """

    client: int = 1
    server: int = 1

    def said(self, *, client: bool) -> int:
        """The number of trips after which what a side says now will have been heard by the client."""
        return self.client if client else self.server + 1

    def heard(self, number: int, *, client: bool) -> int:
        """Note that a side hears what was said under a number; by how much that makes the client's chain longer."""
        if not client:
            self.server = max(self.server, number)
            return 0
        longer = max(0, number - self.client)
        self.client += longer
        return longer


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
        """The kernel took the connection at once: the way there and back that this takes is waited for here.

        The server would know of it one way later still, and says nothing before.
        """
        self.traffic.connections += 1
        self.traffic.trips += 1
        address = back.get_extra_info("sockname")[0]
        await asyncio.sleep(2 * self.way)
        try:
            far, present = await asyncio.open_connection(address, TARGET)
        except OSError:
            back.close()
            return
        trips = Trips()
        self.spawn(self.carry(near, present, trips, client=True))
        await asyncio.sleep(self.way)
        self.spawn(self.carry(far, back, trips, client=False))

    async def carry(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, trips: Trips, *, client: bool
    ) -> None:
        """Everything from one side to the other, each piece as much later as the way is long."""
        loop = asyncio.get_running_loop()
        with suppress(OSError):
            while data := await source.read(CHUNK):
                loop.call_later(self.way, self.deliver, sink, data, trips, trips.said(client=client), not client)
        loop.call_later(self.way, sink.close)

    def deliver(self, sink: asyncio.StreamWriter, data: bytes, trips: Trips, number: int, to_client: bool) -> None:
        self.traffic.trips += trips.heard(number, client=to_client)
        if not sink.is_closing():
            sink.write(data)

    async def tell(self, _: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        back.write(self.traffic.taken().encode())
        back.close()


async def serve(port: int, route: float, control: int) -> None:
    proxy = Proxy(route)
    await asyncio.start_server(proxy.accept, "0.0.0.0", port, backlog=4096)  # noqa: S104 - of its own namespace
    server = await asyncio.start_server(proxy.tell, "127.0.0.1", control)
    await server.serve_forever()


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    listen, milliseconds, controlled = map(int, sys.argv[1:])
    asyncio.run(serve(listen, milliseconds / 2000, controlled))
