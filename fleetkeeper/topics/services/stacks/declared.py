"""What the stack files of an inventory declare, from the machine that audits: `from_here` of the topic's stacks."""

from __future__ import annotations

import json
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fleetkeeper.looking.threads import map_in_threads
from fleetkeeper.readers.compose.document import (
    LARGEST_BYTES,
    ComposeDocument,
    ComposeFileError,
    ScalarNode,
    read_compose,
)
from fleetkeeper.readers.compose.document import Path as YamlPath
from fleetkeeper.readers.compose.variables import NAME, interpolated_text, passed_names, variables_in
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.run_digests import run_key
from fleetkeeper.topics.services.policy import Policy, Stack
from fleetkeeper.topics.services.stacks.deploy_variables import StackVariables, read_bounded, stack_variables
from fleetkeeper.topics.services.stacks.docker_client import DesiredStack, StackRefused, desired_stack
from fleetkeeper.topics.services.stacks.facts import DeclaredStack, Facts, StackService
from fleetkeeper.topics.services.stacks.field_names import ENV, compose_path, is_kept, open_collections
from fleetkeeper.topics.services.stacks.file_problems import dotenv_names, file_problems, problems_by_line
from fleetkeeper.topics.services.stacks.node_problems import (
    env_file_nodes,
    holds_secrets,
    node_problems,
    relative_sources,
)
from fleetkeeper.topics.services.stacks.refusals import refused_line, without_literals
from fleetkeeper.topics.services.stacks.service_fields import Fields, comparable_fields
from fleetkeeper.topics.services.stacks.stand_ins import FIRST, OF_A_SHELL, SECOND, stand_ins
from fleetkeeper.topics.services.stacks.values import value_digest, variable_digests
from fleetkeeper.transport.bounded_run import LIMIT
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

NOTHING = "/dev/null"
UNKNOWN_NAME = "/nonexistent/"
"""In place of a variable that is set elsewhere, in the name of a file: no file has it."""
LATE = "what its file declares was not seen in time"
TIMES = 3
"""How often the client is run for one stack, at most, and one more time's worth of everything else."""


def from_here(inventory: Inventory) -> Facts:
    """What the files of all stacks of the swarm declare. Raises NotApplicable without stacks."""
    stacks = inventory.section(Policy).stacks_of("swarm")
    return Facts(declared=tuple(map_in_threads(declared_stack, stacks.items(), TIMES * LIMIT, late_stack)))


def late_stack(entry: tuple[str, Stack]) -> DeclaredStack:
    """The stack whose file was not read in time."""
    return DeclaredStack(entry[0], entry[1].file, Unobservable(LATE), Unobservable(LATE))


def declared_stack(entry: tuple[str, Stack], exported: Mapping[str, str] | None = None) -> DeclaredStack:
    """What the file of one stack declares, from its name and its entry in the inventory.

    `exported` are variables that are set whatever the entry names.
    """
    name, stack = entry
    try:
        reading = read_stack(name, stack, exported or {})
    except Unobservable as why:
        return DeclaredStack(name, stack.file, why, why)
    services: tuple[StackService, ...] | Unobservable
    try:
        services = tuple(reading.services())
    except Unobservable as why:
        services = why
    known = {*reading.variables.values, *unsettled_names(reading.document, reading.variables)}
    problems = file_problems(reading.document, known, dotenv_of(reading.file), stack.order)
    problems += node_problems(reading.document, reading.open_env_files())
    problems = problems_by_line(problems)
    missing = (*reading.variables.missing, *dict.fromkeys(reading.missing_files("env_file").values()))
    return DeclaredStack(name, stack.file, services, tuple(problems), reading.open_names, missing)


def read_stack(name: str, stack: Stack, exported: Mapping[str, str]) -> StackReading:
    """The file of a stack with its variables. Raises Unobservable for one that cannot be read."""
    document = read_stack_file(Path(stack.file))
    variables = stack_variables(stack, exported)
    reading = StackReading(name, Path(stack.file), document, variables)
    named = unsettled_names(document, variables)
    passed = [*(variable.name for variable in passed_names(document)), *reading.lone_names(), *shell_names(document)]
    unset = [name for name in passed if name not in variables.values]
    return replace(reading, open_names=tuple(dict.fromkeys([*named, *unset])))


