"""How the GPUs of a node are looked at: one script that bounds each of its questions, and what the engine says anyway.

The look at the engine is the command of the topic `engine`: asked by both, it runs once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.topics.engine.observe import inspect_engine
from fleetkeeper.topics.gpus.parse import parse, parse_engine
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

LOOK_AT_GPUS = "fleetkeeper/topics/gpus/scripts/look_at_gpus.sh"


def look_at_gpus(inventory: Inventory) -> Command:
    """The command that prints what a node has of GPUs, and what the declared services' containers reach of them.

    Raises NotApplicable for an inventory that does not ask for GPUs.
    """
    policy = inventory.section(Policy)
    names = [require_policy(inventory.services)[key].name for key in policy.services]
    return Command(("sh", "-c", load_script(LOOK_AT_GPUS), "look at the GPUs", *names), sudo=True)


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip. Raises NotApplicable on a node that has no GPU by the inventory.

    Raises Unobservable when the script gave no answer, or one that was cut short.
    """
    if node.name not in inventory.section(Policy).nodes:
        raise NotApplicable("the inventory names no GPU there")
    engine, gpus = yield [inspect_engine(), look_at_gpus(inventory)]
    return parse(gpus.text(), or_why(lambda: parse_engine(engine)))
