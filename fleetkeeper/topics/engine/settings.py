"""Settings of dockerd, from its command line and from its file: known keys only, since others may hold passwords."""

from __future__ import annotations

import json
from collections.abc import Sequence
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
        "seccomp-profile",
        "tlscacert",
        "tlscert",
        "tlskey",
    }
)
LISTS = {"hosts": "host", "storage-opts": "storage-opt"}
"""Keys of the file that are lists, each with the name that a single one has on the command line."""
SHORT = {"-H": "host", "-D": "debug", "-l": "log-level", "-G": "group"}
ULIMITS = "default-ulimits"


def parse_options(words: Sequence[str]) -> Values:
    """The known options on a command line of dockerd, without its first word.

    >>> parse_options(["-H", "fd://", "--icc=false", "--debug", "--log-level", "warn", "--http-proxy=http://u:p@x"])
    {'host': ('fd://',), 'icc': ('false',), 'debug': ('true',), 'log-level': ('warn',)}
    """
    values: Values = {}
    left = list(words)
    while left:
        word = left.pop(0)
        key, equals, value = word.partition("=")
        name = SHORT.get(key, key.removeprefix("--") if key.startswith("--") else "")
        if name in SWITCHES:
            values[name] = ((value if equals else "true").lower(),)
        elif name in TEXTS or name in ("storage-opt", "default-ulimit"):
            given = value if equals else (left.pop(0) if left else "")
            kept = given.partition("=")[0] if name in ("storage-opt", "default-ulimit") else given
            values[name] = (*values.get(name, ()), kept)
    return values


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
