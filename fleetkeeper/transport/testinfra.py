"""Links over any other connection of testinfra (`docker://name`, `kubectl://pod`, `ansible://host`); slower.

testinfra's backends run one command with no standard input, so a script goes as an argument, as many commands at a
time as fit into one, and there is no heartbeat: limits are kept on the node, by `timeout` or its replacement.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import testinfra

from fleetkeeper.transport.answer_frames import Frames
from fleetkeeper.transport.commands import Command, Output, Sudo, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT
from fleetkeeper.transport.round_trip import TOO_MUCH, time_limit
from fleetkeeper.transport.shell_protocol import KILL_AFTER, TIMED_OUT, render_script

MOST_SCRIPT = 100_000
"""Bytes of one argument at most; the kernel takes 128 KiB (execve(2), MAX_ARG_STRLEN)."""
LEAST_ROOM = 1 << 12
"""Bytes that a script may print when no room is left: its tokens need some."""
CAPPED = '{ /bin/sh -c "$1" 2>&1 >&3 | head -c "$2" >&2; } 3>&1 | head -c "$2"'
"""Runs a script with a cap on the size of each output: testinfra reads all that it prints, and cannot stop it."""


class TestinfraLink:
    """A link through a host of testinfra's own. Raises Unobservable when testinfra has no such connection."""

    __test__ = False

    def __init__(self, connection: str, sudo: Sudo) -> None:
        """Open testinfra's connection of this name, such as `docker://web`. Raises Unobservable without one."""
        try:
            self.host: Any = testinfra.get_host(connection)
        except (RuntimeError, ValueError, ImportError) as error:
            raise Unobservable(f"testinfra has no connection {connection!r}: {error}") from None
        self.sudo = sudo

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        """One Output for each command, in order, as `Link.ask`; `room` is in bytes, for all.

        Unlike other links it raises Unobservable also when a later shell cannot be started: all answers are lost then.
        So it does for a command too long for one argument.
        """
        answers: list[Output] = []
        while len(answers) < len(commands):
            left = max(LEAST_ROOM, room - sum(answer.size for answer in answers))
            answers += self.round(next(split_batches(commands[len(answers) :], self.sudo)), left)
        return answers

    def round(self, commands: Sequence[Command], room: int) -> list[Output]:
        """The answers that one shell gives: to the first of the commands, at least one. `room` is in bytes.

        Raises Unobservable when there was no shell. An answer that was cut short, or that `timeout` ended, is marked as
        lost.
        """
        script = render_script(commands, self.sudo, heartbeat=False)
        frames = Frames(commands, script, self.sudo)
        sent = time.time()
        try:
            text = script.text.decode("utf-8", "surrogateescape")
            process = self.host.backend.run("/bin/sh -c %s sh %s %s", CAPPED, text, str(room))
        except (RuntimeError, OSError, ValueError, AssertionError) as error:
            raise Unobservable(f"{self.host.backend.get_pytest_id()}: {str(error)[:200]}") from None
        frames.feed(process.stdout_bytes, process.stderr_bytes)
        cut = room in (len(process.stdout_bytes), len(process.stderr_bytes))
        if not frames.begun or not (frames.answered or cut):
            raise Unobservable(f"no shell was started there: {frames.noise() or f'exit status {process.rc}'}")
        answers = [frames.output(number) for number in range(frames.answered)]
        received = time.time()
        if cut and len(answers) < len(commands):
            answers.append(Output(None, lost=TOO_MUCH, command=str(commands[len(answers)])))
        elif answers[-1].rc in TIMED_OUT and received - sent >= commands[len(answers) - 1].limit - KILL_AFTER:
            answers[-1] = replace(answers[-1], rc=None, lost=time_limit(commands[len(answers) - 1].limit))
        return [replace(answer, sent=sent, received=received) for answer in answers]

    def close(self) -> None:
        """Do nothing: no connection stays open."""


def split_batches(commands: Sequence[Command], sudo: Sudo) -> Iterator[Sequence[Command]]:
    """The commands in batches, each of which fits into one argument as a script.

    Raises Unobservable for a command that is too long by itself.
    """
    size, start = len(render_script((), sudo).text), 0
    room = MOST_SCRIPT - size
    used = 0
    for number, command in enumerate(commands):
        length = sum(len(word.encode("utf-8", "surrogateescape")) + 8 for word in command.words)
        if length > room:
            raise Unobservable(f"`{command}` is too long for this connection ({length} bytes)")
        if used + length > room:
            yield commands[start:number]
            start, used = number, 0
        used += length
    yield commands[start:]
