"""One round trip over a channel to a shell: time limits, the cap on output, and the reasons for lost answers.

Channels differ (paramiko, processes); how long to wait, and what a timeout means, is decided here only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

from fleetkeeper.transport.answer_frames import Frames
from fleetkeeper.transport.commands import TIME_LIMIT, Command, Output, Sudo, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT
from fleetkeeper.transport.shell_protocol import KILL_AFTER, SHELL, TIMED_OUT, as_root, render_script, shell_for
from fleetkeeper.transport.sockets import describe_error

LOST = "connection lost"
"""What `Channel.ended` says when more than the channel is gone."""
TOO_MUCH = f"its output does not fit into the {MOST_OUTPUT >> 20} MiB that a node may answer in one look"
START_LIMIT = 20.0
"""Seconds until the node's shell must have printed something (a login shell may be slow)."""
GRACE = 10.0
"""Seconds beyond a command's limit after which it is ended from here, as the node has not ended it."""
ENDING = 1.0
"""Seconds beyond KILL_AFTER that the end of a command is waited for."""
PAUSES = (0.1, 0.4, 1.0)
"""Seconds before each new try to start a shell, after one that had to be ended."""
PACE = 640 << 10
"""Bytes that must arrive within GRACE for an answer to be still in progress: a trickle is no answer."""


class Channel(Protocol):
    """A shell's standard streams. All methods raise OSError or EOFError when the connection is lost."""

    def send(self, data: bytes, limit: float) -> None:
        """Write all data to standard input. Raises OSError when none is taken for `limit` seconds, too."""
        ...

    def receive(self, limit: float) -> tuple[bytes, bytes] | None:
        """The bytes of (output, error) that arrive within `limit` seconds, maybe none; None when both have ended."""
        ...

    def ended(self) -> str:
        """After the end: how the shell ended, for a person ("exit status 1"); LOST when the connection is gone."""
        ...

    def close_input(self) -> None:
        """Close the shell's standard input, on which it ends its running command and itself."""
        ...

    def close(self) -> None:
        """Close the channel, whether or not the shell has ended."""
        ...


class NoShell(Unobservable):
    """The login ended before a shell was started."""


class Shells:
    """The shells of one link, each under a `timeout` of its own where the node has a suitable one.

    `bounded` becomes False once a shell could only be started without it.
    """

    def __init__(self, opened: Callable[[str], Channel]) -> None:
        """`opened` starts a command line in the login shell of the node, and returns its standard streams."""
        self.opened = opened
        self.bounded = True

    def round(self, commands: Sequence[Command], sudo: Sudo, room: int) -> list[Output]:
        """The answers that one new shell gives: to the first of the commands, at least one.

        `room` is in bytes. Raises Unobservable when there was no shell. The shell is started under `timeout` first;
        where that gives none, without it, and so from then on if it answers.
        """
        if self.bounded:
            with suppress(NoShell):
                return Round(commands, sudo, room, bounded=True).over(self.opened(shell_for(commands)))
        answers = Round(commands, sudo, room, bounded=False).over(self.opened(SHELL))
        self.bounded = False
        return answers


def ask_commands(commands: Sequence[Command], sudo: Sudo, shells: Shells, room: int = MOST_OUTPUT) -> list[Output]:
    """One Output for each command, in order; after a shell that had to be ended, a new one runs the rest.

    `room` is in bytes, for all answers. Raises Unobservable when no shell answered at all; after the first answer, a
    failure only marks the outputs that are missing as lost.
    """
    answers: list[Output] = []
    while len(answers) < len(commands):
        rest = commands[len(answers) :]
        left = room - sum(answer.size for answer in answers)
        try:
            answers += another_round(rest, sudo, shells, left) if answers else shells.round(rest, sudo, left)
        except Unobservable as why:
            if not answers:
                raise
            answers += [Output(None, lost=str(why), command=str(command)) for command in rest]
    return answers


def another_round(commands: Sequence[Command], sudo: Sudo, shells: Shells, room: int) -> list[Output]:
    """The answers of a new shell after one that had to be ended, as `Shells.round`, with pauses between several tries.

    The old session may take a moment to end, and to free its place. Raises Unobservable when the last try fails. Each
    Unobservable but that of the last try is passed over.
    """
    for pause in PAUSES:
        with suppress(Unobservable):
            return shells.round(commands, sudo, room)
        time.sleep(pause)
    return shells.round(commands, sudo, room)


@dataclass(frozen=True)
class Cut:
    """Why a round ended early.

    `all_of_it`: no more commands can be run over this link. `late`: the command still runs on the node.
    """

    why: str
    all_of_it: bool
    late: bool = False


