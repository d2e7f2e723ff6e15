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

TAIL = """## What no rule judges

A green audit says nothing about these; each is decided once, in a stack file, an image or the engine's configuration:

- who may reach a port: one that is published on all addresses (CIS Docker 5.14), `trust` in pg_hba.conf, firewalls;
- limits: memory, CPU and processes of a container (CIS Docker 5.11, 5.12, 5.29), the size of its log;
- what an image is: floating tags such as `latest`, its age, a missing HEALTHCHECK (CIS Docker 4.6, 5.27). Whether the
  database answers is asked by `backups.database_answers` all the same;
- mounts that share their propagation (CIS Docker 5.20), and AppArmor or SELinux that the node itself does not have;
- the swarm as a whole: how many managers it has (with one, its loss is the swarm's), autolock, encryption of overlay
  networks (CIS Docker 7.1, 7.3, 7.5);
- the capability NET_ADMIN: with it a container changes its own network, and the node's only where it has that too;
- the engine's and the node's own settings: CIS Docker 1.x and 2.x, an engine of another user or make beside Docker;
- passwords in the environment of a service: whoever may ask the engine reads them.
"""


def rules_page() -> str:
    """The page as Markdown, a section for each topic, and what none of them judges."""
    return "\n".join((HEAD, *rule_sections(), TAIL)).rstrip() + "\n"


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
