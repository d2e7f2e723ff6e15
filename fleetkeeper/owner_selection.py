"""`pytest --owner NAME`: judge only the promises of which a finding may be this person's or team's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fleetkeeper.verdict_fixture import AUDIT

if TYPE_CHECKING:
    from fleetkeeper.audit import Audit


def check_owner(audit: Audit, owner: str) -> None:
    """Raise UsageError for a name that no inventory of the run has under `people`."""
    from fleetkeeper.errors import UsageError, nearest_name

    people = sorted({name for inventory in audit.inventories.values() for name in inventory.people})
    if owner not in people:
        hint = nearest_name(owner, people, "people") if people else "the inventory has no `people` and `owners` yet"
        raise UsageError(f"--owner {owner}: no such person or team", hint=hint)


def deselect_others(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take the checks out of `items` that are not the owner's of --owner. Tests that are no checks stay.

    A promise whose findings have owners by node is kept when one of the inventory's nodes would give it to the owner.
    """
    from fleetkeeper.inventory.owners import Matter

    audit, owner = config.stash[AUDIT], config.option.owner
    if audit is None or not owner:
        return
    others = []
    for item in items:
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        match parameters.get("verdict"):
            case (str(inventory), str(rule), subject):
                matter = Matter(rule, subject.kind, subject.name, subject.node)
                if not audit.owners(inventory).may_own(owner, matter, audit.inventories[inventory].nodes):
                    others.append(item)
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in set(others)]