def read_stack_file(path: Path) -> ComposeDocument:
    """The document in a file. Raises Unobservable, with the line, for one that cannot be read."""
    try:
        return read_compose(read_bounded(path, LARGEST_BYTES))
    except OSError as error:
        raise Unobservable(f"{path.name} cannot be read: {error.strerror or error}") from None
    except ComposeFileError as error:
        raise Unobservable(f"{path.name}:{error.line}: {error.what}", hint=error.hint) from None


def shell_names(document: ComposeDocument) -> Iterator[str]:
    """The variables of a shell that a file uses; `~` is HOME."""
    yield from (variable.name for variable in variables_in(document) if variable.name in OF_A_SHELL)
    sources = (node.text for path, node in document.scalars() if path[2:3] == ("volumes",))
    yield from ("HOME" for source in sources if source.startswith("~"))


def variable_names(spec: Mapping[str, Any]) -> Iterator[str]:
    """The names of the variables of a ServiceSpec."""
    return (path.removeprefix(ENV) for path in comparable_fields(dict(spec), {}) if path.startswith(ENV))


def dotenv_of(path: Path) -> frozenset[str]:
    """The names that the file `.env` beside a stack file sets; none without one."""
    try:
        return dotenv_names(read_bounded(path.parent / ".env").decode("utf-8", "replace"))
    except OSError:
        return frozenset()


def unsettled_names(document: ComposeDocument, variables: StackVariables) -> tuple[str, ...]:
    """The variables of a file that are set where it is deployed and not here.

    Those are the ones that the inventory names and, while a file with variables is missing, any without a default.
    """
    used = [*variables_in(document), *passed_names(document)]
    needed = {variable.name for variable in used if variable.form in ("", "?", ":?")}
    expected = {*variables.unset, *(needed if variables.missing else ())} - variables.values.keys()
    return tuple(name for name in dict.fromkeys(variable.name for variable in used) if name in expected)


