"""Problems of an inventory, for a person: file, line, path, what is wrong, and a hint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from pydantic import BaseModel, RootModel, ValidationError
from pydantic_core import ErrorDetails

from fleetkeeper.errors import UsageError, nearest_name, quoted
from fleetkeeper.inventory.schema import Undecided, Without
from fleetkeeper.inventory.strict_yaml import Document, Path, why_surprising


@dataclass(frozen=True, order=True)
class InventoryProblem:
    """One problem at a line (from 1) of a file. `path` names the key, as in `nodes.vgpu.roles`."""

    file: str
    line: int
    path: str
    what: str
    hint: str = ""

    def __str__(self) -> str:
        """`FILE:LINE: PATH: WHAT`, and the hint, if any, on a line of its own."""
        where = f"{self.file}:{self.line}: {self.path}: " if self.path else f"{self.file}:{self.line}: "
        return where + self.what + (f"\n  hint: {self.hint}" if self.hint else "")


class InventoryError(UsageError):
    """An inventory that cannot be used, with all of its problems: a line each, and a line for the hint."""

    def __init__(self, problems: Iterable[InventoryProblem]) -> None:
        """The error with these problems, sorted, each once; its text has a line for each."""
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def mask_secrets(values: Iterable[str], problem: InventoryProblem) -> InventoryProblem:
    """The problem, with these values replaced by `***` in its text and its hint; its path stays as it is."""
    what, hint = problem.what, problem.hint
    for value in values:
        what, hint = what.replace(value, "***"), hint.replace(value, "***")
    return replace(problem, what=what, hint=hint)


def show(path: Path) -> str:
    """A path of keys and indexes as text. Such as `nodes.web.jump` or `topics[0]`; "" for the empty path.

    >>> show(("nodes", "web", "roles")), show(("certificates", 0, "name"))
    ('nodes.web.roles', 'certificates[0].name')
    """
    words = (f"[{part}]" if isinstance(part, int) else f".{plain_type(part)}" for part in path)
    return "".join(words).removeprefix(".")


def plain_type(key: str) -> str:
    """The key as it is, or in quotes when it has other characters than letters, digits, `_` and `-`."""
    return key if re.fullmatch(r"[\w-]+", key, re.ASCII) else quoted(key)


def translate_errors(
    error: ValidationError, model: type[Any], document: Document, file: str
) -> Iterator[InventoryProblem]:
    """A problem for each of pydantic's errors, with the line of `document`; `file` is the name for messages.

    For an item of a list that we refused, the line and key of the list. That the list is too short without its refused
    items is no problem of its own.
    """
    details = error.errors(include_url=False)
    inside = {detail["loc"][:-1] for detail in details if detail["loc"]}
    for detail in details:
        if detail["type"] == "too_short" and detail["input"] and detail["loc"] in inside:
            continue
        path = path_in_file(document.data, detail["loc"])
        shown = path[:-1] if path and isinstance(path[-1], int) and detail["type"] == "refused" else path
        what, hint = message_and_hint(detail, model)
        yield InventoryProblem(file, document.line(path), show(shown), what, hint)


def is_scalar(value: object) -> bool:
    """Whether a value of YAML is neither a mapping nor a list."""
    return not isinstance(value, dict | list | tuple)


def path_in_file(data: Any, loc: Iterable[str | int]) -> Path:
    """The part of pydantic's location that is in the file: names of union members are left out.

    Its last part stays also where the file lacks it: that is the key that is missing.
    """
    path: list[str | int] = []
    rest = list(loc)
    for index, part in enumerate(rest):
        exists = part in data if isinstance(data, dict) else isinstance(data, list) and part in range(len(data))
        if exists:
            path.append(part)
            data = data[part]
        elif index == len(rest) - 1 and part not in ("asked", "without", "open", "[key]"):
            path.append(part)
    return tuple(path)


WANTED = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "dict_type": "keys with values",
    "tuple_type": "a list",
    "list_type": "a list",
}


def message_and_hint(detail: ErrorDetails, model: type[Any]) -> tuple[str, str]:
    """Message and hint for one of pydantic's errors: ours for the usual ones, pydantic's message for the others."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "refused":
        return str(context["what"]), str(context["hint"])
    if kind in ("missing", "extra_forbidden"):
        return about_key(kind, str(detail["loc"][-1]), keys_of_model(model, detail["loc"][:-1]))
    if kind == "value_error":
        return f"{describe_value(given)}: {context['error']}" if is_scalar(given) else str(context["error"]), ""
    if kind in ("too_short", "string_too_short") and not given:
        return ("is empty", "") if given == "" else ("there are none", "name at least one")
    if kind in WANTED:
        return f"should be {WANTED[kind]}, not {describe_value(given)}", likely_meant(kind, given)
    return f"{detail['msg'].removeprefix('Input ')}, not {describe_value(given)}", ""


