"""JSON that a node printed: within a budget of elements, since parsing it holds up the looks at all other nodes.

60 MiB of `{},` would take minutes and gigabytes here. What is too much, too deep or no JSON at all is unknown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

MOST_ELEMENTS = 1_000_000
"""Elements of one answer: what `docker inspect` says about 2,000 containers, and a second or two of work."""
BLANKS = re.compile(r"[ \t\r\n]*")
Json = Mapping[str, Any]


def json_document(text: str, printer: str) -> Any:
    """The one document that a text is. `printer` is who printed it, for the message. Raises Unobservable.

    >>> json_document('[{"Id": 1}]', "docker")
    [{'Id': 1}]
    """
    matches = list(json_documents(text, printer))
    if len(matches) != 1:
        raise Unobservable(f"{printer} printed {len(matches) or 'no'} documents where one was asked for")
    return matches[0]


def json_documents(text: str, printer: str) -> Iterator[Any]:
    """The documents that follow each other in a text. Raises Unobservable at the first that cannot be read.

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
    """Where the blanks end that begin there."""
    match = BLANKS.match(text, at)
    return match.end() if match else at


def refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def part(of: Json, key: str) -> Json:
    """A nested object, or an empty one where it is left out or null. Raises Unobservable for anything else."""
    match = of.get(key)
    return {} if match is None else mapping(match, key)


def mapping(match: object, key: str) -> Json:
    """A nested object. Raises Unobservable for anything else."""
    if not isinstance(match, Mapping):
        raise Unobservable(f"{one_line(key[:60])} is no object of JSON")
    return match


def listed(of: Json, key: str) -> list[Any]:
    """A list, or an empty one where it is left out or null. Raises Unobservable for anything else."""
    match = of.get(key)
    if match is not None and not isinstance(match, list):
        raise Unobservable(f"{key} is no list")
    return match or []


def parts(of: Json, key: str) -> list[Json]:
    """A list of objects. Raises Unobservable for anything else."""
    return [mapping(item, key) for item in listed(of, key)]


def texts(of: Json, key: str) -> tuple[str, ...]:
    """A list of texts. Raises Unobservable for anything else."""
    return tuple(text_in({key: item}, key) for item in listed(of, key))


def text_in(of: Json, key: str, default: str = "") -> str:
    """A text; `default` where it is left out, null or empty. Raises Unobservable for anything else.

    >>> text_in({"Name": "db"}, "Name"), text_in({}, "Name"), text_in({"Role": None}, "Role", "worker")
    ('db', '', 'worker')
    """
    match = of.get(key)
    if match is not None and not isinstance(match, str):
        raise Unobservable(f"{one_line(key[:60])} is no text")
    return match or default


def flag_in(of: Json, key: str, default: bool = False) -> bool:
    """True or false; `default` where it is left out or null. Raises Unobservable for anything else."""
    match = of.get(key)
    if match is not None and not isinstance(match, bool):
        raise Unobservable(f"{key} is neither true nor false")
    return default if match is None else match
