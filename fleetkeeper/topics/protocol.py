"""A topic: everything that fleetkeeper knows about one part of a runbook, as one typed thing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Any

from fleetkeeper.judging.rules import Rule
from fleetkeeper.looking.observer import Observer


@dataclass(frozen=True)
class Argument:
    """A word of a question that varies: `kind` says what it must look like. `many`: any number of such words."""

    kind: str
    many: bool = False


RootQuestion = tuple[str | Argument, ...]
"""A command that is asked as root: words that are always the same, and arguments."""


@dataclass(frozen=True, eq=False)
class Topic:
    """One topic, ours or a team's own: what is wanted, what is looked at, and what is judged.

    `policy` is the type of its section in the inventory, which is called `section` (else like the topic) and is
    explained there by `about`. A section that is not `required` may be left out: then nothing is asked for yet.
    `remedies` are the ids of the rules that a remedy answers; a team's own topic maps each to its remedy.
    `root_questions` are the commands that it asks as root. `init_lines` proposes the lines of its section from what
    `init` has seen.
    """

    name: str
    observers: tuple[Observer, ...]
    rules: tuple[Rule, ...]
    policy: Any = None
    section: str = ""
    about: str = ""
    required: bool = False
    remedies: Collection[str] = ()
    root_questions: tuple[RootQuestion, ...] = ()
    init_lines: Callable[[Any], Iterable[str]] | None = None

    @property
    def key(self) -> str:
        """The key of its section in the inventory; empty when it has none."""
        return (self.section or self.name) if self.policy is not None else ""

    @property
    def rule_ids(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.rules)