def about_key(kind: str, key: str, fields: Mapping[str, str]) -> tuple[str, str]:
    """Message and hint for a missing key (its description) or an unknown one (the nearest known key).

    `kind` is pydantic's type of error, `fields` are the descriptions of known keys.
    """
    return ("missing", fields.get(key, "")) if kind == "missing" else ("unknown key", nearest_name(key, fields, "keys"))


def describe_value(given: object) -> str:
    """A value for a message: its kind, and a scalar itself too, cut when long. Secrets in it are not masked."""
    if given is None:
        return "nothing"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, str):
        return f"the text {quoted(given)}"
    if isinstance(given, dict):
        return "keys with values"
    return "a list" if isinstance(given, list | tuple) else f"the number {given}"


def likely_meant(kind: str, given: object) -> str:
    """A hint how the value may have been meant; "" when there is none. `kind` is pydantic's type of error.

    That is: list, quotes, or a word that YAML reads otherwise.
    """
    if isinstance(given, str):
        return why_surprising(given) or ("write it as a list: `[a, b]`" if kind in ("tuple_type", "list_type") else "")
    if kind == "string_type" and isinstance(given, bool | int | float):
        return "put it in quotes"
    return ""


def keys_of_model(model: Any, loc: Iterable[str | int]) -> dict[str, str]:
    """The descriptions of the keys that a model accepts at a place inside it, by key; of all members of a union."""
    kinds = list(annotation_alternatives(model))
    for part in loc:
        inner = [kind for outer in kinds for kind in annotations_below(outer, part)]
        kinds = inner or [kind for kind in kinds if part != "asked" or kind not in (Without, Undecided)]
    models = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return {
        name: field.description or ""
        for kind in models
        for name, field in kind.model_fields.items()
        if field.exclude is None and not is_hidden(field.metadata, field.annotation)
    }


def is_hidden(metadata: Iterable[Any], annotation: Any) -> bool:
    """Whether a field is no key of the file, but filled in by the loader."""
    return "SkipJsonSchema" in repr(list(metadata)) or "SkipJsonSchema" in repr(annotation)


def annotation_alternatives(kind: Any) -> Iterator[Any]:
    """The classes and containers that an annotation allows.

    Of a union each member; a root model gives what it wraps.
    """
    origin = getattr(kind, "__origin__", None)
    arguments = get_args(kind)
    if isinstance(kind, type) and issubclass(kind, RootModel):
        yield from annotation_alternatives(kind.model_fields["root"].annotation)
    elif isinstance(kind, type) or origin in (dict, tuple, list):
        yield kind
    elif hasattr(kind, "__metadata__"):
        yield from annotation_alternatives(origin)
    else:
        for argument in arguments:
            yield from annotation_alternatives(argument)


def annotations_below(kind: Any, part: str | int) -> Iterator[Any]:
    """The classes and containers that are allowed under one key or index of a class or container.

    Nothing for a key that is not allowed. An index gives the kind of the items.
    """
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if part in kind.model_fields:
            yield from annotation_alternatives(kind.model_fields[str(part)].annotation)
    elif getattr(kind, "__origin__", None) is dict and isinstance(part, str):
        yield from annotation_alternatives(get_args(kind)[1])
    elif isinstance(part, int):
        yield from annotation_alternatives((get_args(kind) or (None,))[0])
