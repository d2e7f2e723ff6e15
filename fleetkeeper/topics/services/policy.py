"""What an inventory says about the stacks of the swarm: the `stacks` section."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from fleetkeeper.inventory.fields import Name, PathName, Pattern, spelled_like
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.yaml_lines import flow
from fleetkeeper.untrusted import one_line

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings, StackFile

VARIABLE = "[A-Za-z_][A-Za-z0-9_]*"
VariableName = Annotated[
    str, AfterValidator(spelled_like(VARIABLE, "the name of a variable", "the name alone: its value is never written")),
    Pattern(VARIABLE),
]  # fmt: skip


class Stack(Strict):
    """One stack: `docker stack deploy --compose-file FILE NAME`. Its values never stand in the inventory."""

    file: PathName = Field(description="The stack file that is deployed, on the machine that audits.")
    environment: tuple[VariableName, ...] = Field(
        default=(), description="Names of the variables that are exported when it is deployed, for `${NAME}` in it."
    )
    environment_files: tuple[PathName, ...] = Field(
        default=(), description="Files of `NAME=VALUE` lines that are sourced before it is deployed."
    )
    order: tuple[Name, ...] = Field(
        default=(), description="Its services, as the file calls them, in the order in which they depend on each other."
    )


Stacks = Annotated[dict[Name, Stack], Field(min_length=1)]


class Policy(RootModel[Stacks]):
    """The stacks that are deployed from files, by name."""

    model_config = ConfigDict(strict=True, frozen=True, hide_input_in_errors=True)

    @property
    def stacks(self) -> Mapping[str, Stack]:
        """The stacks by name, in the inventory's order."""
        return self.root


def init_lines(found: Findings) -> Iterator[str]:
    """The section. A file is proposed where it has the services of a stack, and no other file has them too.

    Which file it was only a person knows: neither the swarm nor its services say it.
    """
    yield "# What is deployed with `docker stack deploy`, and from which file; what runs is compared with it."
    files = {stack: [each for each in found.stack_files if each.stack == stack] for stack in found.stacks}
    if files and all(len(candidates) == 1 for candidates in files.values()):
        yield "# These files have the services that run; correct them if others were deployed."
        yield f"stacks: {flow_of_entries({stack: entry_of(candidates[0]) for stack, candidates in files.items()})}"
    elif found.stacks:
        seen = "; ".join(deployed_from(stack, candidates) for stack, candidates in files.items())
        example = entry_of(files[found.stacks[0]][0]) if files[found.stacks[0]] else EXAMPLE
        written = flow_of_entries({found.stacks[0]: example})
        yield f"stacks: {flow({'undecided': seen})}   # for example {written}"
    elif found.blind or found.unseen:
        yield 'stacks: {undecided: "whether there are any could not be seen"}'
    else:
        yield 'stacks: {none: "nothing was deployed with docker stack deploy"}'


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
