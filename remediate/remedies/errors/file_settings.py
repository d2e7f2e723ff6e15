"""Settings that are written into a stack file, each proven by reading the edited file again. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from fleetkeeper.readers.compose.document import (
    ComposeDocument,
    ComposeFileError,
    MappingNode,
    Node,
    ScalarNode,
    read_compose,
)
from fleetkeeper.readers.compose.edits import Edit, add_item, apply_edits, insert_path, line_end_of
from remediate.remedies.errors.log_settings import Setting


def file_with_settings(document: ComposeDocument, settings: Iterable[Setting]) -> ComposeDocument | None:
    """The file with all settings, read again: it says these, and all else as before, its anchors and merges resolved.

    None where one of them cannot be written in one place, where the file says something else there, or where it
    comes out otherwise. A setting that is there already stays.
    """
    edited = document
    for setting in settings:
        before = values_of(edited.root)
        expected = with_setting(before, setting.path, parsed_value(setting.written), listed=setting.listed)
        if expected is None:
            return None
        if expected == before:
            continue
        edit = setting_edit(edited, setting)
        try:
            edited = read_compose(apply_edits(edited.text, [edit]).encode()) if edit else edited
        except ComposeFileError:
            return None
        if values_of(edited.root) != expected:
            return None
    return edited


def setting_edit(document: ComposeDocument, setting: Setting) -> Edit | None:
    """The edit that writes one setting; None where it cannot be written in one place."""
    path = setting.path
    node = document.find(*path)
    if node is not None and setting.listed:
        return add_item(document, path, str(parsed_value(setting.written)[1]))
    if isinstance(node, MappingNode):
        return options_edit(document, setting)
    if document.find(path[0]) is not None:
        return insert_path(document, path, f"[{setting.written}]" if setting.listed else setting.written)
    end, length = line_end_of(document.text), len(document.text)
    start = "" if document.text.endswith("\n") else end
    return Edit(length, length, f"{start}{end}{path[0]}:{end}  {path[1]}: {setting.written}{end}")


def options_edit(document: ComposeDocument, setting: Setting) -> Edit | None:
    """The edit that writes `options` of a mapping that has none, as a setting has them."""
    wished = read_compose(f"x: {setting.written}".encode()).find("x", "options")
    if wished is None or document.find(*setting.path, "options") is not None:
        return None
    start = len("x: ")
    written = setting.written[wished.position.start - start : wished.position.end - start]
    return insert_path(document, (*setting.path, "options"), written)


def parsed_value(written: str) -> Any:
    """The values that a piece of YAML stands for."""
    node = read_compose(f"x: {written}".encode()).find("x")
    assert node is not None
    return values_of(node)


def values_of(node: Node) -> Any:
    """What a node stands for: dicts and lists of pairs of tag and text; equal where two files mean the same."""
    if isinstance(node, ScalarNode):
        return node.tag, node.text
    if isinstance(node, MappingNode):
        return {key: values_of(member) for key, member in node.members.items()}
    return [values_of(member) for member in node.items]


def with_setting(values: Any, path: tuple[str, ...], wished: Any, *, listed: bool) -> Any:
    """The values with one more at a path; None where other values stand there that it would replace.

    Of a mapping that is there the keys that it lacks are added.

    >>> with_setting({"a": {"b": ("s", "1")}}, ("a", "c"), ("s", "2"), listed=True)
    {'a': {'b': ('s', '1'), 'c': [('s', '2')]}}
    >>> with_setting({"a": {"driver": ("s", "syslog")}}, ("a",), {"driver": ("s", "local")}, listed=False)
    """
    if path:
        if not isinstance(values, dict):
            return None
        key, *others = path
        below = values.get(key, {} if others else None)
        member = with_setting(below, tuple(others), wished, listed=listed)
        return None if member is None else {**values, key: member}
    if listed:
        items = [] if values is None else values
        return (items if wished in items else [*items, wished]) if isinstance(items, list) else None
    if values is None:
        return wished
    if not isinstance(values, dict) or not isinstance(wished, dict):
        return values if values == wished else None
    same = all(values.get(key, member) == member for key, member in wished.items())
    return {**wished, **values} if same else None
