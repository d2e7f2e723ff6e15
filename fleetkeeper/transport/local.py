"""The link to the local machine: the same script, sent to a local shell."""

from __future__ import annotations

from collections.abc import Sequence
from weakref import WeakSet

from fleetkeeper.transport.commands import Command, Output, Sudo
from fleetkeeper.transport.link import MOST_OUTPUT
from fleetkeeper.transport.processes import ProcessChannel, ProcessStream
from fleetkeeper.transport.round_trip import START_LIMIT, Shells, ask_commands
from fleetkeeper.transport.shell_protocol import SHELL, render_stream
from fleetkeeper.transport.writing import Stream

LOGIN = ("/bin/sh", "-c")
"""The command in place of a login shell."""


class LocalLink:
    """The link to the machine that fleetkeeper runs on."""

    def __init__(self, sudo: Sudo = False) -> None:
        """`sudo` is what `sudo -n` gives this account: everything (True), nothing, or "audit"."""
        self.sudo = sudo
        self.shells = Shells(self.channel)
        self.running: WeakSet[ProcessChannel | ProcessStream] = WeakSet()

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        """One Output for each command, in order, as `Link.ask`; `room` is in bytes.

        Raises Unobservable when no shell answered; later failures are lost outputs.
        """
        return ask_commands(commands, self.sudo, self.shells, room)

    def channel(self, line: str) -> ProcessChannel:
        """The standard streams of a new shell that runs this command line.

        Raises Unobservable when it cannot be started; `close` ends it.
        """
        channel = ProcessChannel((*LOGIN, line))
        self.running.add(channel)
        return channel

    def open(self, words: tuple[str, ...], sudo: bool = False) -> Stream:
        """Start a command as `WritingLink.open` does. Closing the link ends it too.

        Raises Unobservable when it was not started within 20 s, and for an account with `sudo: audit` that needs sudo
        for it.
        """
        script = render_stream(words, sudo and self.sudo)
        stream = ProcessStream((*LOGIN, SHELL))
        self.running.add(stream)
        try:
            stream.begin(script.text, script.token, START_LIMIT)
        except BaseException:
            stream.close()
            raise
        return stream

    def close(self) -> None:
        """Make every shell and stream of this link end at once."""
        for running in tuple(self.running):
            running.abort()
