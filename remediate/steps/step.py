"""What every step has in common: its protocol, where it keeps things, and the ways it can end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from fleetkeeper.traces import KEPT
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link
    from fleetkeeper.transport.writing import WritingLink

ABSENT = "absent"
LOCK = "/run/fleetkeeper.lock"


class Stale(Exception):
    """The world is not what the plan was made for. Nothing has been changed by the step that raises it."""


class AlreadyBack(Stale):
    """What should be undone never happened, or has been undone already."""


class LeftInPlace(AlreadyBack):
    """What should be undone is left where it is, because somebody's data are, or may be, in it: it says where."""


class StepFailed(Exception):
    """The step was tried and did not work. `changed` says whether it may have left something behind.

    `why` never holds what a command printed, unless the remedy declared its words harmless. `words` are the last lines
    of a program that failed, secrets struck out: for the terminal, never kept.
    """

    def __init__(self, why: str, *, changed: bool = True, rc: int | None = None, words: tuple[str, ...] = ()) -> None:
        super().__init__(why)
        self.why, self.changed, self.rc, self.words = why, changed, rc, words


class Lost(Exception):
    """The connection went away after something had been sent: whether it happened is unknown until looked at again."""


def out_of_reach(node: str) -> WritingLink:
    """The way to another node where there is none: what undoes a step needs its own node only."""
    raise Unobservable("there is no way to it from here", node=node)


def no_lock_to_confirm(node: str) -> None:
    """Where there is no lock to confirm: in a rehearsal on a copy, in a test of one step."""


@dataclass(frozen=True)
class StepContext:
    """Which step of which run this is, and where things are on the node.

    `root` is the root-only directory where old content is kept, `lock` the lock's file, `crontab` the program.
    `reach` is the way to another node, for a step that needs two; `say` tells whoever waits how far a long step is.
    `confirm` raises Lost when a node's lock is not ours any more: asked again before each further write of a step that
    makes several. `token` is what the lock's file says while it is ours ("" without a lock), for scripts that compare.
    """

    run: str
    number: int
    root: str = KEPT
    lock: str = LOCK
    crontab: str = "crontab"
    reach: Callable[[str], WritingLink] = out_of_reach
    say: Callable[[str], None] = lambda text: None
    confirm: Callable[[str], None] = no_lock_to_confirm
    token: str = ""

    @property
    def directory(self) -> str:
        return f"{self.root}/{self.run}/{self.number}"

    @property
    def kept(self) -> str:
        """Where the old content is kept."""
        return f"{self.directory}/old"

    def resolved(self, directory: str) -> str:
        """A directory that a step names, where it really is: tests keep old content elsewhere."""
        return self.root if directory == KEPT else directory


@dataclass(frozen=True)
class Done:
    """What a step left. `before` and `after` are digests (or a harmless word such as a user's name)."""

    before: str = ""
    after: str = ""
    rc: int | None = None
    said: str = ""


class Step(Protocol):
    """One change on one node. Frozen and serialisable; a small closed set of kinds."""

    @property
    def node(self) -> str: ...

    @property
    def changes(self) -> bool:
        """False for a step that only looks, such as `nginx -t`."""
        ...

    def show(self) -> str:
        """What would be changed, for a person; no secret, no context lines."""
        ...

    def directories(self) -> tuple[str, ...]:
        """Directories that must take new content: asked, before any change, whether they are writable and have room."""
        ...

    def still_true(self, link: Link, context: StepContext) -> None:
        """Ask whether the step may run now. Raises Stale, or Unobservable."""
        ...

    def inverse(self, link: Link, context: StepContext) -> Step | None:
        """The step that undoes this one, written to the journal before `do`. None when there is no way back."""
        ...

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Make the change. Raises StepFailed, Lost or Stale."""
        ...


def content_digest(content: bytes) -> str:
    """SHA-256 in hex: how steps and the journal speak of content without holding it.

    >>> content_digest(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(content).hexdigest()
