"""Parsing of JSON that a node printed, with a limit on its elements: parsing holds up the looks at all other nodes.

60 MiB of `{},` would take minutes and gigabytes here. Text that is too large, too deep or no JSON is Unobservable.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

MOST_ELEMENTS = 1_000_000
"""Limit of one answer: what `docker inspect` prints about 2,000 containers, and a second or two of work."""
BLANKS = re.compile(r"[ \t\r\n]*")
Json = Mapping[str, Any]


def json_document(text: str, printer: str) -> Any:
    """The value of the only JSON document in a text. `printer` names the program in messages.

    Raises Unobservable when there is no document or more than one, and as `json_documents` does.

    >>> json_document('[{"Id": 1}]', "docker")
    [{'Id': 1}]
    """
    matches = list(json_documents(text, printer))
    if len(matches) != 1:
        raise Unobservable(f"{printer} printed {len(matches) or 'no'} documents where one was asked for")
    return matches[0]


def json_documents(text: str, printer: str) -> Iterator[Any]:
    """The values of the JSON documents that follow each other in a text. `printer` names the program in messages.

    Raises Unobservable for more than MOST_ELEMENTS elements, and at the first document that cannot be read. The
    documents before it are given.

    >>> list(json_documents('{"a": 1}\\n[]\\n', "docker"))
    [{'a': 1}, []]
    """
    if sum(map(text.count, ",:[{")) > MOST_ELEMENTS:
        raise Unobservable(f"{printer} printed more than {MOST_ELEMENTS:,} elements: that is not looked through")
    decoder = json.JSONDecoder(parse_constant=refuse_constant)
    at = end_of_blanks(text, 0)
    while at < len(text):
        try:
            document, at = decoder.raw_decode(text, at)
        except RecursionError:
            raise Unobservable(f"{printer} printed something that is nested too deep to read") from None
        except ValueError as odd:
            raise Unobservable(f"{printer} printed something that is not JSON: {str(odd)[:200]}") from None
        yield document
        at = end_of_blanks(text, at)


def end_of_blanks(text: str, at: int) -> int:
    """The index of the first character from `at` on that is no blank."""
    match = BLANKS.match(text, at)
    return match.end() if match else at


def refuse_constant(constant: str) -> NoReturn:
    """Raise ValueError for NaN and Infinity, which Python's parser accepts.

    It is the parser's callback: `constant` is the word.
    """
    raise ValueError(f"{constant} is no number")


def part(document: Json, key: str) -> Json:
    """The object under a key; an empty one where the key is missing or null. Raises Unobservable for anything else."""
    match = document.get(key)
    return {} if match is None else mapping(match, key)


def mapping(match: object, key: str) -> Json:
    """The value itself, if it is an object. Raises Unobservable for anything else; `key` names it in the message."""
    if not isinstance(match, Mapping):
        raise Unobservable(f"{one_line(key[:60])} is no object of JSON")
    return match


def listed(document: Json, key: str) -> list[Any]:
    """The list under a key; an empty one where the key is missing or null. Raises Unobservable for anything else."""
    match = document.get(key)
    if match is not None and not isinstance(match, list):
        raise Unobservable(f"{key} is no list")
    return match or []


def parts(document: Json, key: str) -> list[Json]:
    """The list of objects under a key; [] where the key is missing or null. Raises Unobservable for anything else."""
    return [mapping(item, key) for item in listed(document, key)]


def texts(document: Json, key: str) -> tuple[str, ...]:
    """The list of strings under a key; () where the key is missing or null. Raises Unobservable for anything else."""
    return tuple(text_in({key: item}, key) for item in listed(document, key))


def text_in(document: Json, key: str, default: str = "") -> str:
    """The string under a key; `default` where it is missing, null or empty. Raises Unobservable for anything else.

    >>> text_in({"Name": "db"}, "Name"), text_in({}, "Name"), text_in({"Role": None}, "Role", "worker")
    ('db', '', 'worker')
    """
    match = document.get(key)
    if match is not None and not isinstance(match, str):
        raise Unobservable(f"{one_line(key[:60])} is no text")
    return match or default


def flag_in(document: Json, key: str, default: bool = False) -> bool:
    """The boolean under a key; `default` where it is missing or null. Raises Unobservable for anything else."""
    match = document.get(key)
    if match is not None and not isinstance(match, bool):
        raise Unobservable(f"{key} is neither true nor false")
    return default if match is None else match
