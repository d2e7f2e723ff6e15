"""The variables of a stack or Compose file: `$NAME`, `${NAME}` and their forms with a default or a message.

Docker's client takes them from its own environment. An unset one becomes empty without a word, and so does one that is
written only in `.env`, which `docker stack deploy` does not read.

Source: https://docs.docker.com/reference/compose-file/interpolation/; docker/cli, cli/compose/template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fleetkeeper.readers.compose.document import ComposeDocument, Path

NAME = r"[_a-zA-Z][_a-zA-Z0-9]*"
VARIABLE = re.compile(
    rf"\$(?:(?P<escaped>\$)|(?P<bare>{NAME})|\{{(?P<name>{NAME})(?:(?P<form>:?[-?+])(?P<rest>[^}}]*))?\}})"
)


@dataclass(frozen=True)
class Variable:
    """A variable in a value of the file.

    `form` is what follows its name: `""`, `-` or `:-` (a default follows), `?` or `:?` (a message: an error when it is
    unset), `+` or `:+` (what stands for it when it is set).
    """

    name: str
    form: str
    path: Path
    line: int

    @property
    def becomes_empty(self) -> bool:
        """Whether the value is silently empty when the variable is unset."""
        return self.form == ""


def variables_of(text: str) -> Iterator[tuple[str, str]]:
    """Name and form of each variable in a text.

    >>> list(variables_of("${A}-$B:${C:-x} $$D ${E:?needed}"))
    [('A', ''), ('B', ''), ('C', ':-'), ('E', ':?')]
    """
    for found in VARIABLE.finditer(text):
        if name := found["bare"] or found["name"]:
            yield name, found["form"] or ""


def variables_in(document: ComposeDocument) -> Iterator[Variable]:
    """Each variable of a file, with the path and the line of its value. Keys are not interpolated."""
    for path, node in document.scalars():
        for name, form in variables_of(node.text):
            yield Variable(name, form, path, node.position.line)
