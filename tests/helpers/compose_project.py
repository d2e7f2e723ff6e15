"""The captured project of Compose (tests/fixtures/compose), and fleets in which it runs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleetkeeper.looking.fleet import HERE, Fleet
from fleetkeeper.readers.compose.document import read_compose
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.parse import parse_containers
from fleetkeeper.topics.registry import load_inventory
from fleetkeeper.topics.services.compose.compose_client import printed_hashes
from fleetkeeper.topics.services.compose.declared import ProjectReading
from fleetkeeper.topics.services.compose.facts import ContainerVariables, DeclaredProject, ProjectService
from fleetkeeper.topics.services.policy import Stack
from fleetkeeper.topics.services.stacks.deploy_variables import StackVariables
from fleetkeeper.topics.services.stacks.facts import Facts
from fleetkeeper.topics.services.stacks.values import variable_digests
from fleetkeeper.transport.commands import Unobservable

FIXTURES = Path(__file__).parents[1] / "fixtures" / "compose"
FILE = "/srv/shop/compose.yaml"
INVENTORY = """
nodes: {web: {connection: local, sudo: true}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
stacks: {shop: {kind: compose, node: web, file: /srv/shop/compose.yaml}}
"""
VERSIONS = ("2.26.1", "2.40.3")


def captured_services(version: str = "2.26.1") -> tuple[ProjectService, ...]:
    """The services as a version of Compose declares them."""
    model = json.loads((FIXTURES / f"model-{version}.json").read_text())
    hashes = dict(printed_hashes((FIXTURES / f"hashes-{version}.txt").read_text().split("\n")))
    document = read_compose((FIXTURES / "compose.yaml").read_bytes())
    stack = Stack(kind="compose", node="web", file=FILE)
    reading = ProjectReading("shop", stack, (document,), StackVariables({}), {}, FIXTURES, "/srv/shop")
    services: dict[str, Any] = model["services"]
    return tuple(
        reading.declared_service(name, service, hashes[name], model, (service, model))
        for name, service in services.items()
    )


def captured_project(version: str = "2.26.1", **changed: Any) -> DeclaredProject:
    """The project as a version of Compose declares it; `changed` are other fields of it."""
    services = captured_services(version)
    project = DeclaredProject("shop", "shop", "web", FILE, "/srv/shop", version, services)
    return replace(project, **changed)


def changed_declaration(name: str, **changed: Any) -> DeclaredProject:
    """The project with other fields of one service; its hash is another too."""
    other = {"digests": ("0" * 64,), "hashed": None, **changed}
    services = [replace(each, **other) if each.name == name else each for each in captured_services()]
    return captured_project(services=tuple(services))


def captured_containers(version: str = "2.26.1") -> tuple[Container, ...]:
    """The containers as an engine has them that a version of Compose made."""
    return parse_containers((FIXTURES / f"containers-{version}.json").read_text())


def variables_of_container(
    service: str, values: dict[str, str], image: tuple[str, ...] = (), perhaps: tuple[str, ...] = ()
) -> tuple[ContainerVariables, ...]:
    """The variables of the containers of a service with these values, those of an image under `image` or `perhaps`."""
    digests = {name: variable_digests(f"{name}={value}", run_key())[0] for name, value in values.items()}
    return tuple(
        ContainerVariables(each.id, tuple(values), image, perhaps, digests)
        for each in captured_containers()
        if each.service == service
    )


def project_fleet(
    project: DeclaredProject | Unobservable | None = None,
    containers: Iterable[Container] | Unobservable | None = None,
    written: str = INVENTORY,
    variables: tuple[ContainerVariables, ...] | Unobservable = (),
) -> Fleet:
    """A look at one node with the containers of the project and the variables of some of them."""
    declared = captured_project() if project is None else project
    running = captured_containers() if containers is None else containers
    facts: dict[tuple[str, str], Any] = {
        ("web", "containers"): running if isinstance(running, Unobservable) else Containers("present", tuple(running)),
        ("web", "stacks"): Facts("inactive", variables=variables),
        (HERE, "stacks"): declared if isinstance(declared, Unobservable) else Facts(projects=(declared,)),
    }
    return Fleet(load_inventory(Path("mine.yml"), written), datetime(2026, 11, 30, tzinfo=UTC), facts)
