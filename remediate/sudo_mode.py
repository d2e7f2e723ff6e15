"""As whom repairs are done: `sudo: audit` says how far looking goes; whoever repairs asks sudo for everything."""

from __future__ import annotations

from fleetkeeper.inventory.load import Inventory


def for_repairs(inventory: Inventory) -> Inventory:
    """The inventory for a run that may change something. On nodes with `sudo: audit` it asks for all of sudo.

    Whether it gets that is sudo's to decide: the account of the nightly audit does not, a person who logs in as
    themselves does.
    """
    nodes = {name: node.model_copy(update={"sudo": bool(node.sudo)}) for name, node in inventory.nodes.items()}
    return inventory.model_copy(update={"nodes": nodes})
