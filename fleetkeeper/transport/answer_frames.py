"""Parsing of a node's answer streams: which bytes belong to which command, and whether sudo started it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.inventory.units import show_size
from fleetkeeper.readers.lines import last_line
from fleetkeeper.transport.audit_helper import HELPER, compared_editions
from fleetkeeper.transport.commands import Command, Output, Sudo, Unobservable
from fleetkeeper.transport.shell_protocol import FRAME, NOISE, PLAIN, STARTED, Script


@dataclass
class Unframer:
    """Splits one stream at its tokens; the bytes may arrive in pieces of any size.

    `begun`: the first token has arrived. `parts` are (exit status, bytes) of each complete answer, `kept` is their size
    in bytes. `pending` are bytes not yet split; the first `searched` of them hold no token.
    """

    token: bytes
    begun: bool = False
    parts: list[tuple[int, bytes]] = field(default_factory=list)
    kept: int = 0
    pending: bytearray = field(default_factory=bytearray)
    searched: int = 0

    def feed(self, data: bytes) -> None:
        """Add bytes of the stream, and take the answers that are complete with them into `parts`.

        What comes before the first token is dropped. Raises Unobservable when the tokens are not in the order in which
        they were sent.
        """
        self.pending += data
        while (at := self.pending.find(self.token, self.searched)) >= 0:
            end = self.pending.find(b"\n", at)
            if end < 0:
                self.searched = at
                return
            self.cut(at, end)
        if not self.begun:
            del self.pending[:-NOISE]
        self.searched = max(0, len(self.pending) - len(self.token))

    def cut(self, at: int, end: int) -> None:
        """Take the pending bytes before the token at `at` as an answer; `end` is the index of the newline behind it.

        Raises Unobservable when the rest of the token's line is not the expected one.
        """
        body, text = bytes(self.pending[:at]), bytes(self.pending[at + len(self.token) : end])
        del self.pending[: end + 1]
        self.searched = 0
        if text.endswith(b"\r"):
            raise Unobservable("its line ends come as CRLF: what it says is not what was written", hint=PLAIN)
        lines = text.split()
        if lines == [b"begin"] and not self.begun:
            self.begun = True
        elif self.begun and len(lines) == 2 and lines[0] == b"%d" % len(self.parts) and lines[1].isdigit():
            self.parts.append((int(lines[1]), body))
            self.kept += len(body)
        elif self.begun:
            raise Unobservable(f"the node's shell answered out of order ({lines!r})", hint=PLAIN)

    @property
    def size(self) -> int:
        """Bytes held in memory."""
        return self.kept + len(self.pending)

    def size_of(self, number: int) -> int:
        """Bytes that have arrived of the answer of this index, whether or not it is complete; 0 before its turn."""
        if number < len(self.parts):
            return len(self.parts[number][1])
        return len(self.pending) if self.begun and number == len(self.parts) else 0


class Frames:
    """Both answer streams of one round trip, split into the answers of its commands."""

    def __init__(self, commands: Sequence[Command], script: Script, sudo: Sudo = False) -> None:
        """Take apart the output of `script`, which runs these commands with these rights."""
        self.commands = commands
        self.sudo = sudo
        self.out = Unframer(script.token)
        self.err = Unframer(script.token)

    def feed(self, out: bytes, err: bytes) -> None:
        """Add bytes of standard output and standard error.

        Raises Unobservable when the tokens are not in the order in which they were sent.
        """
        if out:
            self.out.feed(out)
        if err:
            self.err.feed(err)

    @property
    def begun(self) -> bool:
        """Whether the shell has started, as the first tokens on both streams show."""
        return self.out.begun and self.err.begun

    @property
    def answered(self) -> int:
        """The number of commands whose answers are complete on both streams."""
        return min(len(self.out.parts), len(self.err.parts))

    @property
    def size(self) -> int:
        """Bytes held in memory of both streams."""
        return self.out.size + self.err.size

    def excess(self) -> str:
        """Why the running command must be ended: its answer is already larger than its `most`. "" when it is not."""
        if self.answered == len(self.commands):
            return ""
        came = self.out.size_of(self.answered) + self.err.size_of(self.answered)
        most = self.commands[self.answered].most
        return too_large(most) if came > most + len(self.out.token) + FRAME else ""

    def output(self, number: int) -> Output:
        """The answer of the command of this index, which must be complete; lost when larger than the command's `most`.

        Raises Unobservable when the two streams give different exit statuses. A command under sudo that sudo did not
        start is lost too.
        """
        (rc, out), (rc_again, err) = self.out.parts[number], self.err.parts[number]
        if rc != rc_again:
            raise Unobservable(f"the node's shell gave two exit statuses for one command ({rc} and {rc_again})")
        command = self.commands[number]
        if len(out) + len(err) > command.most:
            return Output(None, lost=too_large(command.most), command=str(command))
        answer = Output(rc, out, err, command=str(command))
        return (
            strip_proof_of_sudo(answer, f"{HELPER}: " * (self.sudo == "audit"))
            if command.sudo and self.sudo
            else answer
        )

    def noise(self) -> str:
        """The last line before the first token, at most 200 characters: why a login was refused; "" without any."""
        text = bytes(self.err.pending).strip() or bytes(self.out.pending)
        return last_line(text.decode("utf-8", "replace"))[:200]


def too_large(most: int) -> str:
    """The message about an answer of more than `most` bytes."""
    return f"its answer is larger than {show_size(most)}"


def strip_proof_of_sudo(answer: Output, through: str = "") -> Output:
    """The answer of a command under sudo without the line STARTED, or a lost one when sudo never started the command.

    `through` is a prefix for the reason why it was not started.

    >>> strip_proof_of_sudo(Output(1, err=b"fleet-started\\nno crontab for root\\n")).err
    b'no crontab for root\\n'
    >>> strip_proof_of_sudo(Output(1, err=b"sudo: a password is required\\n")).lost
    'sudo: a password is required'
    """
    before, started, after = (b"\n" + answer.err).partition(b"\n" + STARTED)
    if started:
        return replace(answer, err=after)
    text = last_line(before.decode("utf-8", "replace"))[:200]
    why = text or f"sudo ended with {answer.rc} and said nothing"
    return replace(answer, rc=None, lost=through + why + compared_editions(why))
