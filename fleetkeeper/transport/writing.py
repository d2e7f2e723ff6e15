"""The part of a link that sends data to a node: imported by remediate's apply step alone.

All other code uses `Link.ask`. A stream is binary both ways, and its end is never taken for success: a connection
that dies while `cat > file` is fed looks like a normal end of file to the node (FIFO semantics of sh), so the writer
compares length and digest on the node before it reports success.
"""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.link import Link


class Stream(Protocol):
    """A running command on a node: bytes in, bytes out. Leaving the `with` block closes it."""

    def write(self, data: bytes) -> None:
        """Send all of `data` to the command's standard input. Raises Unobservable when the connection is gone."""
        ...

    def close_write(self) -> None:
        """End the command's standard input. May be called twice."""
        ...

    def read(self, size: int = 65536) -> bytes:
        """Up to `size` bytes of standard output, as soon as there are any; b"" at its end.

        Raises Unobservable when the connection was lost before the command ended.
        """
        ...

    def wait(self, limit: float = 30.0) -> int | None:
        """The exit status: close standard input, drop the remaining output, and wait up to `limit` seconds.

        None: the command did not end in time, or the connection was lost; whether it did its work is then unknown.
        """
        ...

    @property
    def err(self) -> bytes:
        """The last 64 KiB that the command has written to standard error so far."""
        ...

    def close(self) -> None:
        """Close the stream: the command gets the end of its input, and SIGPIPE or SIGHUP where the link gives one."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class WritingLink(Link, Protocol):
    """A link that can also carry streams."""

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        """Start a command on the node; its words arrive unchanged, whatever the login shell.

        Returns once the command has started (as sudo and /bin/sh reported). Raises Unobservable when it could not be.
        """
        ...


def writing_link(link: Link) -> WritingLink:
    """The same link, if it can carry streams. Raises Unobservable when it cannot (other testinfra connections)."""
    if isinstance(link, WritingLink):
        return link
    raise Unobservable(
        "nothing can be changed through this connection: it carries no data",
        hint="reach the node over SSH, with `connection: ssh`, or with `connection: local`",
    )
