"""Formatting of values as YAML that every parser reads alike."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

from fleetkeeper.untrusted import yaml_text

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*|[0-9]{1,3}(\.[0-9]{1,3}){3}", re.ASCII)
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})


def flow(keys: Mapping[str, object]) -> str:
    """A mapping in flow style, on one line. Keys are written as they are: the caller passes plain words."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in keys.items()) + "}"


def scalar(value: object) -> str:
    """A value in flow style; text is in quotes unless it is unambiguous. Each item of a list so.

    >>> scalar("ops"), scalar("10:22"), scalar(["a", "b c"]), scalar(True), scalar("60 GiB")
    ('ops', '"10:22"', '[a, "b c"]', 'true', '60 GiB')
    """
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(scalar(item) for item in value)}]"
    text = str(value)
    plain = PLAIN.fullmatch(text) and text.lower() not in WORDS
    size = re.fullmatch(r"[0-9.]+ [kMGT]?i?B", text)
    return text if plain or size else yaml_text(text)
