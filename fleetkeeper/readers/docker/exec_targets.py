"""Which container an entry names, and which containers match now: the filters of `docker ps -f`, without Docker.

Source: https://docs.docker.com/reference/cli/docker/container/ls/, daemon/list.go of moby, and docker in the lab:
names match as regular expressions or literally, ids by their beginning, values of one filter are alternatives (labels
must all match), different filters must all match.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from fleetkeeper.readers.docker.labels import COMPOSE_PROJECT, COMPOSE_SERVICE
from fleetkeeper.readers.linear_patterns import pattern_of
from fleetkeeper.readers.shell.options import bundle, option_value
from fleetkeeper.readers.shell.words import Simple, Unreadable, Word, literal_text, simple_commands
from fleetkeeper.transport.commands import Unobservable

BY_LABEL = "write it with `docker ps -q --filter label=…`, which names one service and nothing else"
PS_VALUES = frozenset({"-f", "--filter", "--format", "-n", "--last"})
UP = frozenset({"running", "paused", "restarting"})
WORKING_DIRECTORY = "com.docker.compose.project.working_dir"
HEX = re.compile(r"[0-9a-f]{6,64}")


class ListedMount(Protocol):
    """The fields of a mount that `docker ps` filters by."""

    @property
    def name(self) -> str:
        """The name of a volume; "" for other mounts."""

    @property
    def destination(self) -> str:
        """The path in the container."""


class ListedContainer(Protocol):
    """The fields of a container that `docker ps` filters by."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def state(self) -> str:
        """Docker's state: running, paused, exited …"""

    @property
    def health(self) -> str:
        """The state of the health check: healthy, starting, unhealthy; "" without one."""

    @property
    def labels(self) -> Mapping[str, str] | None:
        """Its labels by name; None where they could not be seen."""

    @property
    def mounts(self) -> Sequence[ListedMount]: ...
    def label(self, key: str) -> str:
        """The value of a label; "" without it."""


C = TypeVar("C", bound=ListedContainer)


def container_target(word: Word) -> Target:
    """The target that a word of `docker exec` names; an unclear one, with the reason, for one not understood.

    A name is taken as it is; `$(docker ps -q …)` becomes a lookup.
    """
    name = literal_text(word)
    if name is not None:
        return Target("name", name=name.removeprefix("/"))
    parts = [part for part in word if part.kind != "text" or part.text]
    if len(parts) != 1 or parts[0].kind == "variable":
        return Target("unclear", why="the name of its container is put together from variables")
    try:
        return lookup_target(simple_commands(parts[0].text))
    except Unreadable as odd:
        return Target("unclear", why=str(odd))


def lookup_target(script: Sequence[Simple]) -> Target:
    """The target that the script of `$(docker ps -q …)` finds; an unclear one, with the reason, for any other."""
    words = [[literal_text(word) for word in command.words] for command in script]
    first = words[0] if words else []
    if any(None in line for line in words) or [name and name.rpartition("/")[2] for name in first[:1]] != ["docker"]:
        return Target("unclear", why="it does not look its container up with `docker ps`")
    rest = [word or "" for word in first[1:]]
    if "compose" in rest[:1] and "ps" in rest:
        return compose_target(script[0].words[2:], len(words))
    rest = rest[1:] if rest[:1] == ["container"] else rest
    if rest[:1] not in (["ps"], ["ls"], ["list"]):
        return Target("unclear", why="it does not look its container up with `docker ps`")
    after = [" ".join(word or "" for word in line) for line in words[1:]]
    if any(line not in ("head -1", "head -n1", "head -n 1") for line in after):
        return Target("unclear", why=f"it picks its container with `{after[0].split()[0]}` out of a table")
    return docker_ps_target(rest[1:], bool(after))


def compose_target(words: Sequence[Word], lines: int) -> Target:
    """The target that `$(docker compose ps -q SERVICE)` finds; `words` are those after `compose`.

    `lines` is the number of commands in the pipe.
    """
    texts = [literal_text(word) or "" for word in words]
    questions = texts[texts.index("ps") + 1 :]
    service = [text for text in questions if not text.startswith("-")]
    if lines > 1 or len(service) != 1 or not {"-q", "--quiet"} & set(questions):
        return Target("unclear", why="it does not look its container up with `docker ps`")
    return of_project(service[0], words[: texts.index("ps")])


def of_project(service: str | None, words: Sequence[Word]) -> Target:
    """The target of a service of compose; `words` are the options that name its project, directory or file.

    None stands for a service that is a variable.
    """
    if not service:
        return Target("unclear", why="its service is a variable")
    file = option_value(words, "-f", "--file")
    directory = option_value(words, "--project-directory") or (file.rpartition("/")[0] if file.startswith("/") else "")
    return Target(
        "compose", service, project=option_value(words, "-p", "--project-name"), directory=directory.rstrip("/")
    )


