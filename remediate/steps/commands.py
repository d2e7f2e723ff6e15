"""Running one command on a node, or inside a container that runs there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Require:
    """A read-only question that must be answered as expected before anything is changed.

    `answer` is the exact standard output without the newline at its end; None accepts any. `because` is said when it
    is not so.
    """

    node: str
    words: tuple[str, ...]
    because: str
    answer: str | None = None
    sudo: bool = True
    limit: float = 30.0


@dataclass(frozen=True)
class Run:
    """Run one command on the node. `changes=False` for one that only looks (`nginx -t`).

    `expect` are the exit statuses that mean success. `says` is the sentence that the plan shows. `undo` are the words
    that undo it; empty when there is no way back. `tells` declares that what the command prints is harmless: only then
    the last line of its standard error is shown and kept when it fails.
    """

    node: str
    words: tuple[str, ...]
    says: str = ""
    expect: tuple[int, ...] = (0,)
    undo: tuple[str, ...] = ()
    changes: bool = True
    tells: bool = False
    sudo: bool = True
    limit: float = 60.0
    kind: Literal["run"] = "run"


@dataclass(frozen=True)
class RunInContainer:
    """The same inside a container, by its full id, as `user` (empty: the container's own).

    `service` is what a person calls it. Its precondition: that very container is still running.
    """

    node: str
    container: str
    words: tuple[str, ...]
    service: str = ""
    user: str = ""
    says: str = ""
    expect: tuple[int, ...] = (0,)
    undo: tuple[str, ...] = ()
    changes: bool = True
    tells: bool = False
    limit: float = 60.0
    kind: Literal["run_in_container"] = "run_in_container"
