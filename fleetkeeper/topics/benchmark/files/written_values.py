"""How the values of a service in a stack or Compose file are read: switches, sizes, ports, mounts, health checks."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import Any

from fleetkeeper.readers.compose.interpolation import Value

TRUE = ("true", "yes", "on", "y", "t", "1")
FALSE = ("", "false", "no", "off", "n", "f", "0")
UNITS = {"": 1, "b": 1, "k": 2**10, "kb": 2**10, "m": 2**20, "mb": 2**20, "g": 2**30, "gb": 2**30, "t": 2**40}
SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?)\s*([a-z]{0,2})", re.ASCII)
RANGE = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?", re.ASCII)
PORT = re.compile(r"(?:(?P<host>.*):)?(?P<inside>[0-9]+(?:-[0-9]+)?)(?:/(?P<protocol>[a-z]+))?", re.ASCII)
MOST_PORTS = 1000
Fields = dict[str, Any]


class UnclearValue(ValueError):
    """A value is none that Docker takes, or none that can be read here: what it is, in words."""


def text_of(value: Value) -> str:
    """A single value as text; empty without one. Raises UnclearValue for a list or a mapping."""
    if isinstance(value, list | dict):
        raise UnclearValue("a list or mapping where a single value belongs")
    return value or ""


def switch_of(value: Value) -> bool:
    """Whether a switch is on; off without one. Raises UnclearValue for what is neither.

    >>> switch_of("yes"), switch_of("1"), switch_of(None)
    (True, True, False)
    """
    text = text_of(value).strip().lower()
    if text not in (*TRUE, *FALSE):
        raise UnclearValue(f"{text[:40]!r} is neither true nor false")
    return text in TRUE


def listed_of(value: Value) -> list[Value]:
    """The items of a list; none without one. Raises UnclearValue for anything else."""
    if value is not None and not isinstance(value, list):
        raise UnclearValue("no list where one belongs")
    return value or []


def texts_of(value: Value) -> list[str]:
    """The items of a list as texts. Raises UnclearValue for anything else."""
    return [text_of(item) for item in listed_of(value)]


def mapping_of(value: Value) -> dict[str, Value]:
    """The members of a mapping; none without one. Raises UnclearValue for anything else."""
    if value is not None and not isinstance(value, dict):
        raise UnclearValue("no mapping where one belongs")
    return value or {}


def size_of(value: Value) -> int:
    """A size in bytes; 0 without one. Raises UnclearValue for anything else.

    >>> size_of("1.5G"), size_of("512m"), size_of(None)
    (1610612736, 536870912, 0)
    """
    text = text_of(value).strip().lower()
    match = SIZE.fullmatch(text) if text else None
    if text and (not match or match[2] not in UNITS):
        raise UnclearValue(f"{text[:40]!r} is no size")
    return int(float(match[1]) * UNITS[match[2]]) if match else 0


def number_of(text: str, least: float = 0) -> float:
    """A number; 0 for an empty text. Raises UnclearValue for anything else."""
    if not text:
        return 0
    if not re.fullmatch(r"-?[0-9]{1,12}(\.[0-9]{1,9})?", text, re.ASCII):
        raise UnclearValue(f"{text[:40]!r} is no number")
    return max(least, float(text))


def node_path(source: str, folder: str = "") -> str:
    """A path of the node in one spelling; one that begins at the file's own folder stays as it is.

    One that leaves that folder is a path from `folder`, where the file is.

    >>> [node_path(source) for source in ("~/.ssh", "/srv/../etc/", "//var/run//docker.sock", "./../x")]
    ['/root/.ssh', '/etc', '/var/run/docker.sock', './../x']
    >>> [node_path(source, "/srv/app") for source in ("./../../etc", "../../../../etc", "./x/../y")]
    ['/etc', '/etc', './x/../y']
    """
    path = re.sub(r"^~(?=/|$)", "/root", source)
    if folder and posixpath.normpath(path).startswith(".."):
        path = posixpath.join(folder, path)
    return "/" + posixpath.normpath(path).lstrip("/") if path.startswith("/") else path


def device_paths(value: Value) -> Iterator[str]:
    """The paths on the node of devices, from their short or long form."""
    for item in listed_of(value):
        yield text_of(item.get("source")) if isinstance(item, dict) else text_of(item).partition(":")[0]


def short_mount(text: str) -> tuple[str, str, list[str]]:
    """Source, target and options of `SOURCE:TARGET:OPTIONS`; a single path is a volume without a name.

    >>> short_mount("/etc:/x:ro,rshared"), short_mount("/data")
    (('/etc', '/x', ['ro', 'rshared']), ('', '/data', []))
    """
    source, _, rest = text.partition(":")
    target, _, options = rest.partition(":")
    return (source, target, options.split(",") if options else []) if rest else ("", source, [])


def restart_policy(policy: Mapping[str, Value], restart: str, *, stack: bool) -> Fields:
    """The policy of restarts: that of `deploy`, else of `restart`. A stack without one restarts for ever."""
    if policy or stack:
        how = {"none": "no", "on-failure": "on-failure"}.get(text_of(policy.get("condition")), "always")
        return {"Name": how, "MaximumRetryCount": int(number_of(text_of(policy.get("max_attempts"))))}
    name, _, count = restart.partition(":")
    return {"Name": name or "no", "MaximumRetryCount": int(number_of(count))}


def health_test(value: Value) -> list[str]:
    """The test of a health check as `docker inspect` has it: ["NONE"] where it is switched off, empty without one."""
    check = value if isinstance(value, dict) else {}
    if text_or_nothing(check.get("disable")).lower() in TRUE:
        return ["NONE"]
    test = check.get("test")
    if isinstance(test, list):
        return [text_or_nothing(item) for item in test]
    return ["CMD-SHELL", text_or_nothing(test)] if test else []


def text_or_nothing(value: Value) -> str:
    """A single value as text; empty for anything else."""
    return value if isinstance(value, str) else ""


def port_rows(item: Value) -> Iterator[tuple[str, str, str]]:
    """Port of the container with its protocol, address and port of the node, for each port that an entry publishes.

    The port of the node is empty where the engine chooses one. Raises UnclearValue.

    >>> list(port_rows("127.0.0.1:8080-8081:80-81")), list(port_rows("53/udp")), list(port_rows("[::1]:80:80"))[0][1]
    ([('80/tcp', '127.0.0.1', '8080'), ('81/tcp', '127.0.0.1', '8081')], [('53/udp', '', '')], '::1')
    """
    if isinstance(item, dict):
        inside, protocol = text_of(item.get("target")), text_of(item.get("protocol"))
        address, outside = text_of(item.get("host_ip")), text_of(item.get("published"))
    else:
        match = PORT.fullmatch(text_of(item).strip())
        if not match:
            raise UnclearValue(f"{text_of(item)[:40]!r} is no port")
        inside, protocol = match["inside"], match["protocol"] or ""
        address, _, outside = (match["host"] or "").rpartition(":")
    within, without = port_range(inside), port_range(outside) if outside else [""]
    if len(without) == 1:
        without = without * len(within)
    yield from (
        (f"{port}/{protocol or 'tcp'}", address.strip("[]"), published)
        for port, published in zip(within, without, strict=len(within) > 1)
    )


def port_range(text: str) -> list[str]:
    """The ports of a range. Raises UnclearValue."""
    match = RANGE.fullmatch(text)
    if not match:
        raise UnclearValue(f"{text[:40]!r} is no port")
    first, last = int(match[1]), int(match[2] or match[1])
    if not first <= last <= first + MOST_PORTS:
        raise UnclearValue(f"{text[:40]!r} is no range of ports")
    return [str(port) for port in range(first, last + 1)]
