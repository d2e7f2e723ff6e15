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
    """The node is not as the plan saw it. The step that raises this has changed nothing."""


class AlreadyBack(Stale):
    """The change that a way back should undo never happened, or is undone already."""


class LeftInPlace(AlreadyBack):
    """A database that should be dropped is kept, because it holds, or may hold, somebody's data; the text says why."""


class StepFailed(Exception):
    """The step was tried and did not work. `changed` is whether it may have left something behind.

    `why` never holds what a command printed, unless the remedy declared its output harmless. `words` are the last lines
    of a program that failed, secrets struck out: for the terminal, never kept. `rc` is an exit status, if there is one.
    """

    def __init__(self, why: str, *, changed: bool = True, rc: int | None = None, words: tuple[str, ...] = ()) -> None:
        """`changed`: something may have been changed; `rc` is an exit status, `words` the last lines of the program."""
        super().__init__(why)
        self.why, self.changed, self.rc, self.words = why, changed, rc, words


class Lost(Exception):
    """The connection went away after something had been sent: whether it happened is unknown until looked at again."""


def out_of_reach(node: str) -> WritingLink:
    """Raises Unobservable.

    The `reach` of a context without other nodes: the way back of a step needs only its own node.
    """
    raise Unobservable("there is no way to it from here", node=node)


def no_lock_to_confirm(node: str) -> None:
    """Does nothing. The `confirm` of a context without a lock: in a rehearsal on a copy, in a test of one step."""


@dataclass(frozen=True)
class StepContext:
    """The run and number of a step, and where things are on the node.

    `root` is the root-only directory where old content is kept, `lock` the lock's file, `crontab` the program. `reach`
    gives the link to another node, for a step that needs two; `say` shows the progress of a long step. `confirm` raises
    Lost when a node's lock is not ours any more: called before each further write of a step that makes several. `token`
    is the text in the lock's file while it is ours ("" without a lock), for scripts that compare.
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
        """The directory on the node that belongs to this step, for old content."""
        return f"{self.root}/{self.run}/{self.number}"

    @property
    def kept(self) -> str:
        """The file on the node that holds the old content."""
        return f"{self.directory}/old"

    def resolved(self, directory: str) -> str:
        """`directory`, or `root` in place of KEPT: tests keep old content elsewhere."""
        return self.root if directory == KEPT else directory


@dataclass(frozen=True)
class Done:
    """The result of a step. `before` and `after` are digests (or a harmless word such as a user's name).

    `rc` is an exit status, if there is one, and `said` a harmless text for a person.
    """

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
        """False for a read-only step, such as `nginx -t`."""
        ...

    def show(self) -> str:
        """What would be changed, for a person; no secret, no context lines."""
        ...

    def directories(self) -> tuple[str, ...]:
        """Directories that the step writes to: before any change, each is checked for write access and room."""
        ...

    def still_true(self, link: Link, context: StepContext) -> None:
        """Check whether the step may run now. Raises Stale when it may not, Unobservable when that cannot be seen."""
        ...

    def inverse(self, link: Link, context: StepContext) -> Step | None:
        """The step that undoes this one, written to the journal before `do`. None when there is no way back.

        May have to read the node: then it raises Stale, StepFailed or Unobservable. Called after `still_true`.
        """
        ...

    def do(self, link: WritingLink, context: StepContext) -> Done:
        """Make the change. Raises StepFailed, Lost or Stale.

        The caller holds the lock, has called `still_true`, and has written the step and its way back to the journal.
        """
        ...


def content_digest(content: bytes) -> str:
    """SHA-256 in hex, by which steps and the journal refer to content without holding it.

    >>> content_digest(b"")[:12]
    'e3b0c44298fc'
    """
    return hashlib.sha256(content).hexdigest()
