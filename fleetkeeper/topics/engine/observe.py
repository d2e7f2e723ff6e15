"""How the engine of a node is looked at: one constant script, asked in the round trip of the other topics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json
from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.parse import parse
from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

INSPECT_ENGINE = "fleetkeeper/topics/engine/scripts/inspect_engine.sh"


def inspect_engine() -> Command:
    """The command that prints how the engine of a node is set up, for `parse`."""
    return Command(("sh", "-c", load_script(INSPECT_ENGINE), "look at the Docker engine"), sudo=True)


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about the engine."""
    yield inspect_engine().words


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip; "absent" on a node without an engine. Raises Unobservable where it is silent."""
    [answer] = yield [inspect_engine()]
    if answer.rc == ABSENT:
        return Facts("absent")
    return parse(inspection_json(answer))
