"""Edits of a stack or Compose file that leave everything else as it is: comments, quotes, order, ends of lines.

An edit is made only where a value is written once, in one place: nothing behind an alias or a merge key, nothing with
a variable in it, no text over several lines. Everywhere else there is None, and a person decides.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fleetkeeper.readers.compose.document import (
    ComposeDocument,
    MappingNode,
    Node,
    Path,
    Position,
    ScalarNode,
    SequenceNode,
    walk_scalars,
)

PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9_./@-]*(:[A-Za-z0-9_./@-]+)*|[0-9]{1,18}(s|ms|us|ns|b|K|M|G)")
"""Names, durations and sizes: texts that need no quotes, but for the words of WORDS."""
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Edit:
    """The text that replaces what is between two offsets of a file, in characters."""

    start: int
    end: int
    text: str


def apply_edits(text: str, edits: Iterable[Edit]) -> str:
    """The text after edits that do not overlap; an edit that is there twice is made once. Raises ValueError."""
    least = len(text)
    for edit in sorted(set(edits), key=lambda edit: (edit.start, edit.end), reverse=True):
        if edit.end > least:
            raise ValueError("two edits of one place")
        least = edit.start
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def written_scalar(value: str, *, quoted: bool = False) -> str:
    """A value as YAML that is read as this text, with every `$` doubled; numbers are left to be numbers.

    >>> written_scalar("nginx:1.27"), written_scalar("a b: $c"), written_scalar("yes"), written_scalar("3")
    ('nginx:1.27', '"a b: $$c"', '"yes"', '3')
    """
    text = value.replace("$", "$$")
    if not quoted and (NUMBER.fullmatch(text) or (PLAIN.fullmatch(text) and text.lower() not in WORDS)):
        return text
    return json.dumps(text)


def set_value(document: ComposeDocument, path: Path, value: str, *, quoted: bool = False) -> Edit | None:
    """The edit that gives the value at a path another text, or writes the path where the file has not got it.

    None where it is not written in one place, or is no single value. `quoted`: a text even if it looks like a number.
    """
    node = document.find(*path)
    if node is None:
        return insert_path(document, path, written_scalar(value, quoted=quoted))
    if not is_alone(node, document) or not isinstance(node, ScalarNode) or "$" in node.text:
        return None
    start, end = node.position.start, node.position.end
    old = document.text[start:end]
    if not old or "\n" in old or old[0] in "|>&!*":
        return None
    number = quoted and NUMBER.fullmatch(value) is not None
    return Edit(start, end, written_scalar(value, quoted=number or old[0] in "\"'"))


def is_alone(node: Node, document: ComposeDocument) -> bool:
    """Whether a node is written where it is read, without an anchor (by which an alias has it too) or a tag."""
    return not node.shared and document.text[node.position.start : node.position.start + 1] not in ("&", "!")


def insert_path(document: ComposeDocument, path: Path, written: str) -> Edit | None:
    """The edit that writes a value at a path of which the last part, at least, is not in the file."""
    for depth in range(len(path) - 1, 0, -1):
        above = document.find(*path[:depth])
        if above is None:
            written = f"{{{path[depth]}: {written}}}"
            continue
        return insert_member(document, above, str(path[depth]), written)
    return None


def insert_member(document: ComposeDocument, mapping: Node, key: str, written: str) -> Edit | None:
    """The edit that writes a key as the first of a mapping that has members of its own."""
    if not isinstance(mapping, MappingNode) or not is_alone(mapping, document):
        return None
    own = own_keys(mapping)
    if not own:
        return None
    first = mapping.keys[own[0]]
    if document.text[mapping.position.start] == "{":
        return Edit(first.start, first.start, f"{key}: {written}, ")
    line = line_start(document.text, first.start)
    indent = document.text[line : first.start]
    if indent.strip(" "):
        return None
    return Edit(line, line, f"{indent}{key}: {written}{line_end_of(document.text)}")


def own_keys(mapping: MappingNode) -> list[str]:
    """The keys that are written in a mapping itself, in the order of the file."""
    inside = range(mapping.position.start, mapping.position.end)
    return sorted(
        (key for key in mapping.keys if mapping.keys[key].start in inside), key=lambda key: mapping.keys[key].start
    )


def remove_member(document: ComposeDocument, path: Path) -> Edit | None:
    """The edit that takes a key and its value out of the file; None for one that is not written in one place."""
    mapping, node = document.find(*path[:-1]), document.find(*path)
    key = str(path[-1])
    if not isinstance(mapping, MappingNode) or node is None or not is_alone(mapping, document) or node.shared:
        return None
    own = own_keys(mapping)
    if key not in own:
        return None
    if document.text[mapping.position.start] == "{":
        spans = [(mapping.keys[name].start, mapping.members[name].position.end) for name in own]
        return remove_span(spans, own.index(key))
    return remove_lines(document, mapping.keys[key], node)


def remove_item(document: ComposeDocument, path: Path, index: int) -> Edit | None:
    """The edit that takes an item out of a list of single values."""
    sequence = document.find(*path)
    if not isinstance(sequence, SequenceNode) or not is_alone(sequence, document):
        return None
    item = sequence.items[index]
    if document.text[sequence.position.start] == "[":
        return remove_span([(each.position.start, each.position.end) for each in sequence.items], index)
    line = line_start(document.text, item.position.start)
    if not isinstance(item, ScalarNode) or document.text[line : item.position.start].strip() != "-":
        return None
    return remove_lines(document, item.position, item)


def add_item(document: ComposeDocument, path: Path, value: str) -> Edit | None:
    """The edit that adds a text at the end of a list of single values."""
    sequence = document.find(*path)
    if not isinstance(sequence, SequenceNode) or not sequence.items or not is_alone(sequence, document):
        return None
    last = sequence.items[-1]
    written = written_scalar(value, quoted=True)
    if document.text[sequence.position.start] == "[":
        return Edit(last.position.end, last.position.end, f", {written}")
    line = line_start(document.text, last.position.start)
    indent = document.text[line : last.position.start]
    if not isinstance(last, ScalarNode) or indent.strip() != "-" or "\n" in span_text(document, last):
        return None
    start = next_line(document.text, last.position.end)
    end = line_end_of(document.text)
    if not document.text[:start].endswith("\n"):
        return Edit(start, start, f"{end}{indent}{written}")
    return Edit(start, start, f"{indent}{written}{end}")


def remove_span(spans: Sequence[tuple[int, int]], index: int) -> Edit:
    """The edit that takes one of several things out that stand between commas."""
    start, end = spans[index]
    if index + 1 < len(spans):
        return Edit(start, spans[index + 1][0], "")
    return Edit(spans[index - 1][1] if index else start, end, "")


def remove_lines(document: ComposeDocument, first: Position, node: Node) -> Edit | None:
    """The edit that takes out the lines from a key or an item to the end of its value; None if they hold more."""
    ends = [scalar.position.end for _, scalar in walk_scalars(node, ()) if not scalar.shared]
    start, end = line_start(document.text, first.start), max([first.end, *ends])
    after = next_line(document.text, end)
    if (
        document.text[start : first.start].strip(" -")
        or re.match(r"[ \t\]}]*(#.*)?\r?$", document.text[end:after].rstrip("\n")) is None
    ):
        return None
    return Edit(start, after, "")


def span_text(document: ComposeDocument, node: Node) -> str:
    """What is written for a node."""
    return document.text[node.position.start : node.position.end]


def line_start(text: str, offset: int) -> int:
    """The offset of the beginning of a line."""
    return text.rfind("\n", 0, offset) + 1


def next_line(text: str, offset: int) -> int:
    """The offset behind the end of a line."""
    return text.find("\n", offset) + 1 or len(text)


def line_end_of(text: str) -> str:
    """The line end that a file uses."""
    return "\r\n" if "\r\n" in text else "\n"
