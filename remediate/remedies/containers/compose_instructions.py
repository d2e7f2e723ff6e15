"""Services that no swarm manager of the inventory runs: what a person changes, in which file, and the command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE
from fleetkeeper.topics.containers.facts import Container, Placement
from fleetkeeper.untrusted import one_line, shown_command, shown_word
from remediate.plan import ForAPerson
from remediate.remedies.containers.file_owners import Reason

DIRECTORY = "com.docker.compose.project.working_dir"
FILES = "com.docker.compose.project.config_files"
VERSION = "com.docker.compose.version"
USUAL = frozenset({"compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"})


def compose_by_hand(user: str, places: list[Placement], reasons: Iterable[Reason]) -> ForAPerson:
    """Instructions to run a service as `user` in its containers, where no remedy may: for a person.

    It was started by Compose, by hand, or by a swarm outside the inventory: the first of `places` decides, and without
    one it counts as started by hand. `reasons` (why, what to do) come first; they are only said for Compose.
    Raises Untrusted for a name that no shell can take.
    """
    container = places[0].container if places else None
    if container and container.label(SWARM_SERVICE):
        return for_a_person(
            "it belongs to a swarm, and none of its managers is in the inventory",
            "add a manager under `nodes`: the service is changed there",
        )
    if container is None or not container.label(COMPOSE_PROJECT):
        return for_a_person(
            "it was started by hand (`docker run`): how, only a person knows",
            f"start it again with `--user {shown_word(user)}`",
        )
    first = "; ".join(f"{why} ({do})" for why, do in reasons)
    name = container.label(COMPOSE_SERVICE)
    return for_a_person(
        f"it belongs to the Compose project {container.label(COMPOSE_PROJECT)}, whose file is kept by people"
        + (f"; before that: {first}" if first else ""),
        f"on {', '.join(dict.fromkeys(placement.node for placement in places))}, in {written_in(container)}: "
        f"services.{name}.user: {user}; then `{recreate_command(container)}`",
    )


def for_a_person(why: str, what_to_do: str) -> ForAPerson:
    """The answer with both texts on one line: no name from a node can begin a line of its own.

    >>> for_a_person("x", "look at a\\n::error::b").what_to_do
    'look at a\\\\n::error::b'
    """
    return ForAPerson(one_line(why), one_line(what_to_do))


def written_in(container: Container) -> str:
    """The compose files that Compose itself has noted on the container; "the compose file" without a note."""
    return " or ".join(map(str, compose_paths(container))) or "the compose file"


def compose_paths(container: Container) -> Iterator[PurePosixPath]:
    """Paths of the compose files, from the container's labels; relative ones without the label of their directory."""
    directory = PurePosixPath(container.label(DIRECTORY) or ".")
    return (directory / name for name in container.label(FILES).split(",") if name)


def recreate_command(container: Container) -> str:
    """The command that recreates the container, in the directory of its project.

    Raises Untrusted for a name that no shell can take.

    >>> labels = {COMPOSE_SERVICE: "web", COMPOSE_PROJECT: "rodan", DIRECTORY: "/srv/rodan", FILES: "prod.yml"}
    >>> recreate_command(Container("4f", "rodan-web-1", labels=labels))
    'cd /srv/rodan && docker compose -f prod.yml up -d --no-deps web'

    Compose before version 2 is a program of its own, `docker-compose`.
    """
    words = ["docker-compose"] if container.label(VERSION).startswith("1.") else ["docker", "compose"]
    directory, names = container.label(DIRECTORY), [name for name in container.label(FILES).split(",") if name]
    if len(names) > 1 or not {PurePosixPath(name).name for name in names} <= USUAL:
        words += [word for name in names for word in ("-f", name)]
    if container.label(COMPOSE_PROJECT) != PurePosixPath(directory).name.lower():
        words += ["-p", container.label(COMPOSE_PROJECT)]
    words += ["up", "-d", "--no-deps", container.label(COMPOSE_SERVICE)]
    return (f"{shown_command(('cd', directory))} && " if directory else "") + shown_command(words)
