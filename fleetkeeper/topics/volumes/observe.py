"""How the volume of the backups is measured: one script, on the node that counts it."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.looking.observer import Look
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.topics.volumes.parse import parse
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

MEASURE_VOLUME = "fleetkeeper/topics/volumes/scripts/measure_volume.sh"


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts of the volume of the backups, on the node that counts it; None on any other.

    Raises NotApplicable where the inventory has no backups.
    """
    policy = inventory.section(Policy)
    if policy.volume.node != node.name:
        return None
    [answer] = yield [usage_of(policy)]
    return parse(answer)


def usage_of(policy: Policy) -> Command:
    """The command that measures a policy's volume and its disk. Its output is for `parse`."""
    volume = policy.volume
    return Command(
        ("sh", "-c", load_script(MEASURE_VOLUME), "sh", volume.name, volume.path or ""), sudo=True, limit=120
    )


def root_questions_about(inventory: Inventory) -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about the volume of an inventory.

    Raises NotApplicable for one without backups.
    """
    yield usage_of(inventory.section(Policy)).words
