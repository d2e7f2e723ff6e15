"""How the nodes of an inventory are reached: two names for one machine, and jumps that go in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def raw_section(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The value of a section as the file has it; {} when it is missing or no mapping."""
    match = data.get(name)
    return match if isinstance(match, dict) else {}


def nodes_on_one_machine(nodes: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Pairs of a node and an earlier one with its connection, address, port and jump: it would be counted twice."""
    first: dict[tuple[str, ...], str] = {}
    for name, node in nodes.items():
        if isinstance(node, dict):
            route = tuple(str(node.get(key)) for key in ("connection", "address", "port", "jump"))
            if first.setdefault(route, name) != name:
                yield name, first[route]


def circles_of_jumps(nodes: Mapping[str, Any]) -> Iterator[list[str]]:
    """Each circle of jumps between nodes once, as the names of its nodes, beginning and ending with the first."""
    jumps = {name: node.get("jump") for name, node in nodes.items() if isinstance(node, dict)}
    lines: set[str] = set()
    for start in jumps:
        route = [start]
        while isinstance(jump := jumps.get(route[-1]), str) and jump in jumps and jump not in route:
            route.append(jump)
        if jumps[route[-1]] == start and not lines & set(route):
            lines |= set(route)
            yield [*route, start]
