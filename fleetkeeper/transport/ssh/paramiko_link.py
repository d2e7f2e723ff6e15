"""Links over our own SSH client: one connection a node, one channel for each shell or stream."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from paramiko import Channel, Transport
from paramiko.ssh_exception import ChannelException, SSHException

from fleetkeeper.readers.lines import last_line
from fleetkeeper.transport.commands import Command, Output, Sudo, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT
from fleetkeeper.transport.processes import ERR_KEPT, STALLED
from fleetkeeper.transport.round_trip import LOST, START_LIMIT, Shells, ask_commands
from fleetkeeper.transport.shell_protocol import SHELL, render_stream
from fleetkeeper.transport.sockets import describe_error
from fleetkeeper.transport.writing import Stream

CHUNK = 1 << 17
WINDOW = 1 << 24
OPEN_LIMIT = 15.0


class ParamikoLink:
    """A link over one authenticated connection of paramiko."""

    def __init__(self, transport: Transport, sudo: Sudo) -> None:
        """A link over this authenticated connection; `sudo` is what `sudo -n` gives the account there."""
        self.transport = transport
        self.sudo = sudo
        self.shells = Shells(lambda line: ShellChannel(self.session(line)))

    @property
    def alive(self) -> bool:
        """Whether the connection is still open."""
        return bool(self.transport.is_active())

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        """One Output for each command, in order, as `Link.ask`; `room` is in bytes.

        Raises Unobservable when no shell answered; later failures are lost outputs.
        """
        return ask_commands(commands, self.sudo, self.shells, room)

    def session(self, line: str) -> Channel:
        """A channel to a new process on the node that runs this command line in the login shell.

        Raises Unobservable when sshd gives no session, or the connection was lost.
        """
        try:
            channel = self.transport.open_session(window_size=WINDOW, timeout=OPEN_LIMIT)
            channel.settimeout(OPEN_LIMIT)
            channel.exec_command(line)
        except ChannelException as error:
            raise Unobservable(f"its sshd gives no session ({error.text})", hint="see MaxSessions there") from None
        except (SSHException, EOFError, OSError) as error:
            raise Unobservable(f"the connection was lost ({describe_error(error)})") from None
        return channel

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        """Start a command as `WritingLink.open` does.

        Raises Unobservable when it was not started, and for an account with `sudo: audit` that needs sudo for it.
        """
        script = render_stream(words, sudo and self.sudo)
        stream = ChannelStream(self.session(SHELL))
        try:
            stream.begin(script.text, script.token, START_LIMIT)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Close the connection, and with it every shell and stream of this link."""
        self.transport.close()


class ShellChannel:
    """The standard streams of a shell in a channel; implements `fleetkeeper.transport.round_trip.Channel`."""

    def __init__(self, channel: Channel) -> None:
        """The streams of a shell that runs on this channel of a connection."""
        self.channel = channel
        self.news = threading.Event()
        for buffer in (channel.in_buffer, channel.in_stderr_buffer):
            buffer.set_event(self.news)

    def send(self, data: bytes, limit: float) -> None:
        """Write all data to standard input. Raises OSError when none is taken for `limit` seconds, or all is lost."""
        self.channel.settimeout(limit)
        self.channel.sendall(data)

    def receive(self, limit: float) -> tuple[bytes, bytes] | None:
        """The bytes of (output, error) that arrive within `limit` seconds, maybe none; None when both have ended."""
        got = self.there()
        if got is None or any(got):
            return got
        self.news.wait(limit)
        return self.there()

    def there(self) -> tuple[bytes, bytes] | None:
        """The bytes of (output, error) that have arrived; None after the end."""
        over = self.channel.closed or self.channel.eof_received
        out = self.channel.recv(CHUNK) if self.channel.recv_ready() else b""
        err = self.channel.recv_stderr(CHUNK) if self.channel.recv_stderr_ready() else b""
        return None if over and not out and not err else (out, err)

    def close_input(self) -> None:
        """Close the shell's standard input, on which it ends its running command and itself."""
        with suppress(SSHException):
            self.channel.shutdown_write()

    def ended(self) -> str:
        """How the shell ended, for a message: its exit status, or who closed the connection."""
        self.channel.status_event.wait(1)
        if self.channel.exit_status_ready() and self.channel.exit_status >= 0:
            return f"exit status {self.channel.exit_status}"
        return "closed by the node" if self.channel.get_transport().is_active() else LOST

    def close(self) -> None:
        """Close the channel, whether or not the shell has ended."""
        with suppress(EOFError, OSError, SSHException):
            self.channel.close()


