"""How the variables of containers of Compose projects are seen: names, and digests of their values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.services.compose.facts import ContainerVariables
from fleetkeeper.topics.services.policy import Policy
from fleetkeeper.topics.services.variable_rows import VariableRow, variable_rows
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

DESCRIBE_PROJECTS = "fleetkeeper/topics/services/compose/scripts/describe_projects.sh"
CONTAINER = re.compile("container ([0-9a-f]{1,64})")


def describe_projects(key: str, projects: Sequence[str]) -> Command:
    """The command that prints digests of the variables of projects' containers with a key of digits."""
    words = ("sh", "-c", load_script(DESCRIBE_PROJECTS), "docker inspect", key, *projects)
    return Command(words, sudo=True)


def projects_on(node: str, inventory: Inventory) -> list[str]:
    """The projects that run on a node, by their names there."""
    projects = inventory.section(Policy).stacks_of("compose")
    return sorted({entry.project or name for name, entry in projects.items() if entry.node == node})


def container_variables(described: Output) -> tuple[ContainerVariables, ...]:
    """The variables of each container that `describe_projects` saw. Raises Unobservable for an incomplete answer."""
    rows = split_lines(described.text())
    if not rows or rows[-1] != "end":
        raise Unobservable("the look at the variables of containers was cut short")
    variables: dict[str, list[VariableRow]] = {match[1]: [] for row in rows if (match := CONTAINER.fullmatch(row))}
    for variable in variable_rows(rows):
        if variable.is_set:
            variables.setdefault(variable.owner, []).append(variable)
    return tuple(
        ContainerVariables(
            container,
            tuple(variable.name for variable in own),
            tuple(variable.name for variable in own if variable.mark == "="),
            tuple(variable.name for variable in own if variable.mark == "?"),
            {variable.name: variable.digest for variable in own},
        )
        for container, own in variables.items()
    )


def root_questions() -> Iterator[RootQuestion]:
    """The command that an audit runs as root about the containers of projects."""
    yield (*describe_projects("0", ()).words[:-1], Argument("number"), Argument("word", many=True))
