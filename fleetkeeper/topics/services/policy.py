"""What an inventory says about the stacks of the swarm: the `stacks` section."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, ConfigDict, Field, RootModel

from fleetkeeper.inventory.fields import Name, PathName, Pattern, spelled_like
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.yaml_lines import flow

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings

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
    """The section. Where a stack's file lies only a person knows: neither the swarm nor its services say it."""
    yield "# What is deployed with `docker stack deploy`, and from which file; what runs is compared with it."
    if found.stacks:
        names = ", ".join(found.stacks)
        seen = f"{names} {'was' if len(found.stacks) == 1 else 'were'} deployed from files that nobody named"
        example = flow({found.stacks[0]: {"file": "./production.yml", "environment": ["TAG"]}})
        yield f"stacks: {flow({'undecided': seen})}   # for example {example}"
    elif found.blind or found.unseen:
        yield 'stacks: {undecided: "whether there are any could not be seen"}'
    else:
        yield 'stacks: {none: "nothing was deployed with docker stack deploy"}'