@dataclass(frozen=True)
class StackReading:
    """One stack file with its variables. `open_names` are those that are not set here, but where it is deployed.

    So are those that a service or an env file names without a value.
    """

    name: str
    file: Path
    document: ComposeDocument
    variables: StackVariables
    open_names: tuple[str, ...] = ()

    def services(self) -> Iterator[StackService]:
        """The services that Docker's client would write. Raises Unobservable where it does not say."""
        desired = self.desired(stand_ins((self.document,), self.open_names, FIRST))
        varied = self.open_names or self.missing_files("env_file")
        other = self.other_desired(desired) if varied else desired
        incomplete = {path[1] for path in self.missing_files("env_file") if len(path) > 1}
        for full_name, spec in desired.services.items():
            fields, others = comparable_fields(spec, {}), comparable_fields(other.services.get(full_name, {}), {})
            service = self.declared_service(full_name, fields, run_key())
            unsettled = [path for path, value in fields.items() if others.get(path) != value]
            unsettled += open_collections(fields, others)
            short = full_name.removeprefix(f"{self.name}_")
            relative = relative_sources(self.document, short)
            yield replace(service, unsettled=tuple(unsettled), more_variables=short in incomplete, relative=relative)

    def other_desired(self, desired: DesiredStack) -> DesiredStack:
        """The same with other values for what is not here, and for whatever an env file may say that is not here."""
        names = {name for spec in desired.services.values() for name in variable_names(spec)}
        lines = [f"{name}={secrets.randbelow(9_999)}\n" for name in sorted(names) if re.fullmatch(NAME, name)]
        with tempfile.NamedTemporaryFile("w", prefix="fleetkeeper-", suffix=".env") as absent:
            absent.writelines(lines)
            absent.flush()
            return self.desired(stand_ins((self.document,), self.open_names, SECOND), absent.name)

    def desired(self, values: Mapping[str, str], absent: str = NOTHING) -> DesiredStack:
        """What Docker's client would write with values for what is not set here. Raises Unobservable.

        `absent` is read in place of each env file that is not here.
        """
        values = {**self.variables.values, **values}
        try:
            return desired_stack(self.name, self.text_for_client(absent), self.file.absolute().parent, values)
        except StackRefused as refused:
            line = refused_line(refused.message, self.document)
            at = f"{self.file.name}:{line}" if line else self.file.name
            message = " ".join(without_literals(refused.message, self.document).split())
            raise Unobservable(f"Docker's client refuses {at}: {message}"[:500]) from None

    def text_for_client(self, absent: str) -> str:
        """The text of the file, with another file instead of each that it names and that is not here: an empty one.

        For an env file that is `absent`.

        Of env files that is said elsewhere. The content of secrets and configs is not compared.
        """
        text = self.document.text
        files = {node.position: NOTHING for node in self.missing_nodes("file").values()}
        files |= {node.position: absent for node in self.missing_nodes("env_file").values()}
        for position in sorted(files, key=lambda position: position.start, reverse=True):
            text = f"{text[: position.start]}{json.dumps(files[position])}{text[position.end :]}"
        return text

    def missing_files(self, key: str) -> dict[YamlPath, str]:
        """The files under a key that are not here, as they are written, by the path of the value."""
        return {path: node.text for path, node in self.missing_nodes(key).items()}

    def missing_nodes(self, key: str) -> dict[YamlPath, ScalarNode]:
        """The values of `env_file` of services, or of `file` of secrets and configs, whose file is not here.

        Whether it is cannot be seen of a name with a variable that is set elsewhere: it is not.
        """
        nodes = self.env_file_nodes() if key == "env_file" else self.content_nodes(key)
        return {path: node for path, node in nodes.items() if (file := self.named_file(node)) and not file.exists()}

    def env_file_nodes(self) -> dict[YamlPath, ScalarNode]:
        """The values under `env_file` of all services."""
        services = self.document.mapping("services")
        return {
            ("services", name, "env_file", index): node
            for name in services
            for index, node in enumerate(env_file_nodes(self.document.find("services", name, "env_file")))
        }

    def content_nodes(self, key: str) -> dict[YamlPath, ScalarNode]:
        """The values under a key of all secrets and configs."""
        return {
            (section, name, key): node
            for section in ("secrets", "configs")
            for name in self.document.mapping(section)
            if isinstance(node := self.document.find(section, name, key), ScalarNode) and node.text
        }

    def named_file(self, node: ScalarNode) -> Path | None:
        """The file that a value names. None where a variable in it is not set at all: the client says so."""
        name = interpolated_text(node.text, {**dict.fromkeys(self.open_names, UNKNOWN_NAME), **self.variables.values})
        return self.file.absolute().parent / name if name else None

    def env_file_texts(self) -> dict[str, str]:
        """The text of each env file that is here, by its name as it is written."""
        texts = {}
        for node in self.env_file_nodes().values():
            with suppress(OSError):
                if file := self.named_file(node):
                    texts[node.text] = read_bounded(file).decode("utf-8", "replace")
        return texts

    def lone_names(self) -> tuple[str, ...]:
        """The names without `=` in env files: they get their value from whoever deploys."""
        lines = [line.strip() for text in self.env_file_texts().values() for line in split_lines(text)]
        return tuple(line for line in lines if re.fullmatch(NAME, line))

    def open_env_files(self) -> tuple[str, ...]:
        """The env files that are here and set nothing with the name of a secret."""
        texts = self.env_file_texts()
        return tuple(name for name, text in texts.items() if not holds_secrets(re.findall(r"(?m)^\s*([^=#]+)", text)))

    def declared_service(self, full_name: str, fields: Fields, key: str) -> StackService:
        """One service, with digests instead of values that may be secret, and the lines of its fields."""
        short = full_name.removeprefix(f"{self.name}_")
        digests = {
            path: variable_digests(path.removeprefix(ENV) + str(value), key)
            if path.startswith(ENV)
            else (value_digest(value, key),)
            for path, value in fields.items()
            if not is_kept(path)
        }
        kept = {path: json.dumps(value, sort_keys=True) if is_kept(path) else None for path, value in fields.items()}
        lines = {path: self.document.line("services", short, *compose_path(path)) for path in ("", *fields)}
        return StackService(full_name, self.name, kept, digests, lines)
