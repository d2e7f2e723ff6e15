"""How the swarm and the volumes of a node are seen: one script that prints JSON documents one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json
from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.topics.services.facts import (
    Facts,
)
from fleetkeeper.topics.services.parse import parse, remote_mounts
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

INSPECT_SWARM = "fleetkeeper/topics/services/scripts/inspect_swarm.sh"


MOUNTS = Command(("cat", "/proc/self/mounts"))


def inspect_swarm() -> Command:
    """The command that prints the swarm's state, the node's volumes, and on a manager members, services and tasks."""
    return Command(("sh", "-c", load_script(INSPECT_SWARM), "docker service inspect"), sudo=True)


def observe(node: Node, inventory: Inventory) -> Look:
    """Facts after one round trip.

    The swarm's state, this node's volumes, and on a manager members, services and tasks; `absent` without Docker.
    Raises Unobservable when the engine did not answer completely.
    """
    answer, mounts = yield [inspect_swarm(), MOUNTS]
    if answer.rc == ABSENT:
        return Facts("absent")
    return parse(inspection_json(answer), remote_mounts(mounts))


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about the swarm."""
    yield inspect_swarm().words
