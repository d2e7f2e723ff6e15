"""What the files of Compose projects declare, from the machine that audits."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from posixpath import join, normpath
from typing import TYPE_CHECKING

from fleetkeeper.looking.threads import map_in_threads
from fleetkeeper.readers.compose.document import (
    ComposeDocument,
    ScalarNode,
    SequenceNode,
    walk_scalars,
)
from fleetkeeper.readers.compose.variables import NAME, interpolated_text, passed_names, variables_of
from fleetkeeper.readers.json_documents import Json, listed, part, parts, text_in
from fleetkeeper.readers.numbers import number_in
from fleetkeeper.readers.run_digests import run_key, text_digest
from fleetkeeper.topics.services.compose.compose_client import (
    ComposeClient,
    ProjectFiles,
    config_hashes,
    find_client,
    project_model,
)
from fleetkeeper.topics.services.compose.env_files import (
    env_file_texts,
    env_files,
    has_more_files,
    is_here,
    lone_names,
    names_used,
    places_of_more_files,
)
from fleetkeeper.topics.services.compose.facts import DeclaredProject, Doubt, ProjectService
from fleetkeeper.topics.services.compose.file_problems import project_problems
from fleetkeeper.topics.services.compose.service_hash import hash_of, hashed_texts, shares_with_others
from fleetkeeper.topics.services.compose.service_variables import declared_variables, gets_more_variables
from fleetkeeper.topics.services.compose.settings import declared_settings, unsettled_settings
from fleetkeeper.topics.services.policy import Policy, Stack
from fleetkeeper.topics.services.stacks.declared import UNKNOWN_NAME, read_stack_file, unsettled_names
from fleetkeeper.topics.services.stacks.deploy_variables import (
    StackVariables,
    assignments,
    read_bounded,
    stack_variables,
)
from fleetkeeper.topics.services.stacks.file_problems import FileProblem
from fleetkeeper.topics.services.stacks.stand_ins import FIRST, OF_A_SHELL, SECOND, stand_ins
from fleetkeeper.transport.bounded_run import LIMIT
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

LATE = "what its files declare was not seen in time"
TIMES = 5
"""How often Compose is run for one project, at most, and one more time's worth of everything else."""
DOTENV, PWD = ".env", "PWD"
LINES = {
    "restart": ("restart",),
    "network mode": ("network_mode",),
    "health check": ("healthcheck",),
    "added capabilities": ("cap_add",),
    "dropped capabilities": ("cap_drop",),
}
"""Where a file says the settings that have another name there."""


def declared_projects(inventory: Inventory) -> tuple[DeclaredProject, ...]:
    """What the files of all projects declare. Raises NotApplicable without stacks."""
    entries = inventory.section(Policy).stacks_of("compose")
    return tuple(map_in_threads(declared_project, entries.items(), TIMES * LIMIT, late_project))


def late_project(entry: tuple[str, Stack]) -> DeclaredProject:
    """The project whose files were not read in time."""
    late = Unobservable(LATE)
    return DeclaredProject(entry[0], entry[0], entry[1].node or "", entry[1].file, services=late, problems=late)


def declared_project(entry: tuple[str, Stack], exported: Mapping[str, str] | None = None) -> DeclaredProject:
    """What the files of one project declare, from its name and its entry in the inventory.

    `exported` are variables that are set whatever the entry names.
    """
    name, stack = entry
    folder = Path(stack.file).absolute().parent
    directory = stack.directory or str(folder)
    project = stack.project or name
    try:
        documents = tuple(read_stack_file(Path(file)) for file in (stack.file, *stack.overrides))
    except Unobservable as why:
        return DeclaredProject(name, project, stack.node or "", stack.file, directory, services=why, problems=why)
    variables = project_variables(stack, folder, exported or {})
    texts = env_file_texts(documents, folder, variables.values)
    unset = [name for document in documents for name in unsettled_names(document, variables)]
    unset += variables.unset
    passed = [each.name for document in documents for each in passed_names(document)] + lone_names(texts)
    passed = [name for name in dict.fromkeys(passed) if name not in {*variables.values, *unset}]
    names = {*stack.environment, *(exported or {})}
    exports = {name: value for name, value in variables.values.items() if name in names}
    absent = (tuple(dict.fromkeys(unset)), tuple(passed))
    reading = ProjectReading(project, stack, documents, variables, exports, folder, directory, *absent)
    services: tuple[ProjectService, ...] | Unobservable
    version = ""
    try:
        client = find_client()
        version, services = client.version, tuple(reading.declared_services(client))
    except Unobservable as why:
        services = why
    problems = tuple(problems_of_files(documents, stack, {*variables.values, *unset}))
    missing = (*variables.missing, *dict.fromkeys(node.text for node in reading.missing_env_files().values()))
    at = (stack.node or "", stack.file, directory, version)
    unread = tuple(places_of_more_files(documents, (stack.file, *stack.overrides)))
    return DeclaredProject(name, project, *at, services, problems, reading.unset + reading.passed, missing, unread)


