"""Channels and streams over the pipes of a local process: /bin/sh itself, or the OpenSSH client."""

from __future__ import annotations

import os
import select
import selectors
import signal
import socket
import subprocess
import threading
import time
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from types import TracebackType
from typing import IO, Self, cast

from fleetkeeper.readers.lines import last_line
from fleetkeeper.transport.commands import Unobservable

CHUNK = 1 << 16
LEAVE = 4.0
"""Seconds that a process, and what it started, gets to end by itself once its standard input is closed."""
STALLED = 60.0
"""Seconds after which a write fails when the other side takes no data."""
ERR_KEPT = 1 << 16


class Process:
    """A child process in a session of its own, with three binary pipes.

    The session keeps a Ctrl-C at the terminal from the child: passing it on is up to us.
    """

    def __init__(self, argv: Sequence[str], leave: float | None = None) -> None:
        """Start it; `leave` is how many seconds it gets to end by itself.

        Raises Unobservable when it cannot be started. It leads a process group of its own, with pipes for its three
        standard streams.
        """
        self.leave = LEAVE if leave is None else leave
        try:
            self.child = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                bufsize=0,
            )
        except OSError as error:
            raise Unobservable(f"cannot start {argv[0]}: {error.strerror}") from None
        self.stdin, self.stdout, self.stderr = (
            cast(IO[bytes], pipe) for pipe in (self.child.stdin, self.child.stdout, self.child.stderr)
        )
        os.set_blocking(self.stdin.fileno(), False)
        self.closing = threading.Lock()

    def send(self, data: bytes, limit: float) -> None:
        """Write all data to standard input.

        Raises OSError when the process is gone, or takes nothing for `limit` seconds.
        """
        left = memoryview(data)
        while left:
            try:
                left = left[os.write(self.stdin.fileno(), left[:CHUNK]) :]
            except BlockingIOError:
                if not is_ready(self.stdin, selectors.EVENT_WRITE, limit):
                    raise TimeoutError(f"no data was taken for {limit:.0f} s") from None

    def close_input(self) -> None:
        """Close standard input. May be called twice."""
        if not self.stdin.closed:
            self.stdin.close()

    def close(self) -> None:
        """Close the pipes, and kill the process and what it started if it does not end in time.

        May be called twice, by any thread.
        """
        with self.closing:
            for pipe in (self.stdin, self.stdout, self.stderr):
                pipe.close()
            try:
                self.child.wait(self.leave)
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(self.child.pid, signal.SIGKILL)
                self.child.wait()


