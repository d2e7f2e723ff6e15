"""The `sudo` setting of nodes for repairs: `sudo: audit` limits what a look may run, and repairs need all of sudo."""

from __future__ import annotations

from fleetkeeper.inventory.load import Inventory


def for_repairs(inventory: Inventory) -> Inventory:
    """A copy of the inventory for a run that may change something: `sudo: audit` becomes `sudo: true`.

    Whether sudo grants that is up to its own configuration: to the account of the nightly audit it does not, to a
    person who logs in as themselves it does.
    """
    nodes = {name: node.model_copy(update={"sudo": bool(node.sudo)}) for name, node in inventory.nodes.items()}
    return inventory.model_copy(update={"nodes": nodes})
