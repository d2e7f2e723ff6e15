"""Compose's hash of a service as other versions of it make it, and for one that names the container of another.

Compose up to 2.26 hashes `depends_on` too, and leaves out variables without a value; later ones do the reverse, and
since 2.33 they leave out `profiles`. So that a container is recognised whatever version made it, the hash is made here
in each way, from Compose's own model of the service. That is used only where one of them is the hash that Compose here
printed.

Before Compose hashes a service that shares the network, the processes or the volumes of another one, it writes the id
of that one's container into it. Only the node knows the id, so the hash is made again with it.

Source: https://github.com/docker/compose/blob/main/pkg/compose/hash.go; measured with versions 2.20.3, 2.26.1, 2.29.7,
2.33.1 and 2.40.3; docs/cases.md 90.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from fleetkeeper.readers.json_documents import Json, json_document, listed, mapping, part, text_in
from fleetkeeper.transport.commands import Unobservable

NAMESPACES = ("network_mode", "ipc", "pid")
OF_SERVICE, OF_CONTAINER = "service:", "container:"
NOT_HASHED = frozenset({"build", "develop", "pull_policy", "scale"})
DROPPED = (("depends_on", "profiles"), ("depends_on",), ())
"""What versions leave out besides: since 2.33, from 2.29 on, and up to 2.26."""
ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
"""What Go's encoding/json writes otherwise than Python's."""


def hashed_texts(service: Json) -> list[str]:
    """The texts whose hash is that of a service in Compose's model, one for each way in which versions make it.

    >>> hashed_texts({"image": "a", "command": ["$$x", "<"], "depends_on": {"b": {}}, "scale": 2})[0]
    '{"image":"a","command":["$x","\\\\u003c"]}'
    """
    texts = (go_json(unescaped_value(each)) for each in hashed_settings(service))
    return list(dict.fromkeys(texts))


def hashed_settings(service: Json) -> Iterator[Json]:
    """The settings that are hashed, without and with what only some versions hash."""
    hashed = {key: value for key, value in service.items() if key not in NOT_HASHED}
    if deploy := part(service, "deploy"):
        hashed["deploy"] = {key: value for key, value in deploy.items() if key != "replicas"}
    with_values = {name: value for name, value in part(service, "environment").items() if value is not None}
    for settings in (
        hashed,
        {**hashed, "environment": with_values} if with_values else without_settings(hashed, "environment"),
    ):
        for dropped in DROPPED:
            yield without_settings(settings, *dropped)


def without_settings(settings: Json, *names: str) -> Json:
    """Settings without those of these names."""
    return {name: value for name, value in settings.items() if name not in names}


def unescaped_value(value: Any) -> Any:
    """A value of the model with each `$$` as the one `$` that it stands for."""
    if isinstance(value, str):
        return value.replace("$$", "$")
    if isinstance(value, list):
        return [unescaped_value(item) for item in value]
    return {name: unescaped_value(item) for name, item in value.items()} if isinstance(value, dict) else value


def go_json(value: object) -> str:
    """A value as Go's encoding/json writes it."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return "".join(ESCAPES.get(char, char) for char in text)


def hash_of(text: str) -> str:
    """SHA-256 of a text, as Compose prints it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def shares_with_others(service: Json) -> bool:
    """Whether a service names another one, or a container, whose network, processes or volumes it shares."""
    shared = any(text_in(service, key).startswith(OF_SERVICE) for key in NAMESPACES)
    return shared or bool(listed(service, "volumes_from"))


def hash_with_ids(text: str, ids: Mapping[str, str]) -> str:
    """The hash of a text of `hashed_texts`, with ids of containers by their service. "" where one is missing."""
    try:
        service = dict(mapping(json_document(text, "Compose"), "service"))
        for key in NAMESPACES:
            if (name := text_in(service, key)).startswith(OF_SERVICE):
                service[key] = OF_CONTAINER + ids[name.removeprefix(OF_SERVICE)]
        if "volumes_from" in service:
            service["volumes_from"] = [container_id(str(each), ids) for each in listed(service, "volumes_from")]
    except (KeyError, Unobservable):
        return ""
    return hash_of(go_json(service))


def container_id(source: str, ids: Mapping[str, str]) -> str:
    """The id of a container that Compose makes of an item of `volumes_from`. Raises KeyError without one."""
    first, _, rest = source.partition(":")
    return rest.partition(":")[0] if f"{first}:" == OF_CONTAINER else ids[first]
