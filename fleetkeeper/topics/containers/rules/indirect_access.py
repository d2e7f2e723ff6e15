"""What a container has of its node by way of something else: another container's namespaces, a volume that binds.

`--network container:X` is the node's network where X has that, and a local volume with `o: bind` is a directory of the
node under another name. Source: https://docs.docker.com/reference/cli/docker/volume/create/, docker run(1).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.transport.commands import Unobservable

OTHER = "container:"


def with_direct_access(
    container: Container, containers: Sequence[Container], directories: Mapping[str, str]
) -> Container:
    """The container as if it had by itself what it has by way of others.

    `containers` are all of its node, `directories` those that volumes bind, by the volume's name.
    """
    network, pid, ipc = (mode_in_effect(kind, container, containers) for kind in ("network", "pid", "ipc"))
    mounts = tuple(
        replace(mount, type="bind", source=directories[mount.name])
        if mount.type == "volume" and mount.name in directories
        else mount
        for mount in container.mounts
    )
    return replace(container, mounts=mounts, isolation=replace(container.isolation, network=network, pid=pid, ipc=ipc))


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


def directories_behind_volumes(services: Services | Unobservable) -> Mapping[str, str]:
    """The directories of the node that its volumes bind, by the volume's name; empty where they were not seen."""
    if isinstance(services, Unobservable):
        return {}
    return {volume.name: volume.device for volume in services.volumes if volume.device}


def has_volumes(container: Container) -> bool:
    """Whether a container has a volume of the node's own driver."""
    return any(mount.type == "volume" and mount.driver in ("", "local") for mount in container.mounts)
