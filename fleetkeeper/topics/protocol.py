"""A topic: everything that fleetkeeper knows about one part of a runbook, as one typed thing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetkeeper.judging.rule import Rule
from fleetkeeper.looking.observer import Observer

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.survey_results import Findings


@dataclass(frozen=True)
class Argument:
    """A word of a question that varies, and what it must look like.

    `kind` is a function of the audit helper, `is_KIND` (fleetkeeper/commands/scripts/helper_kinds.sh). With a `test`,
    which is shell code about `$1`, it is a kind of this question alone. `many`: any number of such words.
    """

    kind: str
    many: bool = False
    test: str = ""


RootQuestion = tuple[str | Argument, ...]
"""A command that is asked as root: words that are always the same, and arguments."""


def no_questions(*_: object) -> Iterable[RootQuestion]:
    """The questions of a topic that asks nothing as root."""
    return ()


@dataclass(frozen=True, eq=False)
class Topic:
    """One topic, ours or a team's own: what is wanted, what is looked at, and what is judged.

    `policy` is the type of its section in the inventory, which is called `section` (else like the topic) and is
    explained there by `about`. A section that is not `required` may be left out: then nothing is asked for yet.
    `remedies` are the ids of the rules that a remedy answers; a team's own topic maps each to its remedy.
    `root_questions` are the commands that it asks as root whatever the inventory says, `root_questions_about` those
    about what one inventory names: the audit helper is made from both, and lets nothing else pass.
    `init_lines` proposes the lines of its section from what
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
    root_questions: Callable[[], Iterable[RootQuestion]] = no_questions
    root_questions_about: Callable[[Inventory], Iterable[RootQuestion]] = no_questions
    init_lines: Callable[[Findings], Iterable[str]] | None = None

    @property
    def key(self) -> str:
        """The key of its section in the inventory; empty when it has none."""
        return (self.section or self.name) if self.policy is not None else ""

    @property
    def rule_ids(self) -> tuple[str, ...]:
        return tuple(rule.id for rule in self.rules)
