"""Settings that are seen both in Compose's model of a service and of its container, in words by their names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from posixpath import join, normpath

from fleetkeeper.readers.json_documents import Json, flag_in, listed, part, parts, text_in
from fleetkeeper.topics.containers.facts import Container, Port

EVERY_ADDRESS = ("", "0.0.0.0", "::")  # noqa: S104 - compared, never listened on
ANONYMOUS = re.compile(r"[0-9a-f]{64}")
MOUNT, PORT, READ_ONLY = "mount ", "port ", ", read-only"
RESTART_WORDS = {"": "no", "none": "no", "any": "always"}
"""Conditions of `deploy.restart_policy`. One without a condition is none for Compose, also over `restart: always`."""
NO_PORT = ("", "0")
CHOSEN = "one that Docker chooses"
WITHOUT_PORTS = ("host", "none")
SHARED = ("service:", "container:")


def declared_settings(service: Json, model: Json, directory: str) -> dict[str, str]:
    """The settings of a service in Compose's model of its project, which is started in a directory of the node.

    What Compose leaves to the image is not among them. Raises Unobservable for another shape.
    """
    return {
        **dict(plain_settings(service)),
        "restart": restart_in_words(service),
        **{MOUNT + target: words for target, words in declared_mounts(service, model, directory)},
        **{PORT + key: words for key, words in declared_ports(service)},
    }


def plain_settings(service: Json) -> Iterator[tuple[str, str]]:
    """Image, user, network mode, health check, privileges and capabilities, as far as the service has them."""
    if image := text_in(service, "image"):
        yield "image", image
    if user := text_in(service, "user"):
        yield "user", user
    if (mode := text_in(service, "network_mode")) and not mode.startswith(SHARED):
        yield "network mode", mode
    if flag_in(part(service, "healthcheck"), "disable"):
        yield "health check", "none"
    elif part(service, "healthcheck").get("test"):
        yield "health check", "one"
    yield "privileged", "yes" if flag_in(service, "privileged") else "no"
    for key, title in (("cap_add", "added capabilities"), ("cap_drop", "dropped capabilities")):
        yield title, capabilities_in_words(map(str, listed(service, key)))


def capabilities_in_words(names: Iterable[str]) -> str:
    """Capabilities in one spelling and order, or "none"."""
    return ", ".join(sorted(name.upper().removeprefix("CAP_") for name in names)) or "none"


def restart_in_words(service: Json) -> str:
    """The restart policy of a service as Docker has it: `no`, `always`, `unless-stopped`, `on-failure`, `on-failure:3`.

    >>> restart_in_words({}), restart_in_words({"restart": "on-failure:3"})
    ('no', 'on-failure:3')
    >>> restart_in_words({"restart": "always", "deploy": {"restart_policy": {"condition": "none"}}})
    'no'
    """
    policy = part(service, "deploy").get("restart_policy")
    if not isinstance(policy, dict):
        return text_in(service, "restart", "no").removesuffix(":0")
    condition, attempts = text_in(policy, "condition"), policy.get("max_attempts")
    word = RESTART_WORDS.get(condition, condition)
    return f"{word}:{attempts}" if attempts and word == "on-failure" else word


def declared_mounts(service: Json, model: Json, directory: str) -> Iterator[tuple[str, str]]:
    """Target and words of each volume or directory of the node that a service has."""
    for mount in parts(service, "volumes"):
        kind, source, target = (text_in(mount, key) for key in ("type", "source", "target"))
        if kind not in ("volume", "bind") or not source or source.startswith("~"):
            continue
        if kind == "volume":
            source = text_in(part(part(model, "volumes"), source), "name", source)
        else:
            source = normpath(join(directory, source))
        yield normpath(target), mount_in_words(kind, source, read_only=flag_in(mount, "read_only"))


def mount_in_words(kind: str, source: str, *, read_only: bool) -> str:
    """A mount in words.

    >>> mount_in_words("bind", "/srv/data", read_only=True)
    'bind /srv/data, read-only'
    """
    return f"{kind} {source}{READ_ONLY if read_only else ''}"


def declared_ports(service: Json) -> Iterator[tuple[str, str]]:
    """Port in the container and its ports on the node in words, where its network is its own."""
    if text_in(service, "network_mode") in WITHOUT_PORTS or text_in(service, "network_mode").startswith(SHARED):
        return
    published: dict[str, list[tuple[str, str]]] = {}
    for port in parts(service, "ports"):
        key = f"{port.get('target')}/{text_in(port, 'protocol', 'tcp')}"
        published.setdefault(key, []).append((text_in(port, "host_ip"), text_in(port, "published")))
    for key, bindings in published.items():
        fixed = all(number not in NO_PORT and number.isascii() and number.isdigit() for _, number in bindings)
        yield key, ports_in_words(bindings) if fixed else CHOSEN


def ports_in_words(bindings: Iterable[tuple[str, str]]) -> str:
    """Ports of the node, each with its address where it is not every address.

    >>> ports_in_words([("127.0.0.1", "80"), ("0.0.0.0", "443"), ("::", "443")])
    '127.0.0.1:80, 443'
    """
    words = {number if address in EVERY_ADDRESS else f"{address}:{number}" for address, number in bindings}
    return ", ".join(sorted(words))


def running_settings(container: Container) -> dict[str, str]:
    """The settings of a container, by the same names."""
    isolation = container.isolation
    settings = {
        "image": container.image,
        "user": container.user,
        "network mode": isolation.network,
        "health check": "one" if container.has_healthcheck else "none",
        "privileged": "yes" if isolation.privileged else "no",
        "added capabilities": capabilities_in_words(isolation.cap_add),
        "dropped capabilities": capabilities_in_words(isolation.cap_drop),
    }
    if container.restart:
        settings["restart"] = container.restart
    for mount in container.mounts:
        if mount.type in ("volume", "bind"):
            source = mount.name if mount.type == "volume" else mount.source
            settings[MOUNT + normpath(mount.destination)] = mount_in_words(mount.type, source, read_only=not mount.rw)
    published: dict[str, list[Port]] = {}
    for port in container.ports:
        if port.host is not None:
            published.setdefault(f"{port.container}/{port.protocol}", []).append(port)
    return settings | {
        PORT + key: ports_in_words((port.host_ip, str(port.host)) for port in ports) for key, ports in published.items()
    }


def unsettled_settings(fields: dict[str, str], twin: dict[str, str]) -> Iterator[str]:
    """The names of settings that are others in a twin, which has other values for what is not here.

    Where it has another mount or port, `mount ` or `port ` too: any may be added.
    """
    yield from (name for name in {**fields, **twin} if fields.get(name) != twin.get(name))
    strange = sorted(fields.keys() ^ twin.keys())
    yield from dict.fromkeys(kind for name in strange for kind in (MOUNT, PORT) if name.startswith(kind))


def different_settings(declared: dict[str, str], running: dict[str, str], unsettled: Collection[str]) -> list[str]:
    """The names of the settings that differ. Those that only one side shows count where their absence is certain.

    A container may have anonymous volumes of its image. Files that it gets as secrets and configs are not compared.
    """
    names = [name for name in declared if name not in unsettled]
    different = [name for name in names if name in running and running[name] != declared[name] != CHOSEN]
    different += [name for name in names if name not in running and name.startswith((MOUNT, PORT))]
    added = [name for name in running if name not in declared and is_added(name, running[name])]
    return [*different, *(name for name in added if not {MOUNT, PORT} & {*unsettled} & {name.partition(" ")[0] + " "})]


def is_added(name: str, words: str) -> bool:
    """Whether what a container has, and its service does not declare, is a port or a volume with a name."""
    kind, _, source = words.partition(" ")
    named = kind == "volume" and not ANONYMOUS.fullmatch(source.removesuffix(READ_ONLY))
    return name.startswith(PORT) or (name.startswith(MOUNT) and named)
