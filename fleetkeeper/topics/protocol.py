"""A topic: everything that fleetkeeper knows about one part of a runbook, as one typed object."""

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
    """A word of a root command that varies, and the test that it must pass.

    `kind` names a function of the audit helper, `is_KIND` (fleetkeeper/commands/scripts/helper_kinds.sh). With a
    `test`, which is shell code about `$1`, it is a kind of this command alone. `many`: any number of such words.
    """

    kind: str
    many: bool = False
    test: str = ""


RootQuestion = tuple[str | Argument, ...]
"""A command that is asked as root: words that are always the same, and arguments."""


def no_questions(*_: object) -> Iterable[RootQuestion]:
    """The root commands of a topic that has none."""
    return ()


@dataclass(frozen=True, eq=False)
class Topic:
    """One topic, ours or a team's own: its policy, its observers and its rules.

    `policy` is the type of its section in the inventory, None without one; the section is called `section` (else like
    the topic) and is explained there by `about`. A section that is not `required` may be left out: then nothing is
    judged by it. `section_rule` is the id of the rule that is unknown while the section is undecided, in a topic whose
    other rules do not need it; without it the first rule is, and no other is judged. `remedies` are the ids of the
    rules that a remedy answers; a team's own topic maps each to its remedy. `root_questions` are the commands that it
    runs as root whatever the inventory says, `root_questions_about` those about names in one inventory: the audit
    helper is made from both, and runs nothing else. `init_lines` proposes the
    lines of its section from the findings of `init`.
    """

    name: str
    observers: tuple[Observer, ...]
    rules: tuple[Rule, ...]
    policy: Any = None
    section: str = ""
    section_rule: str = ""
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
        """The ids of its rules, as `topic.rule`."""
        return tuple(rule.id for rule in self.rules)
