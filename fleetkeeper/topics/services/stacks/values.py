"""Values of environment variables, compared without being known: by a digest whose key is drawn for each run.

The node prints SHA-256 of the key and `"NAME=VALUE"` as Docker's client writes it in JSON; here the same is made of
what the stack file says. Two values are equal when their digests are, and a digest of one run says nothing in the
next. Digests stay in memory: a recording, a report and the state have the names of variables alone.

Whoever may audit a node can draw the key, and so can try whether a value that he guesses is the right one. He cannot
compute a value, as he could from the sums and polynomials that awk can count: three of those, of a text as short as a
password, give the text away. One process of `sha256sum` takes seven values, since 400 of them would take half a second.

Source: https://pkg.go.dev/encoding/json (as of Go 1.8 and of 1.22), sha256sum(1); docs/cases.md 71.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import partial

from fleetkeeper.readers.run_digests import text_digest

ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
SHORT_ESCAPES = {"\b": "\\b", "\f": "\\f"}
"""What Go writes since 1.22; before, and everything else below 0x20, as \\u00XX."""
HTML = "<>&"
SPECIAL = re.compile('[\x00-\x1f"\\\\<>&\u2028\u2029]')


def variable_digests(variable: str, key: str) -> tuple[str, ...]:
    """The digests that a node may print for `NAME=VALUE`: one for each way in which Docker's clients write it."""
    return tuple(dict.fromkeys(text_digest(text, key) for text in json_texts(variable)))


def value_digest(value: object, key: str) -> str:
    """The digest of a value of JSON, for what is seen as a whole on both sides."""
    return text_digest(json.dumps(value, sort_keys=True), key)


def json_texts(text: str) -> Iterator[str]:
    """A text as Go's encoding/json writes it, with and without escapes for HTML and the two that are new in 1.22.

    >>> list(dict.fromkeys(json_texts('A=<"')))
    ['"A=<\\\\""', '"A=\\\\u003c\\\\""']
    """
    for short in (SHORT_ESCAPES, {}):
        for plain in (HTML, ""):
            table = {**ESCAPES, **short, **{char: char for char in plain}}
            yield f'"{SPECIAL.sub(partial(escape_character, table), text)}"'


def escape_character(table: Mapping[str, str], match: re.Match[str]) -> str:
    """What stands for a matched character: the table's text, else \\uXXXX."""
    return table.get(match[0]) or f"\\u{ord(match[0]):04x}"