def docker_ps_target(words: Sequence[str], first: bool) -> Target:
    """The target of `docker ps` with these arguments: its filters, and `-a`; an unclear one without -q.

    `first`: only the first line of its output is used. Unclear, too, for the container that was started last.
    """
    filters: list[tuple[str, str]] = []
    quiet = everything = False
    rest = list(words)
    while rest:
        text = rest.pop(0)
        name, equals, value = text.partition("=") if text.startswith("--") else (text, "", "")
        letters, takes = bundle(text[1:], PS_VALUES) if not text.startswith("--") else (set(), name in PS_VALUES)
        if takes and not equals:
            value = rest.pop(0) if rest else ""
        if letters & {"n", "l"} or name in ("--last", "--latest"):
            return Target("unclear", why="it takes whichever container was started last")
        quiet = quiet or "q" in letters or name == "--quiet" or value.replace(" ", "") in ("{{.ID}}", "{{.Names}}")
        everything = everything or "a" in letters or name == "--all"
        if "f" in letters or name == "--filter":
            key, _, expected = (value or text.partition("f")[2]).partition("=")
            filters.append((key, expected))
    if not quiet:
        return Target("unclear", why="`docker ps` without -q prints a table")
    return Target("lookup", filters=tuple(filters), everything=everything, first=first)


def resolve_target(target: Target, containers: Iterable[C]) -> tuple[C, ...]:
    """Those of the containers that a target matches, as Docker would find them now.

    Stopped ones only where it asks for them. `first` is left to the caller: all that match are returned. Raises
    Unobservable for an unclear target, and for a filter that cannot be evaluated here.
    """
    if target.kind == "unclear":
        raise Unobservable(f"it is not clear which container this is about: {target.why}", hint=BY_LABEL)
    candidates = tuple(containers)
    if target.kind == "name":
        return containers_by_name(target.name, candidates)
    if target.kind == "compose":
        return of_compose(
            target, tuple(c for c in candidates if c.label(COMPOSE_SERVICE) == target.name and c.state in UP)
        )
    stopped = target.everything or any(key == "status" for key, _ in target.filters)
    return tuple(c for c in candidates if (stopped or c.state in UP) and passes_filters(c, target.filters))


def of_compose(target: Target, containers: Sequence[C]) -> tuple[C, ...]:
    """The containers of the target's project: the named one, else the one of its directory, as compose chooses.

    Raises Unobservable when there are several projects, and the entry does not name one.
    """
    if target.project:
        return tuple(c for c in containers if c.label(COMPOSE_PROJECT) == target.project)
    in_directory = tuple(c for c in containers if target.directory and c.label(WORKING_DIRECTORY) == target.directory)
    if in_directory or len({c.label(COMPOSE_PROJECT) for c in containers}) < 2:
        return in_directory or tuple(containers)
    projects = " or ".join(sorted({c.label(COMPOSE_PROJECT) for c in containers}))
    raise Unobservable(
        f"it is not clear which project of compose this is about: {projects}", hint="name it: `docker compose -p …`"
    )


def containers_by_name(name: str, containers: Sequence[C]) -> tuple[C, ...]:
    """The running container with this name, id, or beginning of its id, in this order; () when there is none.

    Several when several ids begin so; () too when the one of that name does not run.
    """
    exactly = [c for c in containers if name in (c.name, c.id)]
    return tuple(c for c in exactly or containers if c.state in UP and (exactly or c.id.startswith(name)))


def passes_filters(container: ListedContainer, filters: Sequence[tuple[str, str]]) -> bool:
    """Whether a container passes all filters of `docker ps`.

    Raises Unobservable for a filter that is not known here. Of several values for one key any will do, but a container
    must have all labels. True without filters.
    """
    for key in {key for key, _ in filters}:
        values = [value for other, value in filters if other == key]
        test = TESTS.get(key)
        if test is None:
            raise Unobservable(f"cannot tell what `docker ps -f {key}=…` finds", hint=BY_LABEL)
        if not (all if key == "label" else any)(test(container, value) for value in values):
            return False
    return True


def docker_match(pattern: str, text: str) -> bool:
    """Whether Docker's filter matches a text: literally, or as a regular expression anywhere in it.

    Raises Unobservable for an expression that is not matched here: any user of the node may have written it.
    """
    if pattern == text:
        return True
    try:
        return pattern_of(pattern).found_in(text)
    except Unobservable as why:
        raise Unobservable(why.why, hint=BY_LABEL) from None


def has_label(container: ListedContainer, expected: str) -> bool:
    """Whether a container has a label KEY or KEY=VALUE. Raises Unobservable for labels that were not looked at.

    Those are the ones outside `com.docker.`. A value that is wanted must be equal. A container whose `labels` are None
    counts as one without labels.
    """
    key, equals, value = expected.partition("=")
    labels = container.labels or {}
    if not key.startswith("com.docker."):
        raise Unobservable(f"the label {key} is not among those that were looked at", hint=BY_LABEL)
    return key in labels and (not equals or labels[key] == value)


Test = Callable[[ListedContainer, str], bool]

TESTS: Mapping[str, Test] = {
    "name": lambda c, value: docker_match(value, c.name) or docker_match(value, f"/{c.name}"),
    "id": lambda c, value: c.id.startswith(value),
    "status": lambda c, value: c.state == value,
    "health": lambda c, value: (c.health or "none") == value,
    "label": has_label,
    "volume": lambda c, value: any(value in (mount.name, mount.destination) for mount in c.mounts),
}


@dataclass(frozen=True)
class Target:
    """The container that an entry names.

    `name`: a container's name or id, as written. `lookup`: what `docker ps -q` with these `filters` prints
    (`everything`: stopped ones too; `first`: only the first line). `compose`: a service of compose, of a
    `project` or of the one in `directory`, where the entry names it. `unclear`: `why` is the reason why it is unknown.
    `user` is the account in the container that `-u` names, `$` for a variable; "" for the container's own.
    """

    kind: Literal["name", "lookup", "compose", "unclear"]
    name: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    first: bool = False
    project: str = ""
    directory: str = ""
    why: str = ""
    user: str = ""
