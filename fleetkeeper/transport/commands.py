"""Commands for a node and their outputs: words in, bytes out, or the reason why there is no output."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from fleetkeeper.errors import bug_in
from fleetkeeper.readers.lines import last_line

OK = frozenset({0})
Sudo = bool | Literal["audit"]
"""The sudo rights of an account on a node: none, all, or the commands of an audit only."""
MOST_ANSWER = 16 << 20
"""Default limit in bytes of one command's answer, both outputs together."""


@dataclass(unsafe_hash=True)
class Unobservable(Exception):
    """Something could not be observed, and why. It is never green and never a finding.

    Raised by the code that needs the fact, or stored beside the facts that were observed.
    `hint` is what a person can do about it; `node` is filled in by the look. `cause` is what stands behind it on that
    node, in words that are equal for everything that it hides ("the Docker engine does not answer"); empty where the
    reason stands alone.
    """

    why: str
    hint: str = ""
    node: str = ""
    cause: str = ""

    def __str__(self) -> str:
        """`NODE: WHY`, or the reason alone; without the hint."""
        return f"{self.node}: {self.why}" if self.node else self.why


@dataclass(frozen=True)
class Command:
    """One command for a node: words that no shell ever splits or expands.

    `sudo` says that it needs root; the node's inventory entry says whether sudo gives it.
    `limit` is in seconds, and `most` in bytes of its answer (both outputs together): beyond either, the command is
    ended on the node too, and its answer is dropped.
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
    """The answer of one command: exit status, standard output and standard error.

    `rc` is None when it never ended by itself, and `lost` then says why (time limit, connection, size).
    `sent` and `received` are the controller's clock (epoch seconds): when the round trip began, and when this answer,
    not the last one, had arrived.
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
        """Size of standard output and standard error together, in bytes."""
        return len(self.out) + len(self.err)

    def text(self, ok: Collection[int] = OK) -> str:
        """Standard output as text; bytes that are no UTF-8 become surrogates.

        Raises Unobservable when the command was lost or its exit status is not in `ok`.
        """
        if self.lost or self.rc is None:
            why = self.lost or "it did not end"
            hint, cause = missing_right(why), SLOW if why.startswith(TIME_LIMIT) else ""
            raise Unobservable(f"`{self.command}` gave no answer: {why}", hint, cause=cause or shared_cause(hint))
        if self.rc not in ok:
            raise self.refusal()
        return self.out.decode("utf-8", "surrogateescape")

    def refusal(self) -> Unobservable:
        """The error (returned, not raised) about an unexpected exit status: the last line on standard error.

        The hint names the missing right, if there is a sign of one, and the cause what other commands lack for it too.
        """
        text = self.err.decode("utf-8", "replace")
        last, hint = last_line(text) or "nothing on standard error", missing_right(text)
        if CLOSED in last:
            return Unobservable(f"{last[:200]}: what lies below it was not seen", hint)
        return Unobservable(f"`{self.command}` exited {self.rc}: {last[:200]}", hint, cause=shared_cause(hint))


def unknown_by_bug(what: str, error: Exception) -> Unobservable:
    """An Unobservable (returned) for an unexpected exception in our code or a topic's; `what` begins its message."""
    seen, hint = bug_in(error)
    return Unobservable(f"{what} ({seen})", hint=hint)


def missing_right(text: str) -> str:
    """A hint which right is missing, guessed from what a command printed on standard error; "" when nothing matches.

    >>> missing_right("sudo: a password is required")
    'allow this account to run sudo without a password (NOPASSWD in sudoers), or set `sudo: false`'
    >>> missing_right("ls: cannot access 'x': No such file or directory")
    ''
    """
    for sign, hint in RIGHTS:
        if sign in text.lower():
            return hint
    return ""


def shared_cause(hint: str) -> str:
    """What stands behind every command that gets this hint on a node, in words; "" for a hint of one command alone."""
    return CAUSES.get(hint, "")


TIME_LIMIT = "time limit of "
"""How the message about a time limit begins."""
SLOW = "commands there take too long"
START_DOCKER = (
    "start the Docker engine on the node (`systemctl status docker` says more); where it listens at another place, "
    "set DOCKER_HOST for this account"
)
INSTALL_CLIENT = "install the client (Debian: docker-cli or docker.io) on the node"
OWN_ENGINE = (
    "`docker context use default` for this account, and no DOCKER_HOST; or look as another account; where that is an "
    "engine of this very node, set DOCKER_HOST=unix:///… to its socket for this account"
)
LIST_TWICE = "list the node once for each, as the user that runs it, with `sudo: false`"
JOIN_GROUP = "add this account to the docker group, or set `sudo: true`"
ALLOW_SUDO = "allow this account to run sudo without a password (NOPASSWD in sudoers), or set `sudo: false`"
LIST_SUDOER = "give this account a sudoers entry, or set `sudo: false`"
GIVE_RIGHT = "this account may not read it: set `sudo: true`, or give it the right"
WITHOUT_TERMINAL = "allow this account to run sudo without a terminal: `Defaults:ACCOUNT !requiretty` in sudoers"
CAUSES = {
    START_DOCKER: "the Docker engine does not answer",
    INSTALL_CLIENT: "a Docker engine runs there, and there is no `docker` client to ask it with",
    LIST_TWICE: "several rootless Docker engines run there, and only one can be asked",
    OWN_ENGINE: "the Docker client of this account asks another engine than the node's own",
    JOIN_GROUP: "this account may not ask the Docker engine",
    ALLOW_SUDO: "sudo asks this account for a password",
    LIST_SUDOER: "sudo does not know this account",
    WITHOUT_TERMINAL: "sudo wants a terminal",
}
"""By hint: what stands behind all that gets it on a node."""
CLOSED = "may not be entered"
"""How our own scripts say which directory is closed to the account: a sentence for a person."""
RIGHTS = (
    (
        "fleetkeeper-look: ",
        "run on the node, as root, what `fleetkeeper sudoers ACCOUNT --hosts=NAME` prints (again after an upgrade, and "
        "after a change of `backups:`); "
        "what only repairs ask needs an account with `sudo: true`",
    ),
    ("a password is required", ALLOW_SUDO),
    ("you must have a tty", WITHOUT_TERMINAL),
    ("a terminal is required", ALLOW_SUDO),
    ("not in the sudoers file", LIST_SUDOER),
    ("cannot connect to the docker daemon", START_DOCKER),
    ("failed to connect to the docker api", START_DOCKER),
    ("error during connect", START_DOCKER),
    ("the docker engine does not run", START_DOCKER),
    ("an engine, but no docker client", INSTALL_CLIENT),
    ("several rootless engines run here", LIST_TWICE),
    ("asks another engine", OWN_ENGINE),
    ("docker api", JOIN_GROUP),
    ("docker daemon socket", JOIN_GROUP),
    ("permission denied", GIVE_RIGHT),
    (CLOSED, GIVE_RIGHT),
)
