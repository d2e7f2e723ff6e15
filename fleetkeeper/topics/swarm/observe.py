"""How the swarm is looked at: by what the script that looks at the engine prints, in the same round trip."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json
from fleetkeeper.topics.engine.observe import inspect_engine
from fleetkeeper.topics.swarm.facts import Facts
from fleetkeeper.topics.swarm.parse import parse

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip; "absent" on a node without an engine. Raises Unobservable where it is silent."""
    [answer] = yield [inspect_engine()]
    if answer.rc == ABSENT:
        return Facts("absent")
    return parse(inspection_json(answer))