class ChannelStream:
    """A running command in a channel; implements `fleetkeeper.transport.writing.Stream`."""

    def __init__(self, channel: Channel) -> None:
        """The stream of a command that runs on this channel of a connection."""
        self.channel = channel
        self.said: deque[bytes] = deque()
        self.read_ahead = b""
        self.listener = threading.Thread(target=self.listen, daemon=True)
        self.listener.start()

    def listen(self) -> None:
        """Read standard error until its end, and keep its last 64 KiB."""
        with suppress(OSError):
            while data := self.stderr():
                self.said.append(data)
                while sum(map(len, self.said)) - len(self.said[0]) > ERR_KEPT:
                    self.said.popleft()

    def stderr(self) -> bytes:
        """The next bytes of standard error, however long they take; b"" at its end."""
        while True:
            with suppress(TimeoutError):
                return bytes(self.channel.recv_stderr(CHUNK))

    @property
    def err(self) -> bytes:
        """The last 64 KiB that the command has written to standard error so far."""
        return b"".join(tuple(self.said))[-ERR_KEPT:]

    def begin(self, script: bytes, token: bytes, limit: float) -> None:
        """Send the script and wait up to `limit` seconds for its token, after which the command runs.

        Raises Unobservable when the command was not started. What came before the token is dropped; what came behind it
        is kept for `read`.
        """
        self.channel.settimeout(limit)
        heard = b""
        try:
            self.channel.sendall(script)
            while token + b"\n" not in heard:
                if not (data := self.channel.recv(CHUNK)):
                    raise Unobservable(f"the command was not started: {self.why()}")
                heard += data
        except OSError as error:
            raise Unobservable(f"the command was not started: {describe_error(error)}") from None
        self.channel.settimeout(STALLED)
        self.read_ahead = heard.partition(token + b"\n")[2]

    def why(self) -> str:
        """The last line of standard error, at most 200 characters, or "nothing was said"; waits 1 s for its end."""
        self.listener.join(1)
        return last_line(self.err.decode("utf-8", "replace"))[:200] or "nothing was said"

    def write(self, data: bytes) -> None:
        """Send all of `data` to the command's standard input. Raises Unobservable when it did not get through."""
        try:
            self.channel.sendall(data)
        except OSError as error:
            raise Unobservable(f"the data did not get through: {describe_error(error)}") from None

    def close_write(self) -> None:
        """End the command's standard input. May be called twice."""
        with suppress(EOFError, OSError, SSHException):
            self.channel.shutdown_write()

    def read(self, size: int = CHUNK) -> bytes:
        """Up to `size` bytes of standard output, as soon as there are any; b"" at its end.

        Raises Unobservable when the connection was lost before the command ended. It waits without a limit.
        """
        if self.read_ahead:
            data, self.read_ahead = self.read_ahead[:size], self.read_ahead[size:]
            return data
        while True:
            try:
                data = self.channel.recv(size)
            except TimeoutError:
                continue  # quiet is not dead: signs of life close the channel when the node is gone
            if not data and not self.channel.get_transport().is_active():
                raise Unobservable("the connection was lost")
            return data

    def wait(self, limit: float = 30.0) -> int | None:
        """The exit status: close standard input, drop the remaining output, and wait up to `limit` seconds.

        None: the command did not end in time, or the connection was lost.
        """
        self.close_write()
        deadline = time.monotonic() + limit
        while (left := deadline - time.monotonic()) > 0:
            self.channel.settimeout(left)
            try:
                if not self.channel.recv(CHUNK):
                    break
            except TimeoutError:
                return None
        self.channel.status_event.wait(max(0.1, deadline - time.monotonic()))
        return self.channel.exit_status if self.channel.exit_status >= 0 else None

    def close(self) -> None:
        """Close the channel: the command gets the end of its input."""
        with suppress(EOFError, OSError, SSHException):
            self.channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the stream, which ends the command; an exception goes through."""
        self.close()
