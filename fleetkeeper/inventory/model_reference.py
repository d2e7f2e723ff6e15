"""The reference of inventories, generated from the models: a page for people, a JSON schema for editors."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from fleetkeeper.inventory.load import file_model
from fleetkeeper.inventory.topic_section import TopicSection
from fleetkeeper.inventory.units import (
    DURATION_GRAMMAR,
    SIZE_GRAMMAR,
    Duration,
    Portion,
    Size,
    exact_duration,
    exact_size,
    plain_portion,
)

Schema = Mapping[str, Any]
HEAD = f"""\
# Inventories

An inventory is one YAML file for one environment: its machines, and the policy they must satisfy. `--hosts=NAME`
looks for `NAME.yml` in the folders of `$FLEETKEEPER_INVENTORIES`, then in `inventories/` here or in a folder above;
`--hosts` also takes a path. `inventories/production.yml` is a commented example; `inventory.schema.json` beside this
page lets an editor complete and check one.

- **Sections that are not there are errors**, so that nothing is left out by accident:
  `certificates: {{none: "TLS ends at the campus proxy"}}` says that an environment does without, and why.
- **What nobody has decided yet is said so**: `backups: {{undecided: "postgres runs in shop/db; no dumps were seen"}}`,
  as `fleetkeeper init` writes where it saw no answer. The audit has one unknown for such a section, which quotes it,
  and is never green; everything else is judged.
- **Nothing is guessed.** Unknown keys, keys that stand twice, aliases, tags, `yes`/`on`, `010` and `22:22` are refused,
  each at its line.
- {SIZE_GRAMMAR[0].upper()}{SIZE_GRAMMAR[1:]}.
- {DURATION_GRAMMAR[0].upper()}{DURATION_GRAMMAR[1:]}.
- **Secrets are never in an inventory**: only the name of a variable, file or command that gives them. What looks like
  a secret is refused, and not printed.
