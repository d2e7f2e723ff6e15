"""What the files of Compose projects declare: settings of services, without values of variables."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fleetkeeper.looking.recording import InMemory
from fleetkeeper.topics.services.stacks.file_problems import FileProblem
from fleetkeeper.transport.commands import Unobservable

Doubt = Literal["variables", "env file", "home", "namespace"]
"""Why the hash of a service may be another where it was started.

It depends on variables or an env file that are not here, on somebody's home directory (`~`), or on the id of another
service's container, whose network, processes or volumes it shares.
"""


@dataclass(frozen=True)
class ContainerVariables:
    """The environment variables of a container of a project, by its id: `names` of those that are set.

    `of_image` are those that its image sets to the same value, `perhaps_of_image` all where that image is not on the
    node any more. `digests` are those of the values by name, with the key of the run; None in a recording.
    """

    container: str
    names: tuple[str, ...] = ()
    of_image: tuple[str, ...] = ()
    perhaps_of_image: tuple[str, ...] = ()
    digests: InMemory[dict[str, str] | None] = field(default=None, repr=False)


@dataclass(frozen=True)
class DeclaredVariables:
    """The environment variables that a service sets, by their lines in the file.

    `unsettled` are those whose value, or whether there is one, depends on what is not here. `more`: there may be others
    that Compose adds when it starts the service, or from an env file that is not here. `digests` are those of the
    values by name, with the key of the run, several where Docker's clients write one value in several ways; None in a
    recording.
    """

    lines: dict[str, int] = field(default_factory=dict)
    unsettled: tuple[str, ...] = ()
    more: bool = False
    digests: InMemory[dict[str, tuple[str, ...]] | None] = field(default=None, repr=False)


@dataclass(frozen=True)
class ProjectService:
    """One service of a project as its file declares it.

    `fields` are those of its settings that are seen of a container too, in words, by what a person calls them (`image`,
    `mount /data`, `port 80/tcp`); `lines` are lines of the file by the same names, "" for the service's own. `digests`
    are those of Compose's hash of all its settings with the key of the run, one for each way in which versions make it.
    `doubts` say why the hash proves less, and `unsettled` are the fields that depend on variables which are not set
    here. `relative`: its paths begin with the project's directory. `optional`: only a profile starts it which the
    inventory does not name. `hashed` are the key of the run and the texts whose hash it is, for one that names the
    container of another service.
    """

    name: str
    fields: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    digests: tuple[str, ...] = ()
    doubts: tuple[Doubt, ...] = ()
    unsettled: tuple[str, ...] = ()
    replicas: int = 1
    optional: bool = False
    relative: bool = False
    hashed: InMemory[tuple[str, ...] | None] = field(default=None, repr=False)
    variables: DeclaredVariables = field(default_factory=DeclaredVariables)


@dataclass(frozen=True)
class DeclaredProject:
    """One project as its files declare it. `name` is that of the inventory, `project` that of Compose.

    `file` is the path of its first file, `directory` where it is started on its node, `version` that of Compose here.
    `services` is an Unobservable where Compose could not say what it would start; `problems` is one where the file
    itself could not be read. `unset` are names of variables, and `missing` paths of files with variables, that are not
    here. `unread` are the places (`FILE:LINE`) where its files take something from files that are not looked at.
    """

    name: str
    project: str
    node: str
    file: str
    directory: str = ""
    version: str = ""
    services: tuple[ProjectService, ...] | Unobservable = ()
    problems: tuple[FileProblem, ...] | Unobservable = ()
    unset: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
