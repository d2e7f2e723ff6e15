"""The values of a stack or Compose file with its variables put in, as far as they are set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from fleetkeeper.readers.compose.document import NULL, MappingNode, Node, SequenceNode
from fleetkeeper.readers.compose.variables import VARIABLE

Value = str | list["Value"] | dict[str, "Value"] | None
DEEPEST_DEFAULT = 5


@dataclass
class UnsetVariable(Exception):
    """A value depends on a variable that is not set and has no default."""

    name: str
    line: int

    def __str__(self) -> str:
        return f"line {self.line}: ${self.name} is not set here"


def value_of_node(node: Node | None, variables: Mapping[str, str], unset: list[UnsetVariable]) -> Value:
    """The value of a node: texts, lists and mappings; None for an empty one, or no node.

    What depends on a variable that has no value and no default is left out, and the reason is added to `unset`.
    """
    if node is None:
        return None
    if isinstance(node, SequenceNode):
        values = [value_of_node(item, variables, unset) for item in node.items]
        return [value for value in values if value is not None]
    if isinstance(node, MappingNode):
        return {key: value_of_node(member, variables, unset) for key, member in node.members.items()}
    try:
        return None if node.tag == NULL else interpolated(node.text, variables, node.position.line)
    except UnsetVariable as why:
        unset.append(why)
        return None


def interpolated(text: str, variables: Mapping[str, str], line: int, depth: int = 0) -> str:
    """A text with its variables put in. `line` is for the message. Raises UnsetVariable.

    >>> interpolated("${A:-x}/$B/$$C", {"B": "y"}, 1)
    'x/y/$C'
    """

    def replaced(match: re.Match[str]) -> str:
        """What stands for one variable."""
        if match["escaped"]:
            return "$"
        name, form, rest = match["bare"] or match["name"], match["form"] or "", match["rest"] or ""
        if match.groupdict().get("invalid") is not None or depth > DEEPEST_DEFAULT:
            raise UnsetVariable(name or "", line)
        is_set = bool(variables.get(name)) if form.startswith(":") else name in variables
        if form.endswith("+"):
            return interpolated(rest, variables, line, depth + 1) if is_set else ""
        if is_set:
            return variables[name]
        if form.endswith("-"):
            return interpolated(rest, variables, line, depth + 1)
        raise UnsetVariable(name, line)

    return VARIABLE.sub(replaced, text)
