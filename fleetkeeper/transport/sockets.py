"""Sockets that lead towards a node: TCP, a proxy command's pipes, an agent's socket; each with a time limit."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from fleetkeeper.readers.lines import last_line
from fleetkeeper.transport.commands import Unobservable

SILENT = 30_000
"""Milliseconds without acknowledgement after which the kernel drops a connection (tcp(7), TCP_USER_TIMEOUT)."""
LAST_WORDS = 1000

CHUNK = 1 << 15
QUICK: int | None = getattr(socket, "TCP_QUICKACK", None)


def seconds_left(deadline: float) -> float:
    """Seconds until a `time.monotonic` deadline, at least 0.05."""
    return max(0.05, deadline - time.monotonic())


def describe_error(error: BaseException) -> str:
    """The text of an error; for one without a text, a short description of its type.

    >>> describe_error(EOFError()), describe_error(OSError("no route")), describe_error(TimeoutError())
    ('it hung up', 'no route', 'no answer in time')
    """
    silent: dict[type[BaseException], str] = {EOFError: "it hung up", TimeoutError: "no answer in time"}
    return str(error) or silent.get(type(error), type(error).__name__)


Keep = Callable[[socket.socket], socket.socket]


@dataclass(frozen=True)
class Destination:
    """A host and port to connect to. `family` and `bind`, a local address, limit the connection (ssh_config(5))."""

    host: str
    port: int
    family: int = socket.AF_UNSPEC
    bind: str = ""


def connect_tcp(destination: Destination, deadline: float, keep: Keep) -> socket.socket:
    """A connection to the first address of the host that accepts one; `keep` gets each socket before it connects.

    `deadline` is a `time.monotonic` time, shared by all addresses. Raises Unobservable with the error of the last
    address, or when the name cannot be resolved.
    """
    addresses = addresses_of_host(destination, deadline)
    trouble = "no address"
    for number, (family, address) in enumerate(addresses):
        share = seconds_left(deadline) / (len(addresses) - number)
        connection = keep(TcpSocket(family, socket.SOCK_STREAM))
        try:
            connection.settimeout(share)
            if destination.bind:
                connection.bind((destination.bind, 0))
            connection.connect(address)
        except TimeoutError:
            trouble = f"{address[0]} port {destination.port} did not answer in time"
        except OSError as error:
            from_ = f" from {destination.bind}" if destination.bind else ""
            trouble = f"{address[0]} port {destination.port}{from_}: {(error.strerror or str(error)).lower()}"
        else:
            tune_socket(connection)
            return connection
        connection.close()
    raise Unobservable(trouble)


def tune_socket(connection: socket.socket) -> None:
    """Set options: no delay to fill packets (Nagle costs 40 ms a question), and a dead peer noticed within 30 s."""
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT)


class TcpSocket(socket.socket):
    """A TCP socket that reads ahead, and acknowledges at once what it has read (tcp(7), TCP_QUICKACK, does not last).

    paramiko reads every packet in two pieces, of which one is a few bytes: that would be sixty system calls a look.

    sshd has Nagle on until a session runs: its answer to the first channel waits for our acknowledgement of what it
    announces before, which the kernel would put off by 40 ms, once for each node.
    """

    ahead = b""
    given = 0

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Up to `size` bytes from the buffer, which is filled when it is empty; b"" at the end.

        Raises OSError, as `socket.recv` does.
        """
        if self.given == len(self.ahead):
            self.ahead, self.given = super().recv(max(size, CHUNK), flags), 0
            if QUICK is not None:
                self.setsockopt(socket.IPPROTO_TCP, QUICK, 1)
        data = self.ahead[self.given : self.given + size]
        self.given += len(data)
        return data


Address = tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]


def addresses_of_host(destination: Destination, deadline: float) -> list[Address]:
    """The addresses of a host. The resolver has longer time limits than ours, so it runs in a thread.

    Raises Unobservable when the name cannot be resolved, or not before the deadline. An address in digits is not looked
    up, and is given as it is.
    """
    with suppress(socket.gaierror, UnicodeError):
        return look_up_host(destination, socket.AI_NUMERICHOST)
    answer: list[list[Address] | socket.gaierror] = []

    def ask() -> None:
        """Append the addresses, or the resolver's error, to `answer`."""
        try:
            answer.append(look_up_host(destination, 0))
        except (socket.gaierror, UnicodeError) as error:
            answer.append(error if isinstance(error, socket.gaierror) else socket.gaierror(0, str(error)))

    aside = threading.Thread(target=ask, daemon=True)
    aside.start()
    aside.join(seconds_left(deadline))
    if not answer:
        raise Unobservable(f"the name {destination.host} was not resolved in time")
    if isinstance(answer[0], socket.gaierror):
        raise Unobservable(f"the name {destination.host} cannot be resolved ({answer[0].strerror})")
    return answer[0]


def look_up_host(destination: Destination, flags: int) -> list[Address]:
    """The addresses from getaddrinfo(3) with these flags. Raises socket.gaierror or UnicodeError."""
    matches = socket.getaddrinfo(
        destination.host, destination.port, family=destination.family, type=socket.SOCK_STREAM, flags=flags
    )
    return [(family, address) for family, _, _, _, address in matches]  # type: ignore[misc]


def unix_socket(path: str) -> socket.socket:
    """A connection to the Unix socket at this path, with a timeout of 10 s. Raises OSError."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    try:
        connection.connect(path)
    except OSError:
        connection.close()
        raise
    return connection


class ProxyCommand(socket.socket):
    """A real socket whose other end is the standard input and output of the user's ProxyCommand.

    `said` is a temporary file with the command's standard error.
    """

    child: subprocess.Popen[bytes]
    said: IO[bytes]

    @classmethod
    def started(cls, command: str) -> ProxyCommand:
        """Run the command as ssh does: by a shell, with `exec` before it.

        The socket is connected to its standard input and output; standard error goes to a temporary file. Raises
        OSError when it cannot be started.
        """
        ours, theirs = socket.socketpair()
        connection = cls(fileno=ours.detach())
        connection.said = tempfile.TemporaryFile()  # noqa: SIM115 - is read after the end, and ends with its owner
        with theirs:
            connection.child = subprocess.Popen(
                ("/bin/sh", "-c", f"exec {command}"),
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=connection.said,
                start_new_session=True,
            )
        return connection

    def ended(self) -> str:
        """The last line of the command's standard error, or its exit status, once it has ended; "" while it runs.

        Waits 0.2 s for it. At most 200 characters.
        """
        try:
            status = self.child.wait(0.2)
        except subprocess.TimeoutExpired:
            return ""
        self.said.seek(max(0, self.said.seek(0, os.SEEK_END) - LAST_WORDS))
        text = last_line(self.said.read().decode("utf-8", "replace"))[:200]
        return text or f"status {status}, nothing was said"

    def close(self) -> None:
        """Close the socket, and end the command with SIGTERM."""
        super().close()
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child.pid, signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.child.wait(1)
