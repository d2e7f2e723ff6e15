"""`remediate explain RULE`: the promise, why it matters, and what the remedy does, from the code's own docstrings."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping

from fleetkeeper.errors import UsageError, nearest
from fleetkeeper.inventory.load import find, load
from fleetkeeper.judging.rules import Rule
from fleetkeeper.topics import registry
from remediate.plan import Remedy
from remediate.remedies import REMEDIES
from remediate.session import remedies_of


def explain_rule(name: str, hosts: str | None = None) -> str:
    """All that is known about a rule. With an inventory, its own rules are known too. Raises UsageError."""
    rules: Mapping[str, Rule] = registry.RULES
    remedies: Mapping[str, Remedy] = REMEDIES
    if hosts:
        inventory = load(find(hosts))
        rules, remedies = registry.rules_of(inventory), remedies_of(registry.topics_of(inventory))
    if name not in rules:
        raise UsageError(f"there is no rule {name!r}", hint=nearest(name, rules, "rules"))
    return explained(rules[name], remedies.get(name))


def explained(rule: Rule, remedy: Remedy | None) -> str:
    """The text about one rule."""
    parts = [rule.id, rule.promise, rule.explanation, "How to check it: " + check(rule), about(rule, remedy)]
    return "\n\n".join(part for part in parts if part)


def check(rule: Rule) -> str:
    """The command that judges it: our checks are a package, a team's own stand where the team keeps them."""
    where = f"--pyargs checks.test_{rule.topic}" if rule.id in registry.RULES else f"test_{rule.topic}.py"
    return f"pytest --hosts=NAME {where} -k {rule.name}"


def about(rule: Rule, remedy: Remedy | None) -> str:
    """What the remedy does, or why there is none."""
    if remedy is None:
        return f"Remedy: none; {rule.person or 'there is none yet'}."
    said = re.sub(r"\s*\bRaises [^.]*\.", "", inspect.getdoc(remedy) or "it has no description")
    return f"Remedy (remediate --hosts=NAME --only {rule.id}): {said}"
