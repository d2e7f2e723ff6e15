"""What an inventory says about GPUs: the `gpus` section."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from fleetkeeper.errors import field_error
from fleetkeeper.inventory.fields import NodeName, Pattern, ServiceName, spelled_like
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.survey_results import AGAIN
from fleetkeeper.inventory.units import Duration
from fleetkeeper.inventory.yaml_lines import flow, scalar

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings

LABEL_NAME = r"[A-Za-z0-9][A-Za-z0-9_./-]{0,127}"
LABEL_VALUE = r"[A-Za-z0-9_./:-]{1,128}"
LabelName = Annotated[
    str, AfterValidator(spelled_like(LABEL_NAME, "the name of a label", "as in `docker node update --label-add`")),
    Pattern(LABEL_NAME),
]  # fmt: skip
LabelValue = Annotated[
    str, AfterValidator(spelled_like(LABEL_VALUE, "the value of a label", "as in `docker node update --label-add`")),
    Pattern(LABEL_VALUE),
]  # fmt: skip


def check_argument(value: str) -> str:
    """The value, if a program can be given it as an argument. Raises ValueError for one with a NUL."""
    if "\0" in value:
        raise field_error("has a NUL", "no argument of a program may have one")
    return value


CommandWord = Annotated[str, AfterValidator(check_argument)]


class Policy(Strict):
    """Which nodes have GPUs, which services need them, and by which label the swarm brings the two together."""

    nodes: Annotated[tuple[NodeName, ...], Field(min_length=1)] = Field(description="The nodes that have NVIDIA GPUs.")
    services: tuple[ServiceName, ...] = Field(default=(), description="The services that need one.")
    label: dict[LabelName, LabelValue] = Field(
        default_factory=dict,
        description="The labels that those nodes have in the swarm, for the constraints of the services.",
    )
    check: Annotated[tuple[CommandWord, ...], Field(min_length=1)] | None = Field(
        default=None,
        description="A command, as words, that prints last whether it sees a GPU: `remediate gpus check` runs it in "
        "each container of the services.",
    )
    drills: Duration = Field(
        default=timedelta(days=30), description="How old the last check may be, where `check` names one."
    )


def init_lines(findings: Findings) -> Iterator[str]:
    """The section, from devices, labels and constraints. Undecided where hosts were not seen and no GPU was."""
    yield "# Which nodes have GPUs of NVIDIA, which services need them, and by which label of the swarm they get there."
    if not findings.gpus.nodes:
        dark = [machine.node.name for machine in findings.machines if machine.trouble]
        dark += [stranger.hostname for stranger in findings.strangers]
        unseen = {"undecided": f"{', '.join(dark)} could not be looked at: {AGAIN}"}
        yield f"gpus: {flow(unseen if dark else {'none': 'no GPU was seen on any of these hosts'})}"
        return
    parts = [f"nodes: {scalar(findings.gpus.nodes)}"]
    parts += [f"services: {scalar(findings.gpus.services)}"] if findings.gpus.services else []
    parts += [f"label: {flow(dict(findings.gpus.label))}"] if findings.gpus.label else []
    hint = "" if findings.gpus.services else "   # services: [NAME], those that need one"
    yield f"gpus: {{{', '.join(parts)}}}{hint}"
