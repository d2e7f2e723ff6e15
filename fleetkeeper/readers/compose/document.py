"""The nodes of a stack or Compose file, each with its position.

Unlike an inventory, such a file may use anchors, aliases and merge keys (`<<`): people do. They are resolved here, and
a node that is reached through one is marked, since changing its line changes the file in several places. Nothing is
given a type beyond what the text is: which words are numbers or booleans, Docker's own client decides.

Source: YAML 1.1 (which Docker's clients read), https://yaml.org/type/merge.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from yaml import events as ev
from yaml import nodes

LARGEST_BYTES = 1024 * 1024
DEEPEST = 50
MOST_NODES = 100_000
MERGE = "tag:yaml.org,2002:merge"
TEXT = "tag:yaml.org,2002:str"
NULL = "tag:yaml.org,2002:null"
READER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

Path = tuple[str | int, ...]


@dataclass
class ComposeFileError(Exception):
    """The content is not a stack or Compose file that can be read. `line` counts from 1."""

    line: int
    what: str
    hint: str = ""

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}"


@dataclass(frozen=True)
class Position:
    """Where a node is written: line and column from 1; `start` and `end` are offsets in the text, in characters."""

    line: int
    column: int
    start: int
    end: int


@dataclass(frozen=True)
class ScalarNode:
    """A single value: its text without quotes. `plain` tells that it is written without quotes, on one line.

    `shared` tells that it is reached through an alias or a merge key.
    """

    position: Position
    text: str
    tag: str = TEXT
    plain: bool = True
    shared: bool = False


@dataclass(frozen=True)
class SequenceNode:
    """A list of values, in the order of the file."""

    position: Position
    items: tuple[Node, ...] = ()
    shared: bool = False


@dataclass(frozen=True)
class MappingNode:
    """Values by key, in the order of the file; those of merge keys come last. `keys` has the position of each key."""

    position: Position
    members: Mapping[str, Node] = field(default_factory=dict)
    keys: Mapping[str, Position] = field(default_factory=dict)
    shared: bool = False


Node = ScalarNode | SequenceNode | MappingNode


@dataclass(frozen=True)
class ComposeDocument:
    """A stack or Compose file: its text, and its outermost mapping."""

    text: str
    root: MappingNode

    def find(self, *path: str | int) -> Node | None:
        """The node at a path of keys and indexes, or None.

        >>> document = read_compose(b"services: {web: {image: nginx, ports: ['80:80']}}")
        >>> document.find("services", "web", "ports", 0).text, document.find("services", "web", "user")
        ('80:80', None)
        """
        node: Node | None = self.root
        for step in path:
            if isinstance(node, MappingNode):
                node = node.members.get(str(step))
            elif isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node

    def mapping(self, *path: str | int) -> Mapping[str, Node]:
        """The members of the mapping at a path; empty when there is none."""
        node = self.find(*path)
        return node.members if isinstance(node, MappingNode) else {}

    def line(self, *path: str | int) -> int:
        """The line (from 1) of the key or value at a path, or of the nearest one above it that is in the file."""
        for depth in range(len(path), 0, -1):
            above = self.find(*path[: depth - 1])
            if isinstance(above, MappingNode) and str(path[depth - 1]) in above.keys:
                return above.keys[str(path[depth - 1])].line
            if node := self.find(*path[:depth]):
                return node.position.line
        return self.root.position.line

    def scalars(self) -> Iterator[tuple[Path, ScalarNode]]:
        """Path and node of each single value of the file."""
        return walk_scalars(self.root, ())


def walk_scalars(node: Node, path: Path) -> Iterator[tuple[Path, ScalarNode]]:
    """Path and node of each single value below a node."""
    if isinstance(node, ScalarNode):
        yield path, node
    elif isinstance(node, SequenceNode):
        for index, item in enumerate(node.items):
            yield from walk_scalars(item, (*path, index))
    else:
        for key, member in node.members.items():
            yield from walk_scalars(member, (*path, key))


def read_compose(content: bytes) -> ComposeDocument:
    """The nodes of a stack or Compose file.

    Raises ComposeFileError for what is not YAML, not one mapping, larger than 1 MiB, deeper than 50 levels or, with
    its aliases written out, of more than 100,000 nodes; for an alias that contains itself; for a key that appears
    twice.

    >>> read_compose(b"x: &x {a: 1}\\nservices:\\n  web: {<<: *x, image: nginx}\\n").find("services", "web", "a").shared
    True
    """
    text = decode_text(content)
    try:
        raise_if_too_deep(text)
        root = yaml.compose(text, Loader=READER)
    except yaml.MarkedYAMLError as error:
        raise described_error(error) from None
    except (yaml.YAMLError, ValueError) as error:
        raise ComposeFileError(1, f"not YAML: {str(error).partition(chr(10))[0]}") from None
    if not isinstance(root, nodes.MappingNode):
        raise ComposeFileError(1, "this is no stack or Compose file: it holds no keys", "it begins with `services:`")
    node = NodeConverter().convert(root, (), shared=False)
    assert isinstance(node, MappingNode)
    return ComposeDocument(text, node)


def decode_text(content: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark. Raises ComposeFileError."""
    if len(content) > LARGEST_BYTES:
        raise ComposeFileError(1, f"the file has {len(content)} bytes; at most {LARGEST_BYTES} are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ComposeFileError(line, "this is not UTF-8", "save the file as UTF-8") from None


def raise_if_too_deep(text: str) -> None:
    """Raise ComposeFileError for more levels or events than are read: composing nodes takes a C stack for each level.

    Raises yaml.YAMLError for what is not YAML.
    """
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=READER)):
        if isinstance(event, ev.CollectionStartEvent):
            depth += 1
        elif isinstance(event, ev.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise ComposeFileError(line_of(event), f"nested more than {DEEPEST} deep")
        if count > MOST_NODES:
            raise ComposeFileError(line_of(event), f"more than {MOST_NODES} values")


@dataclass
class NodeConverter:
    """Conversion of PyYAML's nodes, which may be cyclic, to ours, which are a tree."""

    count: int = 0
    written: set[int] = field(default_factory=set)

    def convert(self, node: Any, above: tuple[int, ...], shared: bool) -> Node:
        """Our node for PyYAML's. `above` are the identities of the nodes that contain it. Raises ComposeFileError.

        `shared`: it is reached through an alias or a merge key.
        """
        self.count += 1
        if self.count > MOST_NODES:
            raise ComposeFileError(line_of(node), f"with its aliases written out, more than {MOST_NODES} values")
        if id(node) in above or len(above) > DEEPEST:
            raise ComposeFileError(line_of(node), "an alias (`*`) that contains itself, or is nested too deep")
        shared = shared or id(node) in self.written
        self.written.add(id(node))
        position = position_of(node)
        if isinstance(node, nodes.ScalarNode):
            return ScalarNode(position, node.value, node.tag, node.style is None, shared)
        above = (*above, id(node))
        if isinstance(node, nodes.SequenceNode):
            return SequenceNode(position, tuple(self.convert(item, above, shared) for item in node.value), shared)
        return self.convert_mapping(node, position, above, shared)

    def convert_mapping(self, node: Any, position: Position, above: tuple[int, ...], shared: bool) -> MappingNode:
        """Our mapping for PyYAML's: its own keys, then those of its merge keys that it has not.

        `above` are the identities of the nodes that contain its values, its own among them; `shared`: it is reached
        through an alias or a merge key. Raises ComposeFileError.
        """
        members: dict[str, Node] = {}
        keys: dict[str, Position] = {}
        merged: list[MappingNode] = []
        for key, value in node.value:
            if key.tag == MERGE:
                merged += self.mappings_to_merge(value, above)
                continue
            name = name_of_key(key)
            if name in members:
                raise ComposeFileError(line_of(key), f"`{name}` appears twice, first on line {keys[name].line}")
            keys[name] = position_of(key)
            members[name] = self.convert(value, above, shared)
        for mapping in merged:
            for name in mapping.members.keys() - members.keys():
                members[name], keys[name] = mapping.members[name], mapping.keys[name]
        return MappingNode(position, members, keys, shared)

    def mappings_to_merge(self, value: Any, above: tuple[int, ...]) -> list[MappingNode]:
        """The mappings that a merge key names, one or a list of them. Raises ComposeFileError for anything else."""
        sources = value.value if isinstance(value, nodes.SequenceNode) else [value]
        mappings = [self.convert(source, above, shared=True) for source in sources]
        if not all(isinstance(mapping, MappingNode) for mapping in mappings):
            raise ComposeFileError(line_of(value), "`<<` merges something that is no mapping")
        return [replace(mapping, shared=True) for mapping in mappings if isinstance(mapping, MappingNode)]


def name_of_key(key: Any) -> str:
    """The text of a key. Raises ComposeFileError for a key that is a list or mapping: often an unquoted `{{ … }}`."""
    if not isinstance(key, nodes.ScalarNode):
        raise ComposeFileError(line_of(key), "a key that is no word", "put a template (`{{ … }}`) in quotes")
    return str(key.value)


def described_error(error: yaml.MarkedYAMLError) -> ComposeFileError:
    """The parser's own message as our error, at its line."""
    mark = error.problem_mark or error.context_mark
    what = ", ".join(part for part in (error.context, error.problem) if part)
    return ComposeFileError(mark.line + 1 if mark else 1, f"not YAML: {what}")


def position_of(node: Any) -> Position:
    """The position of PyYAML's node or event."""
    mark = node.start_mark
    return Position(mark.line + 1, mark.column + 1, mark.index, node.end_mark.index)


def line_of(node: Any) -> int:
    """The line (from 1) of PyYAML's node or event."""
    return int(node.start_mark.line) + 1
