"""The projects of Compose that run on the nodes, by the labels that Compose gives its containers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetkeeper.inventory.fields import NAME
from fleetkeeper.inventory.survey_results import FoundProject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import COMPOSE_DIRECTORY, COMPOSE_FILES, COMPOSE_PROJECT
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.services.policy import PROJECT
from fleetkeeper.transport.commands import Unobservable


def compose_projects(fleet: Fleet) -> Iterator[FoundProject]:
    """The projects of Compose that run on the nodes, by their labels, sorted; those that an inventory can name."""
    seen: dict[tuple[str, str], FoundProject] = {}
    for node in fleet.inventory.nodes:
        try:
            containers = fleet.of(node, Containers).containers
        except Unobservable:
            continue
        for container in containers:
            project = container.label(COMPOSE_PROJECT)
            if re.fullmatch(PROJECT, project) and re.fullmatch(NAME, project):
                files = tuple(container.label(COMPOSE_FILES).split(","))
                seen[project, node] = FoundProject(project, node, container.label(COMPOSE_DIRECTORY), files)
    yield from (seen[key] for key in sorted(seen))
