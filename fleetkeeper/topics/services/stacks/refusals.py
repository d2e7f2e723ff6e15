"""What Docker's client or Compose says about a file that it refuses: with its line, and without what may be secret."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from fleetkeeper.readers.compose.document import ComposeDocument, MappingNode, Node, SequenceNode
from fleetkeeper.readers.compose.document import Path as YamlPath

MAY_BE_SECRET = frozenset(
    {"args", "command", "content", "driver_opts", "entrypoint", "environment", "healthcheck", "labels", "options"}
)
"""Keys below which a file has values that no message may show."""
SHORTEST = 4
HIDDEN = "…"
DOTTED = re.compile(r"\b(?:services|networks|volumes|secrets|configs)(?:\.[^\s:,;'\"]+)?")
NOT_ALLOWED = re.compile(r"dditional propert(?:y |ies ')([^\s',]+)'?.* (?:is )?not allowed")
UNSUPPORTED = re.compile(r"(?s)contains unsupported options:\s+([a-z_]+): ")
"""Before the first key of services that Docker's client refuses; each has its paragraph."""


def without_literals(message: str, document: ComposeDocument) -> str:
    """A message without the values of a file that may be secret, as they are written.

    >>> from fleetkeeper.readers.compose.document import read_compose
    >>> without_literals('"P=s3cret $"', read_compose(b"services: {web: {environment: ['P=s3cret $']}}"))
    '"…"'
    """
    for text in sorted(secret_texts(document), key=len, reverse=True):
        for spelling in (text, json.dumps(text, ensure_ascii=False)[1:-1]):
            message = message.replace(spelling, HIDDEN)
    return message


def secret_texts(document: ComposeDocument) -> Iterator[str]:
    """The values of a file that may be secret; of `NAME=VALUE` the value too."""
    for path, node in document.scalars():
        if MAY_BE_SECRET & {*path}:
            yield from (text for text in (node.text, node.text.partition("=")[2]) if len(text) >= SHORTEST)


def refused_line(message: str, document: ComposeDocument) -> int | None:
    """The line that a message is about, by the keys that it names; None where it names none of the file.

    >>> from fleetkeeper.readers.compose.document import read_compose
    >>> document = read_compose(b"services:\\n  a.b:\\n    image: x\\n    imgae: y\\n")
    >>> refused_line("services.a.b Additional property imgae is not allowed", document)
    4
    >>> refused_line("services.a.b.image must be a string", document), refused_line("no space left", document)
    (3, None)
    >>> refused_line("Compose file contains unsupported options:\\n\\nimage: why", document)
    3
    """
    if unsupported := UNSUPPORTED.search(message):
        return min(lines_of_key(unsupported[1], document), default=None)
    dotted = DOTTED.search(message)
    path = existing_path(document.root, dotted[0]) if dotted else ()
    if (strange := NOT_ALLOWED.search(message)) and strange[1] in document.mapping(*path):
        return document.line(*path, strange[1])
    return document.line(*path) if path else None


def lines_of_key(key: str, document: ComposeDocument) -> Iterator[int]:
    """The line of a key in each service that has it."""
    for name, service in document.mapping("services").items():
        if isinstance(service, MappingNode) and key in service.members:
            yield document.line("services", name, key)


def existing_path(node: Node, dotted: str) -> YamlPath:
    """The longest path of keys and indexes below a node that dotted words begin with; keys may have dots themselves."""
    if isinstance(node, SequenceNode):
        index = dotted.partition(".")[0]
        exists = index.isascii() and index.isdigit() and int(index) < len(node.items)
        return (int(index), *existing_path(node.items[int(index)], dotted.partition(".")[2])) if exists else ()
    if not isinstance(node, MappingNode):
        return ()
    fitting = [key for key in node.members if f"{dotted}.".startswith(f"{key}.")]
    if not fitting:
        return ()
    key = max(fitting, key=len)
    return (key, *existing_path(node.members[key], dotted[len(key) + 1 :]))
