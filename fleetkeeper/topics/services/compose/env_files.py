"""The env files that services of Compose files name, and what in them comes from whoever starts the project."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from fleetkeeper.readers.compose.document import ComposeDocument, MappingNode, Node, ScalarNode, SequenceNode
from fleetkeeper.readers.compose.variables import NAME, interpolated_text, variables_of
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.services.stacks.deploy_variables import read_bounded

LONE_NAME = re.compile(rf"\s*(?:export\s+)?({NAME})\s*")


def env_files(service: Node) -> Iterator[tuple[ScalarNode, bool]]:
    """The env files that a service names, and whether each must exist."""
    named = service.members.get("env_file") if isinstance(service, MappingNode) else None
    for item in named.items if isinstance(named, SequenceNode) else (named,):
        members = item.members if isinstance(item, MappingNode) else {"path": item}
        required, path = members.get("required"), members.get("path")
        if isinstance(path, ScalarNode) and path.text:
            yield path, not (isinstance(required, ScalarNode) and required.text == "false")


def env_file_texts(documents: Sequence[ComposeDocument], folder: Path, values: Mapping[str, str]) -> list[str]:
    """The texts of the env files of all services that are below a folder here; `values` are for variables in names."""
    services = [service for document in documents for service in document.mapping("services").values()]
    names = {interpolated_text(node.text, values) for service in services for node, _ in env_files(service)}
    texts = []
    for name in sorted(filter(None, names)):
        with suppress(OSError, ValueError):
            texts.append(read_bounded(folder / name).decode("utf-8", "replace"))
    return texts


def is_here(path: Path) -> bool:
    """Whether a file is there, as far as that can be seen."""
    with suppress(OSError, ValueError):
        return path.exists()
    return False


def has_more_files(document: ComposeDocument) -> bool:
    """Whether a Compose file takes something from other Compose files."""
    return any(True for _ in lines_of_more_files(document))


def lines_of_more_files(document: ComposeDocument, own: Collection[str] = ()) -> Iterator[int]:
    """The lines where a Compose file includes or extends another one; `own` are names of files that count as itself.

    >>> from fleetkeeper.readers.compose.document import read_compose
    >>> document = read_compose(b"include: [a.yml]\\nservices:\\n  web:\\n    extends: {file: ./b.yml}\\n")
    >>> list(lines_of_more_files(document)), list(lines_of_more_files(document, ["b.yml"]))
    ([1, 4], [1])
    """
    if "include" in document.mapping():
        yield document.line("include")
    for name in document.mapping("services"):
        path = ("services", name, "extends", "file")
        file = document.find(*path)
        if file and not (isinstance(file, ScalarNode) and file.text.removeprefix("./") in own):
            yield document.line(*path)


def places_of_more_files(documents: Sequence[ComposeDocument], files: Sequence[str]) -> Iterator[str]:
    """Where the files of a project take something from others than its own, each as `FILE:LINE`.

    `files` are the paths of the documents. Files of one name in two folders are two files.
    """
    paths = [Path(file).absolute() for file in files]
    beside = [path.name for path in paths if path.parent == paths[0].parent]
    for path, document in zip(paths, documents, strict=True):
        own = beside if path.parent == paths[0].parent else []
        yield from (f"{path.name}:{line}" for line in lines_of_more_files(document, own))


def lone_names(texts: Sequence[str]) -> list[str]:
    """The names without `=` in env files: they get their value from whoever starts the project.

    >>> lone_names(["# x\\nA=1\\nTZ\\n export LANG \\n"])
    ['TZ', 'LANG']
    """
    lines = [line for text in texts for line in split_lines(text)]
    return [match[1] for line in lines if (match := LONE_NAME.fullmatch(line))]


def names_used(texts: Sequence[str]) -> list[str]:
    """The names of variables in values of env files.

    >>> names_used(["# ${X}\\nA=${B}-$C\\n"])
    ['B', 'C']
    """
    lines = [line for text in texts for line in split_lines(text) if not line.lstrip().startswith("#")]
    return [name for line in lines for name, _ in variables_of(line)]
