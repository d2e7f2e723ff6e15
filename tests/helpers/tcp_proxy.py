"""A proxy between us and a server on a loopback port, which can be cut: silently, or with a reset at a chosen byte."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager

RESET = struct.pack("ii", 1, 0)


class TcpProxy:
    """Carries TCP connections to `target`. New ones may be made after a reset, but not while it is silent."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.flowing = threading.Event()
        self.flowing.set()
        self.reset_after: int | None = None
        self.sent = 0
        self.sockets: list[socket.socket] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing gets through, and nobody notices."""
        self.flowing.clear()

    def accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                far = socket.create_connection(self.target)
                self.sockets += [near, far]
                threading.Thread(target=self.carry, args=(near, far, True), daemon=True).start()
                threading.Thread(target=self.carry, args=(far, near, False), daemon=True).start()

    def carry(self, source: socket.socket, sink: socket.socket, towards_server: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                self.flowing.wait()
                if towards_server:
                    data = self.counted(data)
                sink.sendall(data)
                if towards_server and self.reset_after == 0:
                    self.reset_after = None
                    self.reset(source, sink)
        with contextlib.suppress(OSError):
            sink.shutdown(socket.SHUT_WR)

    def counted(self, data: bytes) -> bytes:
        """What may still pass before the reset."""
        if self.reset_after is not None:
            data = data[: self.reset_after]
            self.reset_after -= len(data)
        self.sent += len(data)
        return data

    def reset(self, *both: socket.socket) -> None:
        for item in both:
            item.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)  # a close alone waits for the other thread's recv
            item.close()

    def close(self) -> None:
        self.listener.close()
        self.flowing.set()
        for item in self.sockets:
            with contextlib.suppress(OSError):
                item.close()


@contextmanager
def run_proxy(target: tuple[str, int]) -> Iterator[TcpProxy]:
    laid = TcpProxy(target)
    try:
        yield laid
    finally:
        laid.close()
