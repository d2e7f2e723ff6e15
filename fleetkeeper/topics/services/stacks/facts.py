"""What the files of stacks declare, and what runs of them: fields of services, without values of variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from fleetkeeper.looking.recording import InMemory
from fleetkeeper.topics.services.compose.facts import ContainerVariables, DeclaredProject
from fleetkeeper.topics.services.stacks.file_problems import FileProblem
from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class StackService:
    """One service of a stack, as it is declared or as it runs. `name` is its full name (`rodan_postgres`).

    `fields` are its settings by the path that the Engine API gives them: the value as JSON, or None for one that is not
    kept, since it may be secret (variables, command lines, options of drivers). `digests` are those of the latter by
    path, several where Docker's clients write one value in several ways; None in a recording. `lines` are lines of the
    stack file by path, "" for the service's own. `unsettled` are the paths of fields that depend on variables which
    are not set here, or with which paths begin that do; `more_variables`: an env file of the service is not here, so it
    may have others. `relative` are the ends of paths beside the stack file, by path: it may be elsewhere when deployed.
    `lent`: fleetkeeper has changed its user or its update settings, which is another rule's affair.
    """

    name: str
    stack: str
    fields: dict[str, str | None]
    digests: InMemory[dict[str, tuple[str, ...]] | None] = field(default=None, repr=False)
    lines: dict[str, int] = field(default_factory=dict)
    unsettled: tuple[str, ...] = ()
    more_variables: bool = False
    lent: tuple[str, ...] = ()
    relative: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DeclaredStack:
    """One stack as its file declares it. `file` is the path of the file.

    `services` is an Unobservable where Docker's client could not say what it would write; `problems` is one where the
    file itself could not be read. `unset` are names of variables, and `missing` paths of files with variables, that are
    not here: what depends on them is not compared.
    """

    name: str
    file: str
    services: tuple[StackService, ...] | Unobservable = ()
    problems: tuple[FileProblem, ...] | Unobservable = ()
    unset: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """One node, and under `fleetkeeper.looking.fleet.HERE` what the files declare (`declared`, and `projects`).

    `running` are the services of all stacks, as a manager of the swarm has them. `role` is the node's in the swarm.
    `variables` are those of the containers of the node's projects of Compose; empty in an older recording.
    """

    topic: ClassVar[str] = "stacks"
    role: str = "absent"
    running: tuple[StackService, ...] = ()
    declared: tuple[DeclaredStack, ...] = ()
    projects: tuple[DeclaredProject, ...] = ()
    variables: tuple[ContainerVariables, ...] | Unobservable = ()


def services_by_name(services: tuple[StackService, ...], stack: str) -> Mapping[str, StackService]:
    """The services of one stack by their full names."""
    return {service.name: service for service in services if service.stack == stack}
