"""What the files of stacks and of Compose projects declare, from the machine that audits."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.topics.services.compose.declared import declared_projects
from fleetkeeper.topics.services.stacks import declared
from fleetkeeper.topics.services.stacks.facts import Facts

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory


def from_here(inventory: Inventory) -> Facts:
    """What all files declare, those of the swarm's stacks and those of projects. Raises NotApplicable without any."""
    return replace(declared.from_here(inventory), projects=declared_projects(inventory))
