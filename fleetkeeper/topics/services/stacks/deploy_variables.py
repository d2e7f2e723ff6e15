"""Variables for a stack file: their names from the inventory, their values from where the audit runs."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.services.policy import Stack

LARGEST = 256 * 1024
ASSIGNMENT = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")


@dataclass(frozen=True)
class StackVariables:
    """The variables of a stack. `values` must not be stored.

    `unset` are names that the inventory names and that are not set here, `missing` paths of files that are not here.
    """

    values: Mapping[str, str]
    unset: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


def stack_variables(stack: Stack, exported: Mapping[str, str]) -> StackVariables:
    """The values of a stack's variables: those of its files in their order, then those that are exported here.

    Of the environment those that the stack names, and all of `exported`.
    """
    values: dict[str, str] = {}
    missing: list[str] = []
    for path in stack.environment_files:
        try:
            values |= assignments(read_bounded(Path(path)).decode("utf-8", "replace"))
        except OSError:
            missing.append(path)
    values |= exported
    values |= {name: os.environ[name] for name in stack.environment if name in os.environ}
    return StackVariables(values, tuple(name for name in stack.environment if name not in values), tuple(missing))


def read_bounded(path: Path, most: int = LARGEST) -> bytes:
    """At most `most` bytes of a regular file, and one more if it has more. Raises OSError for anything else there."""
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no file")
    with path.open("rb") as file:
        return file.read(most + 1)


def assignments(text: str) -> dict[str, str]:
    """The variables that a file of `NAME=VALUE` lines sets when a shell sources it, for values without substitutions.

    >>> assignments("# x\\nTAG=1.2\\nexport HOST='a b'\\nlonely\\nEMPTY=\\nURL=a#b # c\\n")
    {'TAG': '1.2', 'HOST': 'a b', 'EMPTY': '', 'URL': 'a#b'}
    """
    lines = [line.removesuffix("\r") for line in split_lines(text)]
    return {match[1]: unquoted(match[2]) for line in lines if (match := ASSIGNMENT.fullmatch(line))}


def unquoted(value: str) -> str:
    """A value of an assignment without its quotes, or without a comment behind it."""
    for quote in "'\"":
        if value.startswith(quote) and quote in value[1:]:
            return value[1:].partition(quote)[0]
    return re.split(r"\s", value, maxsplit=1)[0]
