"""Strict YAML: no aliases, no tags, no second value for a key, no surprising types; with line numbers.

PyYAML's own loaders read `22:22` as 1342, `on` as True and `010` as 8, let the last duplicate key win, and unfold
alias bombs. So only its events are used, and the data is built here. Plain scalars have the types of JSON: `null`,
`true`, `false`, decimal numbers; everything else is text. Dates stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml
from yaml import events as ev

from fleetkeeper.errors import quoted

Path = tuple[str | int, ...]
LARGEST = 1024 * 1024
DEEPEST = 20
READER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
NUMBERS = (
    (re.compile(r"-?(0|[1-9][0-9]{0,17})", re.ASCII), int),
    (re.compile(r"-?(0|[1-9][0-9]{0,17})\.[0-9]{1,17}", re.ASCII), float),
)
WORDS: dict[str, bool | None] = {"null": None, "~": None, "": None, "true": True, "false": False}
STRUCTURE = (ev.DocumentStartEvent, ev.DocumentEndEvent, ev.StreamStartEvent, ev.StreamEndEvent)


@dataclass
class YamlError(Exception):
    """The text is not YAML as it is accepted here. `line` counts from 1."""

    line: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """`line LINE: WHAT`, without the hint; the file is not known here."""
        return f"line {self.line}: {self.what}"


@dataclass
class Document:
    """The data of one file, the line (from 1) where each path of it begins, and the duplicate keys."""

    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)
    twice: list[tuple[Path, YamlError]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of a path, or of the nearest path above it that is in the file; 1 when none is."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_document(content: bytes) -> Document:
    """The data of a file ({} for an empty one), with lines. Duplicate keys are collected; the first value is used.

    Raises YamlError at the first place that is not YAML as it is accepted here.

    >>> read_document(b"nodes:\\n  web: {port: 22, since: 2024-01-31, note: on}\\n").data
    {'nodes': {'web': {'port': 22, 'since': '2024-01-31', 'note': 'on'}}}
    """
    text = decode_text(content)
    document = Document()
    try:
        stream = checked_events(yaml.parse(text, Loader=READER))
        first = next(stream, None)
        document.data = {} if first is None else compose_value(first, stream, (), document)
        beyond = next(stream, None)
    except yaml.MarkedYAMLError as odd:
        raise malformed_error(odd, text) from None
    except yaml.YAMLError as odd:
        raise YamlError(1, f"not YAML: {str(odd).partition(chr(10))[0]}") from None
    if beyond is not None:
        raise YamlError(
            line_of_mark(beyond), "a second document begins", "one file holds one inventory: remove the `---`"
        )
    return document


def decode_text(content: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark.

    Raises YamlError for a file of more than 1 MiB, other encodings, and control characters.
    """
    if len(content) > LARGEST:
        raise YamlError(1, f"the file has {len(content)} bytes", f"an inventory has at most {LARGEST} bytes")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as odd:
        line = content.count(b"\n", 0, odd.start) + 1
        raise YamlError(line, "this is not UTF-8", "save the file as UTF-8") from None
    if strange := CONTROL.search(text):
        line = text.count("\n", 0, strange.start()) + 1
        raise YamlError(line, f"a control character (code {ord(strange[0])}) is in the text", "remove it")
    return text


def checked_events(stream: Iterator[Any]) -> Iterator[Any]:
    """The events that carry data. Raises YamlError at aliases, anchors and tags.

    Starts and ends of the stream and of documents are left out.
    """
    for event in stream:
        if isinstance(event, ev.AliasEvent) or getattr(event, "anchor", None):
            raise YamlError(line_of_mark(event), "an anchor or alias (`&`, `*`)", "write it out, or quote the text")
        if getattr(event, "tag", None):
            raise YamlError(line_of_mark(event), "a tag (`!`)", "remove it, or quote the text")
        if not isinstance(event, STRUCTURE):
            yield event


