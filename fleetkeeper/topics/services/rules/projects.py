"""How the containers of a Compose project differ from what its files declare."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fleetkeeper.judging.finding import Finding
from fleetkeeper.looking.fleet import HERE, Fleet, raise_if_unobservable
from fleetkeeper.readers.docker.labels import (
    COMPOSE_DIRECTORY,
    COMPOSE_HASH,
    COMPOSE_ONEOFF,
    COMPOSE_PROJECT,
    COMPOSE_SERVICE,
    COMPOSE_VERSION,
)
from fleetkeeper.readers.run_digests import text_digest
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.services.compose.facts import ContainerVariables, DeclaredProject, ProjectService
from fleetkeeper.topics.services.compose.service_hash import hash_with_ids
from fleetkeeper.topics.services.compose.settings import different_settings, running_settings
from fleetkeeper.topics.services.rules.project_variables import NO_VALUES, VariableComparison, compare_variables
from fleetkeeper.topics.services.stacks.facts import Facts
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line, shown_command

WHY = "the next `docker compose up` changes it back, and until then what runs is written down nowhere"
NOTED = ("variables", "env file")
"""Doubts about what is not on this machine: a line of the notes says so."""
DEPENDS = {"home": "somebody's home directory", "namespace": "the container of another service"}
OTHER_VERSION = "each version may hash the same settings in another way: install the same one where the audit runs"


def declared_project(fleet: Fleet, name: str) -> DeclaredProject:
    """What the files of a project declare. Raises Unobservable where they were not read."""
    for project in fleet.of(HERE, Facts).projects:
        if project.name == name:
            return project
    raise Unobservable(f"the file of {name} was not read")


def project_differences(fleet: Fleet, name: str) -> Iterator[Finding | Unobservable]:
    """The findings about one project, and why the rest is unknown. Raises Unobservable where nothing is known."""
    project = declared_project(fleet, name)
    services = raise_if_unobservable(project.services)
    containers = project_containers(fleet.of(project.node, Containers).containers, project.project)
    if not containers:
        file = f"those of {Path(project.file).name}"
        saw = f"no container of {project.project} is on {project.node}"
        yield Finding(saw, file, "it was never started there, or was removed", node=project.node, hint=up_hint(project))
        return
    by_name = sorted(containers, key=lambda container: container.name, reverse=True)
    ids = {container.label(COMPOSE_SERVICE): container.id for container in by_name}
    variables = running_variables(fleet, project.node)
    declared = {service.name for service in services}
    for service in services:
        own = [container for container in containers if container.label(COMPOSE_SERVICE) == service.name]
        yield from ServiceComparison(project, service, ids, variables).all_differences(own)
    strange = {container.label(COMPOSE_SERVICE): container for container in containers}
    for service_name in sorted(strange.keys() - declared):
        shown = one_line(service_name)
        saw = f"{shown} runs in the project and is not in {Path(project.file).name}"
        hint = "`docker compose up --remove-orphans` removes it; or write it into the file"
        yield Finding(saw, "no such service", WHY, about=shown, node=project.node, hint=hint)


def running_variables(fleet: Fleet, node: str) -> Mapping[str, ContainerVariables]:
    """The variables of the containers of projects on a node by the container's id; none where they were not seen."""
    try:
        seen = raise_if_unobservable(fleet.of(node, Facts).variables)
    except Unobservable:
        return {}
    return {variables.container: variables for variables in seen}


def project_containers(containers: Sequence[Container], project: str) -> list[Container]:
    """The containers of a project, without those of `docker compose run`."""
    return [
        container
        for container in containers
        if container.label(COMPOSE_PROJECT) == project and container.label(COMPOSE_ONEOFF).lower() != "true"
    ]


def up_hint(project: DeclaredProject) -> str:
    """What a person does about a difference."""
    words = ("docker", "compose", "-p", project.project, "-f", Path(project.file).name, "up", "-d")
    return f"`{shown_command(words)}`, or write into the file what should stay"


