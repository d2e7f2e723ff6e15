"""How the services of stacks are seen: the question of the topic, and one more on a manager for what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.services.observe import inspect_swarm
from fleetkeeper.topics.services.policy import Policy
from fleetkeeper.topics.services.stacks.facts import Facts
from fleetkeeper.topics.services.stacks.parse import parse
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

DESCRIBE_STACKS = "fleetkeeper/topics/services/stacks/scripts/describe_stacks.sh"


def describe_stacks(key: str) -> Command:
    """The command that prints names of networks, and digests of variables with a key of digits."""
    return Command(("sh", "-c", load_script(DESCRIBE_STACKS), "docker service inspect", key), sudo=True)


def observe(node: Node, inventory: Inventory) -> Look:
    """The services of stacks that a node knows of, after one round trip; with the role `absent` without Docker.

    A generator: yields commands, receives their outputs. Raises NotApplicable where the inventory has no stacks,
    Unobservable for an answer that is not complete.
    """
    inventory.section(Policy)
    inspected, described = yield [inspect_swarm(), describe_stacks(run_key())]
    if inspected.rc == ABSENT:
        return Facts("absent")
    return parse(inspection_json(inspected), described, run_key())


def root_questions() -> Iterator[RootQuestion]:
    """The command that an audit runs as root about stacks."""
    yield (*describe_stacks("0").words[:-1], Argument("number"))
