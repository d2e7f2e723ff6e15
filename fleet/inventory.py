"""One environment: its nodes, and the policy they must satisfy."""

from __future__ import annotations

from pydantic import Field

from fleet.schema import Node, Service, Strict, Waiver, Without


class Inventory(Strict):
    """A validated inventory file. `name` is the file's stem, `path` where it was read from."""

    name: str = ""
    path: str = ""
    nodes: dict[str, Node] = Field(min_length=1)
    services: dict[str, Service] | Without
    waivers: tuple[Waiver, ...] = ()