@dataclass(frozen=True)
class ServiceComparison:
    """One service of a project, to be compared with its containers.

    `ids` are those of containers by service, `variables` those of containers by id.
    """

    project: DeclaredProject
    service: ProjectService
    ids: Mapping[str, str]
    variables: Mapping[str, ContainerVariables]

    def has_same_hash(self, container: Container) -> bool:
        """Whether Compose made a container from these very settings."""
        seen = container.label(COMPOSE_HASH)
        key, *texts = self.service.hashed or ("",)
        with_ids = (text_digest(hash_with_ids(text, self.ids), key) for text in texts)
        return seen in self.service.digests or any(seen == digest for digest in with_ids)

    def all_differences(self, containers: Sequence[Container]) -> Iterator[Finding | Unobservable]:
        """How the containers differ from the service."""
        name, number = self.service.name, self.service.replicas
        if not containers and number and not self.service.optional:
            saw = f"{name} is in {Path(self.project.file).name} and has no container"
            yield self.setting_difference("", saw, f"{number} of them", "containers")
        elif len(containers) != number and containers:
            saw = f"{name} has {len(containers)} container{'s' if len(containers) > 1 else ''}"
            yield self.setting_difference("", saw, f"{number} of them", "containers")
        yield from dict.fromkeys(each for container in containers for each in self.of_container(container))

    def of_container(self, container: Container) -> Iterator[Finding | Unobservable]:
        """How one container differs."""
        yield from self.stopped_container(container)
        if not self.has_same_hash(container):
            yield from self.changed_container(container)
        elif self.restart_differs(container):
            saw = one_line(f"{self.service.name} has restart {container.restart}")
            yield self.setting_difference("restart", saw, f"restart {self.service.fields['restart']}")

    def setting_difference(self, title: str, saw: str, want: str, about: str = "") -> Finding:
        """A finding about one setting, with its line in the file; `title` is "" for the service itself."""
        return Finding(
            saw=saw,
            want=f"{want} ({self.file_line(title)})",
            why=WHY,
            about=f"{self.service.name} {about or title}".strip(),
            node=self.project.node,
            hint=up_hint(self.project),
        )

    def file_line(self, title: str) -> str:
        """`FILE:LINE` of a setting, or of the service where the file does not say it."""
        lines = self.service.lines
        return f"{Path(self.project.file).name}:{lines.get(title, lines.get('', 1))}"

    def restart_differs(self, container: Container) -> bool:
        """Whether somebody gave a container another restart policy since Compose made it (`docker update`)."""
        declared = "" if "restart" in self.service.unsettled else self.service.fields.get("restart", "")
        return bool(declared and container.restart) and container.restart != declared

    def stopped_container(self, container: Container) -> Iterator[Finding]:
        """A finding for a container that does not run and is no job that has ended well."""
        ended_well = container.state == "exited" and container.exit_code == 0
        restarted = self.service.fields.get("restart", "no") in ("always", "unless-stopped")
        if container.running or self.service.optional or (ended_well and not restarted):
            return
        name = one_line(container.name)
        saw = f"{name} of {self.service.name} is {one_line(container.state)}"
        saw += f", with exit status {container.exit_code}" if container.state == "exited" else ""
        logs = shown_command(("docker", "logs", container.name))
        yield Finding(
            saw=saw,
            want=f"one that runs ({self.file_line('')})",
            why="what the file declares is not there",
            about=f"{self.service.name} {name}",
            node=self.project.node,
            hint=f"`{logs}` on {self.project.node} says why; then `docker compose up -d`",
        )

    def changed_container(self, container: Container) -> Iterator[Finding | Unobservable]:
        """What differs of a container whose hash is not that of the service, as far as that can be said."""
        directory = container.label(COMPOSE_DIRECTORY)
        if self.service.relative and directory != self.project.directory:
            shown = one_line(directory) or "an unknown directory"
            yield Unobservable(
                f"{self.service.name} was started in {shown}, and its paths begin with that of the file here",
                hint=f"say `directory: {shown}` in the inventory if that is right",
            )
            return
        running = running_settings(container)
        titles = different_settings(self.service.fields, running, self.service.unsettled)
        if "namespace" in self.service.doubts:
            titles = [title for title in titles if title in self.service.fields]
        for title in titles:
            saw = f"{self.service.name} has {setting_in_words(title, running)}"
            yield self.setting_difference(title, saw, setting_in_words(title, self.service.fields))
        variables = compare_variables(self.service.variables, self.variables.get(container.id))
        if variables.different:
            yield self.variable_difference(variables.different)
        if not titles and not variables.different and variables.without_values:
            yield Unobservable(f"values not compared: of {self.service.name}", NO_VALUES)
        elif not titles and not variables.different:
            yield from self.unnamed_difference(container, variables)

    def variable_difference(self, different: Mapping[str, str]) -> Finding:
        """A finding about all variables that differ, with how they do; their values are never shown."""
        lines = self.service.variables.lines
        line = next((lines[name] for name in different if name in lines), self.service.lines.get("", 1))
        words = ", ".join(f"{one_line(name)} {how}" for name, how in different.items())
        return Finding(
            saw=f"{self.service.name}: {words}",
            want=f"the variables of {Path(self.project.file).name}:{line}",
            why=WHY,
            about=f"{self.service.name} variables",
            node=self.project.node,
            hint=up_hint(self.project),
        )

    def unnamed_difference(
        self, container: Container, variables: VariableComparison
    ) -> Iterator[Finding | Unobservable]:
        """What another hash says where everything that is seen of a container is as declared."""
        name, version = self.service.name, container.label(COMPOSE_VERSION).removeprefix("v")
        doubts = [DEPENDS[doubt] for doubt in self.service.doubts if doubt in DEPENDS]
        if not self.service.digests:
            yield Unobservable(f"Compose gave no hash for {name}")
        elif not container.label(COMPOSE_HASH):
            yield Unobservable(f"{one_line(container.name)} has no hash of Compose")
        elif version != self.project.version:
            made = f"made by Compose {one_line(version) or 'of an unknown version'}, and here is {self.project.version}"
            yield Unobservable(f"{name} was {made}: not all of its settings can be compared", hint=OTHER_VERSION)
        elif doubts:
            yield Unobservable(f"{name} depends on {doubts[0]}: not all of its settings can be compared")
        elif not self.service.doubts:
            variable_words = "" if variables.complete else "variables, "
            saw = f"{name} has other settings than the file: {variable_words}command, labels, limits or networks"
            yield self.setting_difference("", saw, "those of the file", "settings")


def setting_in_words(title: str, settings: dict[str, str]) -> str:
    """A setting in words, as one line.

    >>> setting_in_words("user", {"user": "1000"}), setting_in_words("port 80/tcp", {})
    ('user 1000', 'no port 80/tcp')
    """
    return one_line(f"{title} {settings[title]}" if settings.get(title) else f"no {title}")


def project_notes(fleet: Fleet) -> Iterator[str]:
    """A line for each project of which something is not compared, since it is not here. Nothing is raised."""
    try:
        projects = fleet.of(HERE, Facts).projects
    except Unobservable:
        return
    for project in projects:
        services = () if isinstance(project.services, Unobservable) else project.services
        absent = [f"${{{name}}}" for name in project.unset] + [Path(path).name for path in project.missing]
        if absent and any(set(service.doubts) & set(NOTED) for service in services):
            yield f"project {project.name}: what comes from {', '.join(absent)} was not compared: it is not here"
