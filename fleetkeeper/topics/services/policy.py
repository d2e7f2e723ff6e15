"""What an inventory says about stacks of the swarm and projects of Compose: the `stacks` section."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, RootModel, ValidationInfo, field_validator

from fleetkeeper.errors import field_error
from fleetkeeper.inventory.fields import Name, NodeName, NodePath, PathName, Pattern, spelled_like
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.yaml_lines import flow
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings, FoundProject, StackFile

ONLY_COMPOSE = "is for `kind: compose`"
VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
VariableName = Annotated[
    str, AfterValidator(spelled_like(VARIABLE, "the name of a variable", "the name alone: its value is never written")),
    Pattern(VARIABLE),
]  # fmt: skip
PROJECT = "[a-z0-9][a-z0-9_-]*"
ProjectName = Annotated[
    str, AfterValidator(spelled_like(PROJECT, "a name of a project", "small letters, digits, `-` and `_`")),
    Pattern(PROJECT),
]  # fmt: skip


class Stack(Strict):
    """One stack, `docker stack deploy --compose-file FILE NAME`, or a project of Compose on one node.

    The latter is `kind: compose`: `docker compose --project-name NAME --file FILE up`. Its values never stand in the
    inventory.
    """

    kind: Literal["swarm", "compose"] = Field(
        default="swarm", description="`swarm`, for `docker stack deploy`, or `compose`, for `docker compose up`."
    )
    file: PathName = Field(description="The file that is deployed, on the machine that audits.")
    environment: tuple[VariableName, ...] = Field(
        default=(), description="Names of the variables that are exported when it is deployed, for `${NAME}` in it."
    )
    environment_files: tuple[PathName, ...] = Field(
        default=(),
        description="Files of `NAME=VALUE` lines that are sourced before it is deployed; "
        "for Compose those of `--env-file`, instead of `.env` beside the file.",
    )
    order: tuple[Name, ...] = Field(
        default=(), description="Its services, as the file calls them, in the order in which they depend on each other."
    )
    node: NodeName | None = Field(
        default=None, validate_default=True, description="For Compose: the node on which it runs."
    )
    project: ProjectName = Field(default="", description="For Compose: its name there; default: the key itself.")
    overrides: tuple[PathName, ...] = Field(
        default=(), description="For Compose: files that are merged over the first, in this order."
    )
    directory: NodePath = Field(
        default="",
        description="For Compose: the directory on the node from which it is started, which relative paths in it "
        "begin with; default: where `file` lies here.",
    )
    profiles: tuple[Name, ...] = Field(default=(), description="For Compose: the profiles that are started.")

    @field_validator("node")
    @classmethod
    def is_needed_by_compose(cls, node: str | None, info: ValidationInfo) -> str | None:
        """The node. Raises ValueError for a project without a node, or a stack with one."""
        if info.data.get("kind") == "compose" and node is None:
            raise field_error("a node is missing", "say `node:`, on which the project runs")
        if info.data.get("kind") == "swarm" and node is not None:
            raise field_error(ONLY_COMPOSE, "the swarm chooses the nodes of a stack; say `kind: compose` for a project")
        return node

    @field_validator("project", "overrides", "directory", "profiles")
    @classmethod
    def is_of_compose(cls, value: Any, info: ValidationInfo) -> Any:
        """The value. Raises ValueError for a stack of the swarm."""
        if info.data.get("kind") == "swarm":
            raise field_error(ONLY_COMPOSE, "say `kind: compose` for a project of Compose")
        return value


Stacks = Annotated[dict[Name, Stack], Field(min_length=1)]


class Policy(RootModel[Stacks]):
    """The stacks and the projects of Compose that are deployed from files, by name."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    @property
    def stacks(self) -> Mapping[str, Stack]:
        """All of them by name, in the inventory's order."""
        return self.root

    def stacks_of(self, kind: str) -> dict[str, Stack]:
        """Those of one kind by name, in the inventory's order."""
        return {name: stack for name, stack in self.root.items() if stack.kind == kind}


def init_lines(found: Findings) -> Iterator[str]:
    """The section. A file is proposed where it has the services of a stack, and no other file has them too.

    Which file it was only a person knows: neither the swarm nor its services say it. The labels of a project say where
    its files lie on the node, and not where they are kept.
    """
    yield "# What `docker stack deploy` or `docker compose` deploys, and from which file: what runs is compared."
    files = {stack: [each for each in found.stack_files if each.stack == stack] for stack in found.stacks}
    if files and not found.projects and all(len(candidates) == 1 for candidates in files.values()):
        yield "# These files have the services that run; correct them if others were deployed."
        yield f"stacks: {flow_of_entries({stack: entry_of(candidates[0]) for stack, candidates in files.items()})}"
    elif found.stacks or found.projects:
        seen = [deployed_from(stack, candidates) for stack, candidates in files.items()]
        seen += [project_in_words(project) for project in found.projects]
        entries = {stack: entry_of(files[stack][0]) if files[stack] else EXAMPLE for stack in found.stacks[:1]}
        entries |= {project.name: project_entry(project) for project in found.projects}
        yield f"stacks: {flow({'undecided': '; '.join(seen)})}   # for example {flow_of_entries(entries)}"
    elif found.blind or found.unseen:
        yield 'stacks: {undecided: "whether there are any could not be seen"}'
    else:
        yield 'stacks: {none: "nothing was deployed with docker stack deploy or docker compose"}'


EXAMPLE: dict[str, object] = {"file": "./production.yml", "environment": ["TAG"]}


def entry_of(file: StackFile) -> dict[str, object]:
    """The entry of a stack that is deployed from a file."""
    names = [name for name in file.environment if re.fullmatch(VARIABLE, name)]
    return {"file": file.file, **({"environment": names} if names else {})}


def flow_of_entries(entries: Mapping[str, Mapping[str, object]]) -> str:
    """Entries by name in flow style, on one line."""
    return "{" + ", ".join(f"{name}: {flow(entry)}" for name, entry in entries.items()) + "}"


def deployed_from(stack: str, candidates: Sequence[StackFile]) -> str:
    """From which file a stack may have been deployed, in words."""
    if not candidates:
        return f"{stack} was deployed from a file that nobody named"
    return f"{stack} may have been deployed from {' or '.join(one_line(each.file) for each in candidates)}"


def project_in_words(project: FoundProject) -> str:
    """What was seen of a project of Compose."""
    files = ", ".join(one_line(posixpath.basename(file)) for file in project.files) or "a file"
    return f"{project.name} was started on {project.node} from {files} in {one_line(project.directory)}"


def project_entry(project: FoundProject) -> dict[str, object]:
    """The entry of a project, for files that are kept beside the inventory."""
    first, *others = [f"./{one_line(posixpath.basename(file))}" for file in project.files] or ["./compose.yaml"]
    entry: dict[str, object] = {"kind": "compose", "node": project.node, "file": first}
    entry |= {"overrides": others} if others else {}
    return entry | ({"directory": one_line(project.directory)} if project.directory.startswith("/") else {})