class Round:
    """One script sent to one shell, and the answers that have arrived.

    `ours` holds for each command whether its time limit is kept here (else by `timeout` on the node); `since` is when
    the running command started. All times are `time.monotonic`, except `sent`, which is in epoch seconds.
    """

    def __init__(self, commands: Sequence[Command], sudo: Sudo, room: int, *, bounded: bool) -> None:
        """`room` is in bytes, for all answers.

        `bounded`: the time limits of commands that do not run as root are kept here, not on the node. The script is
        rendered here: raises Unobservable for words that no command line can carry.
        """
        self.commands = commands
        self.ours = [bounded and not as_root(command, sudo) for command in commands]
        self.script = render_script(commands, sudo)
        self.frames = Frames(commands, self.script, sudo)
        self.room = room
        self.answers: list[Output] = []
        self.shell_left = False
        self.sent = time.time()
        self.arrived = 0
        self.since = self.begun = self.heard = self.paced = time.monotonic()

    def over(self, channel: Channel) -> list[Output]:
        """Run the round over this channel, close it, and return the answers so far, at least one.

        Raises Unobservable when the shell never started. Those that it cut short are marked as lost. Raises
        Unobservable too where the answers are out of order.
        """
        try:
            cut = self.talk(channel)
            if cut and cut.late:
                end_command(channel)
        finally:
            channel.close()
        if cut:
            lost = self.commands[len(self.answers) :] if cut.all_of_it else [self.commands[len(self.answers)]]
            self.answers += [Output(None, lost=cut.why, command=str(command)) for command in lost]
        return [replace(answer, sent=self.sent, received=answer.received or time.time()) for answer in self.answers]

    def talk(self, channel: Channel) -> Cut | None:
        """Send the script and collect the answers in `answers`.

        Returns why it ended early; None when this shell has given all it will. Raises Unobservable when no shell
        started, or its answers are out of order.
        """
        with suppress(OSError):  # who refuses may close before it has read the script: its reason is still to be read
            channel.send(self.script.text, START_LIMIT)
        try:
            while len(self.answers) < len(self.commands):
                heard = channel.receive(self.patience())
                if heard is None:
                    return self.ended(channel)
                if cut := self.hear(*heard):
                    return cut
                if self.shell_left:
                    return None
        except (OSError, EOFError) as error:
            if not self.frames.begun and channel.ended() != LOST:
                return self.ended(channel)
            return Cut(f"the connection was lost ({describe_error(error)})", all_of_it=True)
        return None

    def hear(self, out: bytes, err: bytes) -> Cut | None:
        """Process bytes that arrived on both streams; returns why the round must end now, or None.

        Raises Unobservable where they are out of order, or no shell started in time.
        """
        if out or err:
            self.note(len(out) + len(err))
            self.frames.feed(out, err)
            self.collect()
        if too_much := self.frames.excess():
            return Cut(too_much, all_of_it=False)
        if self.frames.size > self.room:
            return Cut(TOO_MUCH, all_of_it=False)
        return self.overdue()

    def note(self, arrived: int) -> None:
        """Update the times of the last arrivals: `arrived` bytes have just come."""
        self.heard = time.monotonic()
        if not self.frames.begun:
            self.begun = self.heard
        self.arrived += arrived
        if self.arrived >= PACE:
            self.arrived, self.paced = 0, self.heard

    def collect(self) -> None:
        """Add the answers that are complete now to `answers`.

        An exit status of `timeout` means that the shell ends, which `shell_left` keeps; the answer is lost if the
        command's limit had passed. Raises Unobservable when the two streams give different exit statuses.
        """
        for number in range(len(self.answers), self.frames.answered):
            answer, limit = self.frames.output(number), self.commands[number].limit
            if answer.rc in TIMED_OUT:
                self.shell_left = True
                if self.heard - self.since >= limit - 0.25:
                    answer = replace(answer, rc=None, lost=time_limit(limit))
            self.answers.append(replace(answer, received=time.time()))
            self.since = self.heard

    def patience(self) -> float:
        """Seconds to wait for more bytes, at least 0.05."""
        return max(0.05, self.deadline() - time.monotonic())

    def deadline(self) -> float:
        """The time (`time.monotonic`) at which the running command, or the start of the shell, has taken too long.

        A command whose limit is kept here gets more time while its answer still arrives.
        """
        if not self.frames.begun:
            return self.since + START_LIMIT
        number, since = len(self.answers), max(self.since, self.begun)
        if number == len(self.commands):
            return since + GRACE
        limit = self.commands[number].limit
        if self.ours[number]:
            return max(since + limit, self.paced + GRACE if self.paced > since else 0.0)
        return max(since + limit + KILL_AFTER, self.paced) + GRACE

    def overdue(self) -> Cut | None:
        """Why the round must end: the running command is past its deadline. None when it is not, or all have answered.

        Raises Unobservable when the shell did not start in time.
        """
        if len(self.answers) == len(self.commands) or time.monotonic() < self.deadline():
            return None
        if not self.frames.begun:
            raise Unobservable(f"no shell answered within {START_LIMIT:.0f} s", hint="does the login shell hang there?")
        return Cut(time_limit(self.commands[len(self.answers)].limit), all_of_it=False, late=True)

    def ended(self, channel: Channel) -> Cut:
        """Why the shell is gone before its last command; a new shell may run the rest.

        Raises NoShell when it never started.
        """
        how = channel.ended()
        if self.frames.begun:
            return Cut(f"the connection was lost ({how})", all_of_it=False)
        raise NoShell(
            f"no shell was started there: {self.frames.noise() or how}",
            hint="this account needs a login shell that can run /bin/sh",
        )


def end_command(channel: Channel) -> None:
    """Make the shell end its running command, and wait until it has, at most 6 s: then another session has room.

    A lost connection is ignored.
    """
    deadline = time.monotonic() + KILL_AFTER + ENDING
    with suppress(OSError, EOFError):
        channel.close_input()
        while (left := deadline - time.monotonic()) > 0 and channel.receive(left) is not None:
            pass


def time_limit(limit: float) -> str:
    """The message about a time limit in seconds."""
    return f"{TIME_LIMIT}{limit:g} s"
