"""Settings of dockerd, from its command line and from its file: known keys only, since others may hold passwords."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fleetkeeper.topics.engine.facts import Values
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

SWITCHES = frozenset({"debug", "icc", "iptables", "tls", "tlsverify", "userland-proxy", "no-new-privileges"})
TEXTS = frozenset(
    {
        "cgroup-parent",
        "config-file",
        "containerd",
        "group",
        "host",
        "log-level",
        "metrics-addr",
        "seccomp-profile",
        "tlscacert",
        "tlscert",
        "tlskey",
    }
)
LISTS = {"hosts": "host", "storage-opts": "storage-opt"}
"""Keys of the file that are lists, each with the name that a single one has on the command line."""
SHORT = {"H": "host", "D": "debug", "l": "log-level", "G": "group"}
REPEATED = ("host", "storage-opt", "default-ulimit")
"""Options that add up when they stand several times; of the others the last one counts."""
BOOLEANS = dict.fromkeys(("1", "t", "true"), "true") | dict.fromkeys(("0", "f", "false"), "false")
"""How Go's strconv.ParseBool reads a switch on the command line."""
ULIMITS = "default-ulimits"


def parse_options(words: Sequence[str]) -> Values:
    """The known options on a command line of dockerd, without its first word.

    >>> parse_options(["-H", "fd://", "--icc=false", "--debug", "--log-level", "warn", "--http-proxy=http://u:p@x"])
    {'host': ('fd://',), 'icc': ('false',), 'debug': ('true',), 'log-level': ('warn',)}
    >>> parse_options(["-DHtcp://192.0.2.1:2375", "--iptables=0", "--log-level=info", "--log-level=error"])
    {'debug': ('true',), 'host': ('tcp://192.0.2.1:2375',), 'iptables': ('false',), 'log-level': ('error',)}
    """
    values: Values = {}
    left = list(words)
    while left and left[0] != "--":
        for name, written in options_in(left.pop(0)):
            if name in SWITCHES:
                text = ("true" if written is None else written).lower()
                values[name] = (BOOLEANS.get(text, text),)
            elif name in TEXTS or name in REPEATED:
                text = written if written is not None else (left.pop(0) if left else "")
                kept = text.partition("=")[0] if name in ("storage-opt", "default-ulimit") else text
                values[name] = (*values.get(name, ()), kept) if name in REPEATED else (kept,)
    return values


def options_in(word: str) -> Iterator[tuple[str, str | None]]:
    """The options in one word of a command line, each with its value; None where that is not in the same word.

    Short switches may stand together, and the value of a short option right behind it, as pflag takes them.

    >>> list(options_in("--icc=false")), list(options_in("-DH=fd://")), list(options_in("-l")), list(options_in("x"))
    ([('icc', 'false')], [('debug', None), ('host', 'fd://')], [('log-level', None)], [])
    """
    if word.startswith("--"):
        key, equals, value = word.removeprefix("--").partition("=")
        yield key, value if equals else None
        return
    letters = word[1:] if word.startswith("-") else ""
    while letters:
        name, letters = SHORT.get(letters[0], ""), letters[1:]
        if name in SWITCHES and not letters.startswith("="):
            yield name, None
            continue
        if name:
            yield name, letters.removeprefix("=") if letters else None
        return


def parse_settings(text: str) -> Values:
    """The known settings in the text of daemon.json; none in an empty one.

    >>> parse_settings('{"icc": false, "hosts": ["fd://"], "proxies": {"http-proxy": "http://u:p@x"}}')
    {'icc': ('false',), 'host': ('fd://',)}

    Raises Unobservable for text that is no JSON object, has a key twice, or has a value of another kind.
    """
    if not text.strip():
        return {}
    try:
        document = json.loads(text, object_pairs_hook=single_keys)
    except RecursionError:
        raise Unobservable("the engine's settings are nested too deep to read") from None
    except ValueError as why:
        raise Unobservable(f"the engine's settings are no JSON: {one_line(str(why))[:200]}") from None
    if not isinstance(document, dict):
        raise Unobservable("the engine's settings are no JSON object")
    kept = {str(key): value for key, value in document.items() if is_kept(key)}
    return {LISTS.get(key, key): setting_texts(key, value) for key, value in kept.items()}


def is_kept(key: str) -> bool:
    """Whether a key of the file is one that rules read."""
    return key in SWITCHES or key in TEXTS or key in LISTS or key == ULIMITS


def single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The object with these keys. Raises Unobservable where one stands twice: the engine takes only one of them."""
    keys = [key for key, _ in pairs]
    if twice := sorted({key for key in keys if keys.count(key) > 1}) if len(set(keys)) < len(keys) else []:
        raise Unobservable(f"{one_line(twice[0])[:60]} stands twice in the engine's settings", hint="keep one of them")
    return dict(pairs)


def setting_texts(key: str, value: Any) -> tuple[str, ...]:
    """The value of one known key as texts. Raises Unobservable for one of another kind than dockerd takes."""
    if key in SWITCHES and isinstance(value, bool):
        return ("true" if value else "false",)
    if key in TEXTS and isinstance(value, str):
        return (value,)
    if key in LISTS and isinstance(value, list) and all(isinstance(item, str) for item in value):
        return tuple(item.partition("=")[0] if key == "storage-opts" else item for item in value)
    if key == ULIMITS and isinstance(value, dict):
        return tuple(value)
    raise Unobservable(f"{key} in the engine's settings has a value of another kind than it should")
