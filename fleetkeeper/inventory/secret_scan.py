"""Detection of secrets that were written into an inventory; messages never show them.

An inventory names the variable, file or command that gives a secret; it is committed, mailed and printed. A value that
looks like a secret is refused: by the name of its key, by well-known shapes of tokens and keys, or because it is
random.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from fleetkeeper.inventory.strict_yaml import Path

SECRETIVE = re.compile(
    r"(?i)(^|[_-])(password|passwd|passphrase|secret|token|credentials?|api[_-]?key|private[_-]?key)$"
)
SHAPES = (
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*"),
    re.compile(r"(?<=[a-z0-9+.-])://[^\s/:@]*:(?P<value>[^\s/@]+)@"),
    re.compile(r"(?i)(?:password|passwd|secret|token|api[_-]?key)(?:\s*=\s*|:(?=\S))['\"]?(?P<value>[^\s$'\"]+)"),
    re.compile(r"\b(?:gh[pousr]_|github_pat_|glpat-|xox[abprs]-|sk_live_|hvs\.)[A-Za-z0-9_-]{10,}"),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
    re.compile(r"(?<![A-Za-z0-9:])[0-9a-f]{32,}(?![A-Za-z0-9])"),
)
PUBLIC = re.compile(r"sha256:[0-9a-f]{64}|SHA256:[A-Za-z0-9+/]{43}=?|(?:ssh|ecdsa)-[a-z0-9-]+ AAAA[A-Za-z0-9+/]+=*")
RUN = re.compile(r"[A-Za-z0-9_+-]{20,}={0,2}")
VARIABLES = frozenset({("sentry", "token"), ("github", "token")})
"""Keys with such a name whose value is the name of a variable, in capitals."""
HINT = "name the variable, file or command that gives it instead, and change the secret: it has been written down"


def find_leaks(data: Any, path: Path = ()) -> Iterator[tuple[Path, str]]:
    """The path of each secret in the data, and the value that must not be shown.

    Any text or number but "" and 0 under a key such as `password`, and what looks like a secret in any other text.
    """
    if isinstance(data, dict):
        for key, value in data.items():
            yield from find_leaks(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from find_leaks(value, (*path, index))
    elif isinstance(data, str | int) and data and data is not True and is_secretive(path, str(data)):
        yield path, str(data)
    elif isinstance(data, str):
        yield from ((path, value) for value in find_secrets(data))


def is_secretive(path: Path, text: str) -> bool:
    """Whether what stands under a key is a secret by the key's name alone.

    >>> is_secretive(("x", "token"), "PRODUCTION_TOKEN"), is_secretive(("sentry", "token"), "PRODUCTION_TOKEN")
    (True, False)
    """
    if path in VARIABLES and re.fullmatch(r"[A-Z_][A-Z0-9_]{0,127}", text, re.ASCII):
        return False
    return bool(path and SECRETIVE.search(str(path[-1])))


def secrets_in_comments(text: str) -> Iterator[tuple[int, str]]:
    """The line (from 1) and the value of each secret in a comment: all that stands behind the first `#` of a line."""
    for number, line in enumerate(text.split("\n"), start=1):
        for value in find_secrets(line.partition("#")[2]):
            yield number, value


def find_secrets(text: str) -> Iterator[str]:
    """The parts of a text that look like secrets, maybe one twice. Digests (`sha256:…`) and public keys are none.

    >>> list(find_secrets("postgres://rodan:hunter2@db/rodan"))
    ['hunter2']
    >>> list(find_secrets("/var/lib/docker/volumes/rodan_pg_backup/_data, image@sha256:" + 64 * "a"))
    []
    """
    private = PUBLIC.sub(" ", text)
    for shape in SHAPES:
        for match in shape.finditer(private):
            yield match.groupdict().get("value") or match[0]
    yield from (run for run in RUN.findall(private) if looks_random(run))


def looks_random(run: str) -> bool:
    """Whether letters, capitals and digits alternate as often as in a random token; in words and dates they do not.

    False without one of the three kinds, and for less than 18 of them.

    >>> looks_random("pX7vT2kQ9aLmZ4rB8sNd")
    True
    >>> looks_random("backup_YYYY_MM_DDTHH_MM_SS"), looks_random("rodan-Main-Service-2024")
    (False, False)
    """
    letters = re.sub(r"[^A-Za-z0-9]", "", run)
    kinds = ["d" if c.isdigit() else "u" if c.isupper() else "l" for c in letters]
    changes = sum(a != b for a, b in pairwise(kinds))
    return len(letters) >= 18 and len(set(kinds)) == 3 and changes >= 0.42 * len(letters)
