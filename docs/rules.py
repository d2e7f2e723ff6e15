"""docs/rules.md: every promise, from the rules' and remedies' own docstrings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from fleetkeeper.commands.explain import about_remedy
from fleetkeeper.judging.rule import Rule
from fleetkeeper.topics.registry import RULES
from remediate.remedies import REMEDIES

HEAD = """# The rules

Every promise there is: what it says, why it matters and how it is judged, and what `remediate` does about it. The id is
the same in pytest, reports, waivers and remedies: `backups.are_fresh` is judged by
`checks/test_backups.py::test_are_fresh`. `fleetkeeper explain RULE` prints one of these.
"""


def rules_page() -> str:
    """The page as Markdown, a section for each topic."""
    return "\n".join((HEAD, *rule_sections())).rstrip() + "\n"


def rule_sections() -> Iterator[str]:
    for topic, rules in groupby(RULES.values(), key=lambda rule: rule.topic):
        yield f"## {topic}\n"
        for rule in rules:
            yield from rule_section(rule)


def rule_section(rule: Rule) -> Iterator[str]:
    yield f"### `{rule.id}`\n"
    yield f"**{rule.promise}**\n"
    yield f"{rule.explanation}\n"
    yield f"{about_remedy(rule, REMEDIES.get(rule.id))}\n"
