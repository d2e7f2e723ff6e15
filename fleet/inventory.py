"""One environment: its nodes, and the policy they must satisfy."""

from __future__ import annotations

from typing import TypeVar

from pydantic import Field

from fleet.rules import NotApplicable
from fleet.schema import Node, Service, Strict, Waiver, Without

S = TypeVar("S")


class Inventory(Strict):
    """A validated inventory file. `name` is the file's stem, `path` where it was read from."""

    name: str = ""
    path: str = ""
    nodes: dict[str, Node] = Field(min_length=1)
    services: dict[str, Service] | Without
    waivers: tuple[Waiver, ...] = ()


def required(section: S | Without) -> S:
    """The section's policy. Raises NotApplicable with the inventory's own reason when it is left out."""
    if isinstance(section, Without):
        raise NotApplicable(section.none)
    return section
