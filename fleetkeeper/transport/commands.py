"""What is asked of a node, and what came back: words in, bytes out, or the reason why not."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from fleetkeeper.errors import bug_in
from fleetkeeper.readers.lines import last_line

OK = frozenset({0})
Sudo = bool | Literal["audit"]
"""How far an account gets with sudo on a node: not at all, to everything, or to the questions of an audit."""
MOST_ANSWER = 16 << 20
"""Bytes that one command may answer on both outputs together, where it does not say otherwise."""


@dataclass(unsafe_hash=True)
class Unobservable(Exception):
    """We could not look, and why. It is never green and never a finding.

    Raised by whoever needs the fact, or stored beside the facts that were seen.
    `hint` is what a person can do about it; `node` is filled in by the look.
    """

    why: str
    hint: str = ""
    node: str = ""

    def __str__(self) -> str:
        return f"{self.node}: {self.why}" if self.node else self.why


@dataclass(frozen=True)
class Command:
    """One command for a node: words that no shell ever splits or expands.

    `sudo` says that it needs root; the node's inventory entry says whether sudo gives it.
    `limit` is in seconds, and `most` in bytes of its answer (both outputs together): beyond either, the command is
    ended on the node too, and what it said is not looked at.
    """

    words: tuple[str, ...]
    sudo: bool = False
    limit: float = 30.0
    most: int = MOST_ANSWER

    def __str__(self) -> str:
        """A short name for messages: the first words, or for `sh -c SCRIPT NAME …` the name (the script's $0)."""
        if self.words[:2] == ("sh", "-c"):
            return self.words[3] if len(self.words) > 3 else "sh -c"
        return " ".join(self.words[:3])


@dataclass(frozen=True)
class Output:
    """What one command answered.

    `rc` is None when it never ended by itself, and `lost` then says why (time limit, connection, size).
    `sent` and `received` are the controller's clock (epoch seconds) around the round trip.
    """

    rc: int | None
    out: bytes = b""
    err: bytes = b""
    lost: str = ""
    command: str = ""
    sent: float = 0.0
    received: float = 0.0

    @property
    def size(self) -> int:
        """Bytes of both streams."""
        return len(self.out) + len(self.err)

    def text(self, ok: Collection[int] = OK) -> str:
        """Standard output as text.

        Raises Unobservable when the command was lost or its exit status is not in `ok`.
        """
        if self.lost or self.rc is None:
            why = self.lost or "it did not end"
            raise Unobservable(f"`{self.command}` gave no answer: {why}", hint=missing_right(why))
        if self.rc not in ok:
            raise self.refusal()
        return self.out.decode("utf-8", "surrogateescape")

    def refusal(self) -> Unobservable:
        """Why a command that ended badly could not tell us anything, with the right that is missing."""
        text = self.err.decode("utf-8", "replace")
        last = last_line(text) or "nothing on standard error"
        return Unobservable(f"`{self.command}` exited {self.rc}: {last[:200]}", hint=missing_right(text))


def unknown_by_bug(what: str, error: Exception) -> Unobservable:
    """Unknown because of a bug: nothing is wrong with the node, and no right is missing."""
    seen, hint = bug_in(error)
    return Unobservable(f"{what} ({seen})", hint=hint)


def missing_right(text: str) -> str:
    """The right that is missing, guessed from what a command printed on standard error.

    >>> missing_right("sudo: a password is required")
    'allow this account to run sudo without a password (NOPASSWD in sudoers), or set `sudo: false`'
    >>> missing_right("ls: cannot access 'x': No such file or directory")
    ''
    """
    for sign, hint in RIGHTS:
        if sign in text.lower():
            return hint
    return ""


RIGHTS = (
    (
        "fleetkeeper-look: ",
        "run on the node, as root, what `fleetkeeper sudoers ACCOUNT --hosts=NAME` prints (again after an upgrade, and "
        "after a change of `backups:`); "
        "what only repairs ask needs an account with `sudo: true`",
    ),
    (
        "a password is required",
        "allow this account to run sudo without a password (NOPASSWD in sudoers), or set `sudo: false`",
    ),
    (
        "you must have a tty",
        "allow this account to run sudo without a terminal: `Defaults:ACCOUNT !requiretty` in sudoers",
    ),
    (
        "a terminal is required",
        "allow this account to run sudo without a password (NOPASSWD in sudoers), or set `sudo: false`",
    ),
    ("not in the sudoers file", "give this account a sudoers entry, or set `sudo: false`"),
    (
        "cannot connect to the docker daemon",
        "start the Docker engine on the node (`systemctl status docker` says more); where it listens at another place, "
        "set DOCKER_HOST for this account",
    ),
    ("docker api", "add this account to the docker group, or set `sudo: true`"),
    ("docker daemon socket", "add this account to the docker group, or set `sudo: true`"),
    ("permission denied", "this account may not read it: set `sudo: true`, or give it the right"),
)