- **Two databases have two inventories**, also two in one server: `backups` is about one. The second file repeats
`nodes`
  and `services`, and its `backups` names the other `database` (or `service`), a `command` that dumps that one, and a
  `path` or `volume` of its own. Each excuses the other's database: `not_backed_up: [{{what: shop/postgres/tickets,
  because: "kept by tickets.yml", until: 2027-06-30}}]`. `remediate` keeps one line for a service in a crontab; the line
  of the second command is written by hand.
- **Paths** are as seen from the folder of the inventory; `~` is the home of whoever runs the audit.

Promises of your own, and their sections: [own-topics.md](own-topics.md).

This page is generated from the models (`make docs`).
"""


class Generator(GenerateJsonSchema):
    """Generates a JSON schema with defaults in the notation of the inventory."""

    def encode_default(self, dft: Any) -> Any:
        """A default in the notation of the inventory: `36 h`, `10 %`; other values as pydantic writes them."""
        if isinstance(dft, Portion):
            return plain_portion(dft)
        return exact_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def inventory_schema(topics: Iterable[TopicSection]) -> dict[str, Any]:
    """The JSON schema of an inventory (draft 2020-12), with the sections of these topics; required ones come first."""
    whole = dict(with_sizes(file_model(tuple(topics)).model_json_schema(schema_generator=Generator)))
    first = {name: whole["properties"][name] for name in whole["required"]}
    return whole | {"properties": first | whole["properties"]}


def with_sizes(part: Any) -> Any:
    """The schema with the defaults of sizes in the notation of the inventory, instead of bytes."""
    if isinstance(part, list):
        return [with_sizes(item) for item in part]
    if not isinstance(part, dict):
        return part
    inner = {key: with_sizes(value) for key, value in part.items()}
    if isinstance(part.get("default"), int) and part.get("type") == "string":
        inner["default"] = exact_size(part["default"])
    return inner


def schema_text(topics: Iterable[TopicSection]) -> str:
    """The content of docs/inventory.schema.json."""
    return json.dumps(inventory_schema(topics), indent=2, ensure_ascii=False) + "\n"


def reference_page(topics: Iterable[TopicSection]) -> str:
    """The content of docs/inventory.md: a table for each section, and for each object inside it."""
    whole = inventory_schema(topics)
    parts = [HEAD, "## Sections\n", key_table(whole, whole)]
    for name, section in whole["properties"].items():
        for path, part in nested_objects(name, section, whole):
            parts += [f"## `{path}`\n", part.get("description", "").replace("\n", " ") + "\n", key_table(part, whole)]
    return "\n".join(parts)


def key_table(part: Schema, whole: Schema) -> str:
    """A Markdown table of the keys of one object: kind of value, default and meaning. `whole` is the root schema.

    Required keys have **required** in place of a default.
    """
    rows = ["| key | value | default | meaning |", "|---|---|---|---|"]
    for key, value in part["properties"].items():
        default = "**required**" if key in part.get("required", ()) else show_default(value.get("default"))
        meaning = value.get("description", resolve_reference(value, whole).get("description", ""))
        rows.append(f"| `{key}` | {kind_in_words(value, whole)} | {default} | {table_cell(meaning)} |")
    return "\n".join(rows) + "\n"


def table_cell(text: str) -> str:
    """The text on one line, with `|` escaped, for a cell of a Markdown table."""
    return " ".join(text.split()).replace("|", "\\|")


def show_default(default: Any) -> str:
    """The default as Markdown code, a text as it is and anything else as JSON; "" for an empty one."""
    if default in (None, "", [], {}):
        return ""
    return f"`{default}`" if isinstance(default, str) else f"`{json.dumps(default, ensure_ascii=False)}`"


def nested_objects(path: str, part: Schema, whole: Schema) -> Iterator[tuple[str, Schema]]:
    """Path and schema of every object with fixed keys at or below a part.

    NAME in a path stands for a name that the user chooses.
    """
    for option in value_options(part, whole):
        if list(option.get("properties", {})) in (["none"], ["undecided"]):
            continue
        if "properties" in option:
            yield path, option
            for key, value in option["properties"].items():
                yield from nested_objects(f"{path}.{key}", value, whole)
        elif named := of_names(option):
            yield from nested_objects(f"{path}.NAME", named, whole)
        elif isinstance(option.get("items"), dict):
            yield from nested_objects(f"{path}[]", option["items"], whole)


def value_options(part: Schema, whole: Schema) -> list[Schema]:
    """The schemas that a value may have, with references resolved.

    Those of alternatives (oneOf, anyOf), at any depth, else the one.
    """
    inner = part.get("oneOf") or part.get("anyOf")
    if inner:
        return [option for item in inner for option in value_options(item, whole)]
    return [resolve_reference(part, whole)]


def resolve_reference(part: Schema, whole: Schema) -> Schema:
    """The part itself, or the definition that it refers to."""
    reference = part.get("$ref")
    return whole["$defs"][reference.rpartition("/")[2]] if reference else part


def kind_in_words(part: Schema, whole: Schema) -> str:
    """The kind of a value in words, alternatives joined with "or".

    `part` is its schema, `whole` the root schema, which holds the definitions that it refers to.
    """
    words = [type_word(option, whole) for option in value_options(part, whole)]
    return table_cell(" or ".join(dict.fromkeys(word for word in words if word)))


def of_names(option: Schema) -> Schema | None:
    """The schema of the values of an object whose keys are names that the user chooses; None for another object."""
    by_pattern = list(option.get("patternProperties", {}).values())
    named = option.get("additionalProperties") or None
    return by_pattern[0] if by_pattern else named if isinstance(named, dict) else None


def pattern_in_words(kind: Any) -> str:
    """The pattern in the JSON schema of a type."""
    return str(TypeAdapter[Any](kind).json_schema()["pattern"])


MEASURES = {pattern_in_words(Size): "size", pattern_in_words(Duration): "duration"}
WORDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": ""}


def type_word(option: Schema, whole: Schema) -> str:
    """The kind of a value with one schema, in words. "anything" for a kind without a word of ours."""
    if list(option.get("properties", {})) == ["none"]:
        return "`none: why`"
    if list(option.get("properties", {})) == ["undecided"]:
        return "`undecided: what was seen`"
    if "enum" in option or "const" in option:
        return ", ".join(f"`{item}`" for item in option.get("enum", [option.get("const")]))
    if option.get("type") == "array":
        return f"list of {kind_in_words(option.get('items', {}), whole)}"
    if option.get("type") == "object":
        named = of_names(option)
        return f"names, each with {kind_in_words(named, whole)}" if named else "keys, see below"
    plain = "day" if option.get("format") == "date" else WORDS.get(option.get("type", ""), "anything")
    return MEASURES.get(option.get("pattern", ""), plain)
