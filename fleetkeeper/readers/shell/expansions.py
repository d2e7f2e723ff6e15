"""Expansions that end a shell: `${X:?}` of a variable that is not set, and forms that dash does not have."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Part, Word

REQUIRED = re.compile(r"(\w+):?\?", re.ASCII)
BASHISM = re.compile(r"!\w|[\w@*]+(?:/|\^|,|\[|@[A-Z]|:[ ]?[(0-9])|[\w@*]+: -[0-9]", re.ASCII)
ARRAY = "an array"
"""The name of the unknown value of an array."""


def expand(words: Iterable[Word], context: Context) -> Truth:
    """Whether the shell goes on after it has expanded these words, as they are written."""
    result = YES
    for part in [part for word in words for part in word if part.kind == "variable"]:
        result = both(result, expand_one(part, context))
    return result


def expand_one(part: Part, context: Context) -> Truth:
    """Whether the shell goes on after it has expanded one variable."""
    if context.around.shell == "dash" and (part.text == ARRAY or BASHISM.match(part.text)):
        return Truth(False, f"dash, which is /bin/sh here, has no {'arrays' if part.text == ARRAY else 'such `${…}`'}")
    required = REQUIRED.match(part.text)
    if required is None or context.variables.get(required[1]):
        return YES
    return Truth(None, f"whether `{required[1][:40]}`, without which its script ends, is set cannot be told")


def split_fields(written: Word, expanded: Word) -> list[Word]:
    """The words that a word becomes once its variables are known: none or several for a variable without quotes.

    >>> [len(split_fields((Part("variable", "X"),), (Part("text", text),))) for text in ("docker exec c", "x", "")]
    [3, 1, 0]
    """
    bare = len(written) == 1 and written[0].kind == "variable"
    if not bare or any(part.kind != "text" for part in expanded):
        return [expanded]
    fields = re.split("[ \t\n]+", "".join(part.text for part in expanded))
    return [(Part("text", field),) for field in fields if field]
