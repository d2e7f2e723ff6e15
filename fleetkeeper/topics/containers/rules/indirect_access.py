"""What a container has of its node by way of another container, whose namespaces it joins.

`--network container:X` is the node's network where X has that. Source: docker run(1).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from fleetkeeper.topics.containers.facts import Container

OTHER = "container:"


def with_direct_access(container: Container, containers: Sequence[Container]) -> Container:
    """The container as if it had by itself the namespaces that it joins; `containers` are all of its node."""
    network, pid, ipc = (mode_in_effect(kind, container, containers) for kind in ("network", "pid", "ipc"))
    return replace(container, isolation=replace(container.isolation, network=network, pid=pid, ipc=ipc))


def mode_in_effect(kind: str, container: Container, containers: Iterable[Container]) -> str:
    """The mode of a namespace of a container: "host" where it is that of a container that shares the node's.

    `kind` is a field of its isolation. A circle, and a container that is gone, leave the mode as it is.

    >>> from fleetkeeper.topics.containers.facts import Isolation
    >>> host, web = Container("4f", "a", isolation=Isolation(pid="host")), Container("5e", "b")
    >>> mode_in_effect("pid", replace(web, isolation=Isolation(pid="container:a")), [host])
    'host'
    """
    by_name = {name: each for each in containers for name in (each.id, each.name)}
    mode: str = getattr(container.isolation, kind)
    shared, passed = mode, set[str]()
    while shared.startswith(OTHER) and shared not in passed:
        passed.add(shared)
        other = by_name.get(shared.removeprefix(OTHER))
        shared = getattr(other.isolation, kind) if other else ""
    return "host" if shared == "host" else mode
