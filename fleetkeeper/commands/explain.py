"""`fleetkeeper explain RULE`: the promise, why it matters, and what the remedy does, from the code's own docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from typing import Any

import click

from fleetkeeper.commands.command_options import HOSTS, complete_rules
from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.inventory.benchmark_ids import LATEST, NO_ID, PREFIX, why_no_id, with_edition
from fleetkeeper.inventory.search import find_inventory
from fleetkeeper.judging.rule import Rule
from fleetkeeper.topics import registry

Remedy = Callable[..., Any]
REMEDIES = "fleetkeeper.remedies"
"""The group of entry points whose mappings hold, by rule id, the functions that answer findings."""


@click.command()
@click.argument("rule", shell_complete=complete_rules)
@HOSTS
def explain(rule: str, hosts: str | None) -> None:
    """Say what a RULE promises, why it matters, how it is judged, and what its remedy does.

    `cis:5.26` in place of a rule is an id of the CIS Docker Benchmark, of edition 1.8 unless it, or the inventory, says
    another: `cis:1.6:2.14`.
    """
    click.echo(explain_id(rule, hosts) if rule.startswith(PREFIX) else explain_rule(rule, hosts))


def explain_id(name: str, hosts: str | None = None) -> str:
    """The text about one id of the CIS Docker Benchmark: `cis:5.26`.

    With an inventory (a name or a path) its edition is meant. Raises UsageError for an id that no edition has, and for
    an inventory that cannot be loaded.
    """
    from fleetkeeper.topics.benchmark.catalog import entry_of

    edition = registry.load_inventory(find_inventory(hosts)).edition if hosts else LATEST
    entry = entry_of(with_edition(name, edition).removeprefix(PREFIX))
    if entry is None:
        why = why_no_id(name, edition)
        text = why if why not in ("", NO_ID) else f"the CIS Docker Benchmark has no {name}"
        raise UsageError(text, hint="as cis:5.26, or cis:1.6:2.14")
    built = entry.rule in registry.RULES and set(entry.ids) <= set(registry.RULES[entry.rule].cis)
    promise = f"`fleetkeeper explain {entry.rule}`" if built else "it is not built yet, so the id is unknown"
    parts = {
        "": f"{' = '.join(entry.ids)}  (level {entry.level}, section {entry.section}: {entry.section_title})",
        "What": f"{entry.title}. {entry.what}".strip(),
        "Why": entry.why,
        "How it is judged": entry.judged,
        "What docker-bench says": entry.docker_bench,
        "Remedy": entry.remedy,
        "Danger": entry.danger,
        "Promise": f"{entry.rule} ({promise})",
    }
    return "\n\n".join(f"{head}: {text}" if head else text for head, text in parts.items() if text)


def explain_rule(name: str, hosts: str | None = None) -> str:
    """The text that `fleetkeeper explain` prints about a rule, by its id.

    With an inventory (a name or a path) the rules of its own topics are known too. Raises UsageError for an unknown
    rule, and for an inventory that cannot be loaded. Imports the remedies of the installed programs.
    """
    inventory = registry.load_inventory(find_inventory(hosts)) if hosts else None
    topics = registry.topics_of(inventory) if inventory else registry.TOPICS
    rules = registry.rules_in(topics)
    if name not in rules:
        raise UsageError(f"there is no rule {name!r}", hint=nearest_name(name, rules, "rules"))
    own = topics[rules[name].topic].remedies
    return explain_text(rules[name], (own if isinstance(own, Mapping) else installed_remedies()).get(name))


def installed_remedies() -> Mapping[str, Remedy]:
    """The remedies of every installed program that changes servers, by rule id.

    They are imported here; empty when there is none.
    """
    matches: dict[str, Remedy] = {}
    for entry in entry_points(group=REMEDIES):
        matches.update(entry.load())
    return matches


def explain_text(rule: Rule, remedy: Remedy | None) -> str:
    """The text about one rule: id, promise, explanation, the command that checks it, and its remedy (None: none)."""
    parts = [
        rule.id,
        rule.promise,
        rule.explanation,
        "How to check it: " + check_command(rule),
        about_remedy(rule, remedy),
    ]
    return "\n\n".join(part for part in parts if part)


def check_command(rule: Rule) -> str:
    """The pytest command that judges only this rule.

    Our checks are judged in any folder, a team's own in the folder that holds them.
    """
    return f"pytest --hosts=NAME -k 'test_{rule.topic} and {rule.name}'"


def about_remedy(rule: Rule, remedy: Remedy | None) -> str:
    """The effect of the remedy in words, from its docstring, or why there is none (None); without what it raises."""
    if remedy is None:
        return f"Remedy: none; {rule.person or 'there is none yet'}."
    text = re.sub(r"\s*\bRaises\s[^.]*\.", "", inspect.getdoc(remedy) or "it has no description")
    return f"Remedy (remediate --hosts=NAME --only {rule.id}): {text}"
