"""How services of stacks and containers of projects are seen: the question of the topic, and what it leaves out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.readers.docker.inspection import ABSENT, inspection_json
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.services.compose import observe as compose
from fleetkeeper.topics.services.compose.facts import ContainerVariables
from fleetkeeper.topics.services.observe import inspect_swarm
from fleetkeeper.topics.services.stacks.facts import Facts
from fleetkeeper.topics.services.stacks.parse import parse
from fleetkeeper.transport.commands import Command, Output, Unobservable
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
    """The services of stacks that a node knows of, and the variables of containers of its projects of Compose.

    One round trip; the role is `absent` without Docker. A generator: yields commands, receives their outputs. Raises
    NotApplicable where the inventory has no stacks, Unobservable for an answer about the swarm that is not complete.
    """
    projects = compose.projects_on(node.name, inventory)
    questions = [compose.describe_projects(run_key(), projects)] if projects else []
    inspected, described, *answers = yield [inspect_swarm(), describe_stacks(run_key()), *questions]
    if inspected.rc == ABSENT:
        return Facts("absent")
    facts = parse(inspection_json(inspected), described, run_key())
    return replace(facts, variables=variables_in(answers[0])) if answers else facts


def variables_in(answer: Output) -> tuple[ContainerVariables, ...] | Unobservable:
    """The variables of containers in the answer of `describe_projects`, or why they are unknown."""
    try:
        return compose.container_variables(answer)
    except Unobservable as why:
        return why


def root_questions() -> Iterator[RootQuestion]:
    """The command that an audit runs as root about stacks."""
    yield (*describe_stacks("0").words[:-1], Argument("number"))