def readable_fds(fds: Collection[int], limit: float) -> list[int]:
    """The file descriptors that have data or are at their end; waits for the first, and none after `limit` seconds."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return [fd for fd, _ in poll.poll(limit * 1000)]


def is_ready(pipe: IO[bytes], event: int, limit: float) -> bool:
    """Whether a pipe becomes ready for reading or writing (`event` of selectors) within `limit` seconds."""
    with selectors.PollSelector() as selector:
        selector.register(pipe, event)
        return bool(selector.select(limit))


class ProcessChannel(Process):
    """The standard streams of a shell in a process; implements `fleetkeeper.transport.round_trip.Channel`."""

    def __init__(self, argv: Sequence[str], leave: float | None = None) -> None:
        """Start the process; `leave` is how many seconds it gets to end by itself (None: the default)."""
        super().__init__(argv, leave)
        self.bell, self.rope = socket.socketpair()
        self.open = {self.stdout.fileno(), self.stderr.fileno()}

    def receive(self, limit: float) -> tuple[bytes, bytes] | None:
        """The bytes of (output, error) that arrive within `limit` seconds, maybe none; None when both have ended.

        Raises EOFError once `abort` was called.
        """
        if not self.open:
            return None
        got: dict[int, bytes] = {}
        bell = self.bell.fileno()
        for fd in readable_fds({*self.open, bell}, limit) if bell >= 0 else [bell]:
            if fd == bell:
                raise EOFError("closed here")
            got[fd] = os.read(fd, CHUNK)
            if not got[fd]:
                self.open.discard(fd)
        return got.get(self.stdout.fileno(), b""), got.get(self.stderr.fileno(), b"")

    def abort(self) -> None:
        """Make `receive` in another thread raise EOFError at once; nothing happens once the channel is closed."""
        with suppress(OSError):
            self.rope.send(b"!")

    def ended(self) -> str:
        """How the process ended, for a message: its exit status, or that its output was closed."""
        try:
            return f"exit status {self.child.wait(LEAVE)}"
        except subprocess.TimeoutExpired:
            return "its output was closed"

    def close(self) -> None:
        """Close the streams, wait `leave` seconds for the process, then kill its group. May be called twice."""
        super().close()
        self.bell.close()
        self.rope.close()


class ProcessStream(Process):
    """A running command in a process; implements `fleetkeeper.transport.writing.Stream`."""

    def __init__(self, argv: Sequence[str], lost: frozenset[int] = frozenset()) -> None:
        """`lost` are the exit statuses with which the client reports a lost connection.

        The command's own exit status is then unknown. Starts the client, and a thread that reads its standard error.
        Raises Unobservable when it cannot be started.
        """
        super().__init__(argv)
        self.lost = lost
        self.said: deque[bytes] = deque()
        self.read_ahead = b""
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Read standard error until its end, and keep at least its last 64 KiB in `said`. Raises nothing."""
        try:
            while data := os.read(self.stderr.fileno(), CHUNK):
                self.said.append(data)
                while sum(map(len, self.said)) - len(self.said[0]) > ERR_KEPT:
                    self.said.popleft()
        except (OSError, ValueError):
            return

    def abort(self) -> None:
        """Kill the process at once, whichever thread reads from it."""
        self.child.kill()

    @property
    def err(self) -> bytes:
        """The last 64 KiB that the process has written to standard error so far."""
        return b"".join(tuple(self.said))[-ERR_KEPT:]

    def begin(self, script: bytes, token: bytes, limit: float) -> None:
        """Send the script and wait up to `limit` seconds for its token, after which the command runs.

        Raises Unobservable when the command was not started. What came before the token is dropped; what came behind it
        is kept for `read`.
        """
        deadline = time.monotonic() + limit
        heard = b""
        try:
            self.send(script, limit)
            while token + b"\n" not in heard:
                if not is_ready(self.stdout, selectors.EVENT_READ, max(0.0, deadline - time.monotonic())):
                    raise Unobservable(f"no shell answered within {limit:.0f} s")
                if not (data := os.read(self.stdout.fileno(), CHUNK)):
                    raise Unobservable(f"the command was not started: {self.why()}")
                heard += data
        except OSError as error:
            raise Unobservable(f"the command was not started: {error}") from None
        self.read_ahead = heard.partition(token + b"\n")[2]

    def why(self) -> str:
        """The last line of standard error, at most 200 characters, or "nothing was said"; waits 4 s for its end."""
        self.listener.join(LEAVE)
        return last_line(self.err.decode("utf-8", "replace"))[:200] or "nothing was said"

    def write(self, data: bytes) -> None:
        """Send all of `data` to the command's standard input. Raises Unobservable when it did not get through."""
        try:
            self.send(data, STALLED)
        except (OSError, ValueError) as error:
            raise Unobservable(f"the data did not get through: {error}") from None

    def close_write(self) -> None:
        """End the command's standard input. May be called twice."""
        self.close_input()

    def read(self, size: int = CHUNK) -> bytes:
        """Up to `size` bytes of standard output, as soon as there are any; b"" at its end.

        Raises Unobservable when the connection was lost before the command ended.
        """
        if self.read_ahead:
            data, self.read_ahead = self.read_ahead[:size], self.read_ahead[size:]
            return data
        try:
            data = os.read(self.stdout.fileno(), size)
        except (OSError, ValueError) as error:
            raise Unobservable(f"the stream was closed: {error}") from None
        if not data and self.child.poll() is not None and self.child.returncode in self.lost:
            raise Unobservable(f"the connection was lost: {self.why()}")
        return data

    def wait(self, limit: float = 30.0) -> int | None:
        """The exit status: close standard input, drop the remaining output, and wait up to `limit` seconds.

        None: the command did not end in time, or the connection was lost.
        """
        self.close_input()
        deadline = time.monotonic() + limit
        while is_ready(self.stdout, selectors.EVENT_READ, max(0.0, deadline - time.monotonic())):
            if not os.read(self.stdout.fileno(), CHUNK):
                return self.status(max(0.1, deadline - time.monotonic()))
        return None

    def status(self, limit: float) -> int | None:
        """The exit status, after at most `limit` seconds; None when it is not known.

        That is so when the process was killed, does not end within the limit, or the connection was lost.
        """
        try:
            rc = self.child.wait(limit)
        except subprocess.TimeoutExpired:
            return None
        return None if rc in self.lost or rc < 0 else rc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stream, which ends the process; an exception goes through."""
        self.close()
