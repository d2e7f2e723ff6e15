"""What of a stack file ties its services to a node without saying so, or gives them what is not theirs.

Source: docs/runbook.md, "Deploying"; https://docs.docker.com/engine/storage/bind-mounts/ (swarm: the path must exist on
each node).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from posixpath import normpath

from fleetkeeper.readers.compose.document import ComposeDocument, MappingNode, Node, ScalarNode, SequenceNode
from fleetkeeper.topics.services.stacks.file_problems import (
    FileProblem,
    bound_directory,
    local_volumes,
    pinning_constraints,
    split_image,
    text_of,
)

SECRET_NAME = re.compile("(?i)PASS|SECRET|TOKEN|KEY|CREDENTIAL|_PW|DSN")
EVERYWHERE = frozenset({"global", "global-job"})


def node_problems(document: ComposeDocument, open_files: Collection[str] = ()) -> Iterator[FileProblem]:
    """The problems. `open_files` are env files, as they are written, that were read and set nothing secret."""
    yield from shared_env_files(document, open_files)
    users = services_of_volumes(document)
    for name, service in document.mapping("services").items():
        if not isinstance(service, MappingNode) or pinning_constraints(document, name):
            continue
        if text_of(document.find("services", name, "deploy", "mode")) not in EVERYWHERE:
            alone = {volume for volume in local_volumes(document, service) if users[volume] == {name}}
            yield from unpinned_data(document, name, alone)
        yield from relative_mounts(document, name, service)


def services_of_volumes(document: ComposeDocument) -> dict[str, set[str]]:
    """The services that write to each volume on a node's disk."""
    users: dict[str, set[str]] = {}
    for name, service in document.mapping("services").items():
        if isinstance(service, MappingNode):
            for volume in local_volumes(document, service):
                users.setdefault(volume, set()).add(name)
    return users


def unpinned_data(document: ComposeDocument, name: str, volumes: Collection[str]) -> Iterator[FileProblem]:
    """A service with a volume of its own on one node's disk that may start on another node."""
    if volumes:
        line = document.line("services", name, "volumes")
        what = f"{name} keeps {', '.join(sorted(volumes))} on one node's disk and may start on another, with nothing"
        hint = "deploy: {placement: {constraints: [node.hostname == NODE]}}, or put it on the network"
        yield FileProblem(f"services.{name}.volumes", line, what, hint, "warning", True)


def relative_mounts(document: ComposeDocument, name: str, service: MappingNode) -> Iterator[FileProblem]:
    """A path beside the stack file that each node where the service may run must have."""
    volumes = service.members.get("volumes")
    for index, item in enumerate(volumes.items if isinstance(volumes, SequenceNode) else ()):
        source = bind_source(item)
        if source.startswith((".", "~")):
            line = document.line("services", name, "volumes", index)
            what = f"{source} is mounted from the disk of whichever node {name} starts on, by its path here"
            hint = "put it into `configs`, or pin the service to the node that has it"
            yield FileProblem(f"services.{name}.volumes.{index}", line, what, hint, "warning", True)


def bind_source(item: Node) -> str:
    """The path of the node that a mount of a service shows, read-only or not; "" for any other mount."""
    if isinstance(item, MappingNode):
        return text_of(item.members.get("source")) if text_of(item.members.get("type")) == "bind" else ""
    source, _, rest = text_of(item).partition(":")
    return bound_directory(item) or (source if rest and source.startswith((".", "/", "~")) else "")


def relative_sources(document: ComposeDocument, service: str) -> dict[str, str]:
    """The end of each path that a service mounts from beside the stack file, by the field of a ServiceSpec.

    >>> from fleetkeeper.readers.compose.document import read_compose
    >>> relative_sources(read_compose(b"services: {web: {image: x, volumes: ['../a/./b:/d', '.:/e', '/f:/f']}}"), "web")
    {'TaskTemplate.ContainerSpec.Mounts./d.Source': '/a/b', 'TaskTemplate.ContainerSpec.Mounts./e.Source': ''}
    """
    volumes = document.find("services", service, "volumes")
    mounts = [
        (bind_source(item), mount_target(item)) for item in (volumes.items if isinstance(volumes, SequenceNode) else ())
    ]
    return {
        f"TaskTemplate.ContainerSpec.Mounts.{target}.Source": re.sub(r"^(\.\.?(/|$))+", "/", normpath(source)).rstrip(
            "/"
        )
        for source, target in mounts
        if source.startswith(".")
    }


def mount_target(item: Node) -> str:
    """Where a mount of a service is in its containers."""
    if isinstance(item, MappingNode):
        return text_of(item.members.get("target"))
    return text_of(item).partition(":")[2].partition(":")[0]


def shared_env_files(document: ComposeDocument, open_files: Collection[str]) -> Iterator[FileProblem]:
    """An env file that goes into services of several images: each of them has the passwords of all."""
    users: dict[str, list[str]] = {}
    for name, service in document.mapping("services").items():
        for node in env_file_nodes(service.members.get("env_file") if isinstance(service, MappingNode) else None):
            users.setdefault(node.text, []).append(name)
    for path, names in users.items():
        images = {split_image(text_of(document.find("services", name, "image")))[0] for name in names}
        if len(images) > 1 and path not in open_files:
            line = document.line("services", names[0], "env_file")
            what = f"{path} goes into {', '.join(names)}: each has in its environment what any of them needs"
            hint = "a file for each service, with what it needs; passwords as `secrets`"
            yield FileProblem(f"services.{names[0]}.env_file", line, what, hint, "warning")


def env_file_nodes(value: Node | None) -> list[ScalarNode]:
    """The paths under `env_file`: one, or a list of them, in which each may be `{path: …}`."""
    items = value.items if isinstance(value, SequenceNode) else [] if value is None else [value]
    paths = [item.members.get("path") if isinstance(item, MappingNode) else item for item in items]
    return [path for path in paths if isinstance(path, ScalarNode) and path.text]


def holds_secrets(names: Collection[str]) -> bool:
    """Whether one of these variables has the name of something secret.

    >>> holds_secrets(["TZ", "POSTGRES_PASSWORD"]), holds_secrets(["TZ", "LANG"])
    (True, False)
    """
    return any(SECRET_NAME.search(name) for name in names)
