"""The variables of a stack or Compose file: `$NAME`, `${NAME}` and their forms with a default or a message.

Docker's client takes them from its own environment. An unset one becomes empty without a word, and so does one that is
written only in `.env`, which `docker stack deploy` does not read.

Source: https://docs.docker.com/reference/compose-file/interpolation/; docker/cli, cli/compose/template.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from fleetkeeper.readers.compose.document import ComposeDocument, Path, ScalarNode, SequenceNode

NULL = "tag:yaml.org,2002:null"
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


def interpolated_text(text: str, values: Mapping[str, str]) -> str | None:
    """A text with the values of its variables; None where one of them is not set and has no default.

    >>> interpolated_text("${A}-$B:${C:-x}$$", {"A": "1", "B": "2"}), interpolated_text("${A}", {})
    ('1-2:x$', None)
    """
    pieces, end = [], 0
    for match in VARIABLE.finditer(text):
        name, form = match["bare"] or match["name"], match["form"] or ""
        value: str | None = "$" if match["escaped"] else values.get(name)
        if not match["escaped"] and (value is None or (value == "" and form.startswith(":"))):
            value = match["rest"] if form.endswith("-") else "" if form.endswith("+") else value
        elif form.endswith("+"):
            value = match["rest"]
        if value is None:
            return None
        pieces += [text[end : match.start()], value]
        end = match.end()
    return "".join([*pieces, text[end:]])


def passed_names(document: ComposeDocument) -> Iterator[Variable]:
    """Each variable that a service gets from whoever deploys it: `environment` has its name and no value."""
    for service in document.mapping("services"):
        path: Path = ("services", service, "environment")
        for key, node in document.mapping(*path).items():
            if isinstance(node, ScalarNode) and node.tag == NULL:
                yield Variable(key, "", (*path, key), document.line(*path, key))
        named = document.find(*path)
        for index, item in enumerate(named.items if isinstance(named, SequenceNode) else ()):
            if isinstance(item, ScalarNode) and re.fullmatch(NAME, item.text):
                yield Variable(item.text, "", (*path, index), item.position.line)


def variables_in(document: ComposeDocument) -> Iterator[Variable]:
    """Each variable of a file, with the path and the line of its value. Keys are not interpolated."""
    for path, node in document.scalars():
        for name, form in variables_of(node.text):
            yield Variable(name, form, path, node.position.line)