def compose_value(event: Any, stream: Iterator[Any], path: Path, document: Document) -> Any:
    """The value that begins with this event; the rest of it is taken from the stream. Raises YamlError.

    Adds the line of each path to `document.lines`. That is for data nested too deep.
    """
    document.lines.setdefault(path, line_of_mark(event))
    if len(path) > DEEPEST:
        raise YamlError(line_of_mark(event), f"nested more than {DEEPEST} deep", "an inventory is a few levels deep")
    if isinstance(event, ev.MappingStartEvent):
        return compose_mapping(stream, path, document)
    if isinstance(event, ev.SequenceStartEvent):
        return compose_sequence(stream, path, document)
    return event.value if not event.implicit[0] else plain_scalar(event.value)


def compose_mapping(stream: Iterator[Any], path: Path, document: Document) -> dict[str, Any]:
    """The mapping whose start was read. Of a duplicate key the first value is used. Raises YamlError.

    Adds lines to `document.lines`, and each duplicate, as an error, to `document.twice`.
    """
    matches: dict[str, Any] = {}
    while not isinstance(event := next(stream), ev.MappingEndEvent):
        key = key_of(event)
        here = (*path, key)
        if key in matches:
            again = f"{quoted(key)} stands here again, first on line {document.lines[here]}"
            document.twice.append((here, YamlError(line_of_mark(event), again, "keep one of them")))
            compose_value(next(stream), stream, here, Document())
        else:
            document.lines[here] = line_of_mark(event)
            matches[key] = compose_value(next(stream), stream, here, document)
    return matches


def key_of(event: Any) -> str:
    """The key of a mapping. Raises YamlError for a collection, and for an unquoted scalar that is no text."""
    if not isinstance(event, ev.ScalarEvent):
        raise YamlError(line_of_mark(event), "a key that is not a word", "keys are names; is a `{` or `[` too many?")
    if event.implicit[0] and not isinstance(plain_scalar(event.value), str):
        raise YamlError(line_of_mark(event), f"the key {quoted(event.value)} is not a word", "put it in quotes")
    return str(event.value)


def compose_sequence(stream: Iterator[Any], path: Path, document: Document) -> list[Any]:
    """The list whose start was read. Raises YamlError.

    Adds the line of each item to `document.lines`. It is raised for what is nested too deep or no plain YAML.
    """
    matches: list[Any] = []
    while not isinstance(event := next(stream), ev.SequenceEndEvent):
        matches.append(compose_value(event, stream, (*path, len(matches)), document))
    return matches


def plain_scalar(text: str) -> Any:
    """The value of an unquoted scalar: null, boolean, number or text.

    >>> [plain_scalar(word) for word in ("22", "-1", "0.25", "true", "~", "on", "010", "22:22", "1e3", "0x1f")]
    [22, -1, 0.25, True, None, 'on', '010', '22:22', '1e3', '0x1f']
    """
    if text in WORDS:
        return WORDS[text]
    for pattern, number in NUMBERS:
        if pattern.fullmatch(text):
            return number(text)
    return text


def why_surprising(text: str) -> str:
    """A hint why a text is not of the type that its writer may have meant; "" when there is no such reason."""
    if text.lower() in {"yes", "no", "on", "off", "y", "n", "true", "false"}:
        return "write `true` or `false`"
    if re.fullmatch(r"[-+]?[0-9][0-9_]*(:[0-9.]+)+", text):
        return "YAML 1.1 would read this as base 60: write one decimal number"
    if re.fullmatch(r"[-+]?0[0-9_ox][0-9a-fA-F_]*", text):
        return "numbers are decimal, without leading zeros"
    return ""


def malformed_error(error: yaml.MarkedYAMLError, text: str) -> YamlError:
    """The error with the parser's own message, and a hint for the usual mistakes. It is returned, not raised."""
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    what = ", ".join(part for part in (error.context, error.problem) if part)
    at = text.split("\n")[line - 1 : line]
    tabbed = bool(at) and "\t" in at[0]
    hint = (
        "indent with spaces, not tabs"
        if tabbed
        else "look at this line and the one before: indentation, quotes, colons"
    )
    return YamlError(line, f"not YAML: {what}", hint)


def line_of_mark(event: Any) -> int:
    """The line (from 1) where an event begins."""
    return int(event.start_mark.line) + 1