def problems_of_files(documents: Sequence[ComposeDocument], stack: Stack, variables: Set[str]) -> Iterator[FileProblem]:
    """The problems of each file of a project. What is in files that these include or extend is not looked at.

    A service that the inventory orders may be in any of them.
    """
    first, *others = documents
    elsewhere = {name for document in others for name in document.mapping("services")}
    order = [name for name in stack.order if name not in elsewhere]
    yield from project_problems(first, variables, () if any(map(has_more_files, documents)) else order)
    for path, document in zip(stack.overrides, others, strict=True):
        yield from (replace(problem, file=path) for problem in project_problems(document, variables))


def project_variables(stack: Stack, folder: Path, exported: Mapping[str, str]) -> StackVariables:
    """The variables of a project: those of its files or of `.env`, then the named ones that are exported here.

    Their values must not be stored.
    """
    variables = stack_variables(stack, exported)
    if stack.environment_files:
        return variables
    try:
        dotenv = assignments(read_bounded(folder / DOTENV).decode("utf-8", "replace"))
    except OSError:
        dotenv = {}
    values = {**dotenv, **variables.values}
    return StackVariables(values, tuple(name for name in variables.unset if name not in values), variables.missing)


@dataclass(frozen=True)
class ProjectReading:
    """The files of one project with their variables. `folder` is where they lie here, `directory` on the node.

    `unset` are the names of variables that are not set here, `exports` those that Compose does not read from a file,
    `passed` those that a service gets from whoever starts it, if he has them.
    """

    project: str
    stack: Stack
    documents: tuple[ComposeDocument, ...]
    variables: StackVariables
    exports: Mapping[str, str]
    folder: Path
    directory: str
    unset: tuple[str, ...] = ()
    passed: tuple[str, ...] = ()

    def declared_services(self, client: ComposeClient) -> Iterator[ProjectService]:
        """The services that Compose would start. Raises Unobservable where it does not say."""
        if self.variables.missing:
            raise Unobservable(f"{Path(self.variables.missing[0]).name} is not here, and Compose needs it")
        model = self.project_model_with(client, FIRST, self.unset)
        other = self.other_model(client, model)
        hashes = config_hashes(client, model, self.project, self.directory)
        for name, service in part(model, "services").items():
            twin = part(part(other, "services"), name)
            yield self.declared_service(name, service, hashes.get(name, ""), model, (twin, other))

    def other_model(self, client: ComposeClient, model: Json) -> Json:
        """Compose's model with other values for all that may be another where the project was started.

        Those are variables that are not set here, what belongs to somebody's shell, and whatever an env file may say
        that is not here.
        """
        names = {*self.unset, *self.passed, *self.names_of_a_shell()}
        if not names and not self.missing_env_files():
            return model
        variables = {name for service in part(model, "services").values() for name in part(service, "environment")}
        lines = [f"{name}={secrets.randbelow(9_999)}\n" for name in sorted(variables) if re.fullmatch(NAME, name)]
        return self.project_model_with(client, SECOND, sorted(names), "".join(lines))

    def names_of_a_shell(self) -> frozenset[str]:
        """The variables of somebody's shell that the project may use; any of them where it has files besides."""
        if any(has_more_files(document) for document in self.documents):
            return OF_A_SHELL - {PWD} - self.variables.values.keys()
        texts = [scalar.text for document in self.documents for _, scalar in document.scalars()]
        used = names_used([*texts, *env_file_texts(self.documents, self.folder, self.variables.values)])
        return OF_A_SHELL & set(used) - {PWD} - self.variables.values.keys()

    def project_model_with(self, client: ComposeClient, least: int, names: Sequence[str], absent: str = "") -> Json:
        """Compose's model, with a number from `least` on for each of some variables that are not set here.

        `absent` is the text of each env file that is not here.
        """
        values = {**self.exports, **stand_ins(self.documents, names, least)}
        with tempfile.TemporaryDirectory(prefix="fleetkeeper-") as own:
            files = ProjectFiles(
                self.project,
                tuple(self.file_for_client(number, Path(own), absent) for number in range(len(self.documents))),
                str(self.folder),
                self.stack.environment_files,
                values,
                self.directory,
                dict(self.variables.values),
                Path(self.stack.file).name,
                self.documents,
            )
            return project_model(client, files)

    def file_for_client(self, number: int, own: Path, absent: str) -> str:
        """The path of a file of the project; of a copy of it where env files that it names are not here."""
        path, document = (self.stack.file, *self.stack.overrides)[number], self.documents[number]
        missing = [node for (at, _), node in self.missing_env_files().items() if at == number]
        if not missing:
            return str(Path(path).absolute())
        (own / "absent.env").write_text(absent)
        text = document.text
        for start, end in sorted({(node.position.start, node.position.end) for node in missing}, reverse=True):
            text = f"{text[:start]}{json.dumps(str(own / 'absent.env'))}{text[end:]}"
        copy = own / f"{number}.yml"
        copy.write_text(text)
        return str(copy)

    def missing_env_files(self) -> dict[tuple[int, tuple[str, int]], ScalarNode]:
        """The env files that services must have and that are not here, by number of the file, service and position."""
        elsewhere = dict.fromkeys((*self.unset, *self.passed, *OF_A_SHELL), UNKNOWN_NAME) | {PWD: self.directory}
        return {
            (number, (name, index)): node
            for number, document in enumerate(self.documents)
            for name, service in document.mapping("services").items()
            for index, (node, needed) in enumerate(env_files(service))
            if needed
            and (file := interpolated_text(node.text, elsewhere | dict(self.variables.values)))
            and not is_here(self.folder / file)
        }

    def declared_service(
        self, name: str, service: Json, config_hash: str, model: Json, others: tuple[Json, Json]
    ) -> ProjectService:
        """One service of the model, with digests of its hash. `others` are it and its model with other stand-ins."""
        fields = declared_settings(service, model, self.directory)
        twin = declared_settings(others[0], others[1], self.directory)
        used = self.variables_of(name)
        texts = hashed_texts(with_directory(service, self.directory))
        is_recognised = config_hash in map(hash_of, texts)
        hashes = {config_hash, *(map(hash_of, texts) if is_recognised else ())}
        profiles = set(map(str, listed(service, "profiles")))
        doubts = tuple(self.hash_doubts(name, service, used, same=service == others[0]))
        more = "env file" in doubts or gets_more_variables(service, part(model, "services"))
        return ProjectService(
            name,
            fields,
            {title: self.line_of(name, title) for title in ("", *fields)},
            tuple(sorted(text_digest(each, run_key()) for each in hashes if each)),
            doubts,
            tuple(unsettled_settings(fields, twin)),
            replicas_of(service),
            bool(profiles) and "*" not in self.stack.profiles and not profiles & set(self.stack.profiles),
            PWD in used or any(not source.startswith(("/", "~")) for source in bound_directories(service)),
            (run_key(), *texts) if is_recognised and shares_with_others(service) else None,
            declared_variables(service, others[0], partial(self.line_of_variable, name), more=more),
        )

    def hash_doubts(self, name: str, service: Json, used: Set[str], *, same: bool) -> Iterator[Doubt]:
        """Why the hash of a service may be another on the node. `same`: it depends on no variable that is not set."""
        if not same:
            yield "variables"
        if any(service_name == name for _, (service_name, _) in self.missing_env_files()):
            yield "env file"
        if "HOME" in used or any(source.startswith("~") for source in bound_directories(service)):
            yield "home"
        if shares_with_others(service):
            yield "namespace"

    def variables_of(self, service: str) -> frozenset[str]:
        """The names of the variables in a service of the files."""
        nodes = (document.find("services", service) for document in self.documents)
        texts = (scalar.text for node in nodes if node for _, scalar in walk_scalars(node, ()))
        return frozenset(name for text in texts for name, _ in variables_of(text))

    def line_of(self, service: str, title: str) -> int:
        """The line of a setting in the first file, or of its service."""
        key = "volumes" if title.startswith("mount ") else "ports" if title.startswith("port ") else title
        return self.documents[0].line("services", service, *LINES.get(title, (key,) if key else ()))

    def line_of_variable(self, service: str, name: str) -> int:
        """The line of a variable in the first file, else of what may set it there, or of its service."""
        path = ("services", service, "environment")
        document = self.documents[0]
        named = document.find(*path)
        for item in named.items if isinstance(named, SequenceNode) else ():
            if isinstance(item, ScalarNode) and item.text.partition("=")[0] == name:
                return item.position.line
        if name in document.mapping(*path):
            return document.line(*path, name)
        return document.line(*path[:2], *(("env_file",) if "env_file" in document.mapping(*path[:2]) else path[2:]))


def replicas_of(service: Json) -> int:
    """How many containers a service has.

    >>> replicas_of({}), replicas_of({"deploy": {"replicas": 0}}), replicas_of({"scale": 2})
    (1, 0, 2)
    """
    deploy = part(service, "deploy")
    if deploy.get("replicas") is not None:
        return number_in(deploy, "replicas")
    return number_in(service, "scale") if service.get("scale") is not None else 1


def bound_directories(service: Json) -> list[str]:
    """The directories of the node that a service mounts, as they are written."""
    return [text_in(mount, "source") for mount in parts(service, "volumes") if text_in(mount, "type") == "bind"]


def with_directory(service: Json, directory: str) -> Json:
    """A service of the model whose relative paths begin with a directory."""
    if not bound_directories(service):
        return service
    mounts = [
        {**mount, "source": normpath(join(directory, text_in(mount, "source")))}
        if text_in(mount, "type") == "bind"
        else mount
        for mount in parts(service, "volumes")
    ]
    return {**service, "volumes": mounts}
