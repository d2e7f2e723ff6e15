"""The last lines that a task printed before it failed, without the secrets that its service was given.

They are only shown on the terminal: no journal and no report keeps what a program printed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.redact import WORDS, masked
from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.untrusted import one_line
from remediate.steps.put_content import ask_one

if TYPE_CHECKING:
    from fleetkeeper.transport.link import Link

LINES, WIDTH = 5, 200
LOGS = ("docker", "service", "logs", "--raw", "--tail", str(LINES))
LIMIT = 10.0
SHORT = 4
SECRET_NAME = re.compile(rf"(?i){WORDS}|pw|auth|key|dsn|pin|salt")
LONG_WORD = re.compile(r"[A-Za-z0-9+/=_-]{24,}")
PART = re.compile(r"[a-z0-9_-]*|[A-Za-z_-]*")
"""A name within a path, of small letters and digits or of letters alone."""


def last_words(link: Link, task: str, spec: Mapping[str, Any]) -> tuple[str, ...]:
    """The last lines that a task printed, secrets struck out; empty where they cannot all be struck out.

    `task` is its id (empty: none), `spec` the service's. A service with secrets of the swarm is not quoted: only it
    knows what is in them. Empty also when the log could not be read.
    """
    made = spec["TaskTemplate"]["ContainerSpec"]
    if not task or made.get("Secrets"):
        return ()
    try:
        answer = ask_one(link, Command((*LOGS, task), sudo=True, limit=LIMIT))
        answer.text()
    except Unobservable:
        return ()
    return strike_secrets((answer.out + b"\n" + answer.err).decode("utf-8", "replace"), secrets_of_service(made))


def strike_secrets(printed: str, hidden: Iterable[str]) -> tuple[str, ...]:
    """The last LINES lines of what was printed, each cut to WIDTH, without the values `hidden` and other secrets.

    What looks like a secret, also a long random word, becomes `***`.

    >>> strike_secrets("can't reach db as hunter2\\n", ["hunter2"])
    ("can't reach db as ***",)
    """
    for value in sorted(set(hidden), key=len, reverse=True):
        printed = printed.replace(value, "***")
    matches = [line.rstrip() for line in split_lines(LONG_WORD.sub(unless_random, masked(printed))) if line.strip()]
    return tuple(one_line(line)[:WIDTH] for line in matches[-LINES:])


def unless_random(match: re.Match[str]) -> str:
    """The matched long word, or `***`: one of letters and digits that is no path is taken for an undeclared key.

    >>> re.sub(LONG_WORD, unless_random, "/var/lib/postgresql/15/main/base 0123456789abcdef0123456789abcdef")
    '/var/lib/postgresql/15/main/base ***'
    """
    word = match[0]
    parts = word.split("/")
    if len(parts) > 1 and all(map(PART.fullmatch, parts)):
        return word
    return "***" if any(map(str.isdigit, word)) and any(map(str.isalpha, word)) else word


def secrets_of_service(made: Mapping[str, Any]) -> set[str]:
    """Every value that a service has in its environment or as `name=value` argument, in all its spellings.

    `made` is its ContainerSpec. Short values, such as `1` or `80`, count only where their name says that they are
    secret; a word without `=` never counts.
    """
    words = [*(made.get("Env") or ()), *(made.get("Command") or ()), *(made.get("Args") or ())]
    pairs = [str(word).partition("=")[::2] for word in words if "=" in str(word)]
    values = [value for name, value in pairs if len(value) >= SHORT or SECRET_NAME.search(name)]
    return {form for value in values for form in spellings_of(value) if form.strip()}


def spellings_of(value: str) -> Iterator[str]:
    """A value as a program may print it: quoted, encoded, line by line, or only the password of a URL."""
    yield from (value, quote(value, safe=""), unquote(value), json.dumps(value)[1:-1], repr(value)[1:-1])
    yield base64.b64encode(value.encode()).decode()
    yield from (line for line in value.splitlines() if len(line) >= SHORT)
    if password := password_of(value):
        yield from (password, unquote(password))


def password_of(value: str) -> str:
    """The password in a URL; empty for any other text.

    >>> password_of("postgres://rodan:hunter2@db:5432/rodan"), password_of("America/Toronto")
    ('hunter2', '')

    What merely looks like a URL has none.
    """
    try:
        return urlsplit(value).password or ""
    except ValueError:
        return ""
