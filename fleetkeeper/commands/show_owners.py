"""`fleetkeeper owners`: who gets what, and the ownership rules of Sentry to paste."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last

if TYPE_CHECKING:
    from fleetkeeper.audit import Audit
    from fleetkeeper.inventory.owners import Owner

SHOWN = 6


@click.command()
@HOSTS
@STATE
def owners(hosts: str | None, state: Path | None) -> None:
    """Show who owns which promises of an inventory today, by its `people` and `owners`.

    Nothing is looked at. Then come the ownership rules that a project of Sentry needs, for those who have a name there.
    """
    from fleetkeeper.audit import open_audit
    from fleetkeeper.untrusted import printable_text

    audit = open_audit(named_or_last(hosts, state), state=state)
    for line in ownership_lines(audit):
        click.echo(printable_text(line))


def ownership_lines(audit: Audit) -> Iterator[str]:
    """The lines of the command. Raises UsageError where the run has several inventories, or this one has no owners."""
    from fleetkeeper.errors import UsageError
    from fleetkeeper.inventory.owners import sentry_lines

    inventory = audit.only_inventory()
    if not inventory.owners:
        hint = "`people: {ops: {}}` and `owners: [{owner: ops}]` are the shortest (docs/owners.md)"
        raise UsageError(f"{inventory.name} has no owners", hint=hint)
    for number, rule in enumerate(inventory.owners, 1):
        written = {name: getattr(rule, name) for name in ("rule", "topic", "service", "subject", "node")}
        conditions = ", ".join(f"{name} {glob}" for name, glob in written.items() if glob) or "all that is left"
        yield f"{number:>2}  {conditions}: {describe_owner(rule.owner, audit.began)}"
    yield ""
    yield from promise_lines(audit)
    if lines := sentry_lines(inventory.people):
        yield ""
        yield "ownership rules for Sentry (Settings, Projects, Ownership Rules):"
        yield from lines


def describe_owner(owner: Owner, now: datetime) -> str:
    """An owner in words; of a rotation who has the turn, and until when."""
    from fleetkeeper.inventory.owners import Rotation

    if not isinstance(owner, Rotation):
        return owner
    return f"{owner.on_turn(now)} until {owner.turn_ends(now)} (in turn: {', '.join(owner.rotate)})"


def promise_lines(audit: Audit) -> Iterator[str]:
    """For each person and team the number of its promises and their rules. Who has none is named, too."""
    from fleetkeeper.inventory.owners import Matter
    from fleetkeeper.inventory.units import count_of
    from fleetkeeper.topics.registry import rules_of

    inventory = audit.only_inventory()
    promises: dict[str, list[str]] = defaultdict(list)
    for rule in rules_of(inventory):
        for _, subject in audit.subjects(rule):
            matter = Matter(rule, subject.kind, subject.name, subject.node)
            for owner in inventory.people:
                if audit.owners(inventory.name).may_own(owner, matter, inventory.nodes):
                    promises[owner].append(rule)
    for owner in inventory.people:
        rules = list(dict.fromkeys(promises[owner]))
        more = f" and {len(rules) - SHOWN} more" if len(rules) > SHOWN else ""
        named = f": {', '.join(rules[:SHOWN])}{more}" if rules else ""
        yield f"{owner} has {count_of(len(promises[owner]), 'promise')}{named}"
