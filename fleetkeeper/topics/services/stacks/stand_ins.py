"""Values for variables that are not set here, so that Docker's client takes the file: what differs depends on them.

Two values are made for each, from different thousands: what is another with the second is not compared.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator, Sequence

from fleetkeeper.readers.compose.document import ComposeDocument, Node, ScalarNode
from fleetkeeper.readers.compose.variables import VARIABLE

FIRST, SECOND = 20_000, 40_000
"""Where the numbers begin that stand for variables which are not set here."""
OF_A_SHELL = frozenset({"HOME", "HOSTNAME", "LANG", "LOGNAME", "PATH", "PWD", "SHELL", "TERM", "USER"})
"""Variables that are set, to something, in the shell of whoever deploys."""
DIRECTORIES = frozenset({"HOME", "PWD"})
DURATIONS = frozenset(
    {"interval", "timeout", "start_period", "start_interval", "delay", "window", "monitor", "stop_grace_period"}
)
SWITCHES = frozenset(
    {"read_only", "init", "tty", "stdin_open", "disable", "nocopy", "attachable", "internal", "privileged"}
)
CHOICES = {
    "order": ("start-first", "stop-first"),
    "failure_action": ("pause", "continue"),
    "deploy.mode": ("replicated", "global"),
    "pull_policy": ("always", "missing"),
}
SECTIONS = frozenset({"networks", "secrets", "configs"})
A_PATH = "a path"


def stand_ins(documents: Sequence[ComposeDocument], names: Collection[str], least: int) -> dict[str, str]:
    """A value for each variable of some names: a number of which there are 10,000 from `least` on, as its key takes it.

    One of seconds, a path, a choice, or a name that the files define.
    """
    uses: dict[str, set[str]] = {name: {A_PATH} if name in DIRECTORIES else set() for name in names}
    defined = {key: sorted(name for document in documents for name in document.mapping(key)) for key in SECTIONS}
    for document in documents:
        for name, use in variable_uses(document):
            if name in uses:
                uses[name].add(use)
    return {name: stand_in(uses[name], least, defined) for name in names}


def variable_uses(document: ComposeDocument) -> Iterator[tuple[str, str]]:
    """Each variable that is all of a value, with its key; and each with which a path begins, with A_PATH."""
    for path, node in document.scalars():
        match = VARIABLE.match(node.text)
        if match is None or not (name := match["bare"] or match["name"]):
            continue
        if is_of_a_mount(path, document):
            yield name, A_PATH
        elif match.end() == len(node.text):
            keys = [step for step in path if isinstance(step, str)]
            yield name, "deploy.mode" if keys[-2:] == ["deploy", "mode"] else keys[-1]


def is_of_a_mount(path: tuple[str | int, ...], document: ComposeDocument) -> bool:
    """Whether a value at a path is a mount of a service, or the path on the node of one."""
    if path[:1] != ("services",) or path[2:3] != ("volumes",):
        return False
    kind: Node | None = document.find(*path[:-1], "type")
    return len(path) == 4 or (path[-1] == "source" and isinstance(kind, ScalarNode) and kind.text == "bind")


def stand_in(uses: Collection[str], least: int, defined: dict[str, list[str]]) -> str:
    """What stands for a variable with these uses. `defined` are the names in the files by their section.

    >>> stand_in({"interval"}, FIRST, {})[-1], stand_in({"tty"}, SECOND, {}), stand_in({A_PATH}, FIRST, {})[:2]
    ('s', 'false', '/2')
    """
    number, is_first = str(least + secrets.randbelow(9_999)), least == FIRST
    for use in sorted(uses):
        if use in SWITCHES:
            return "true" if is_first else "false"
        if use in CHOICES:
            return CHOICES[use][0 if is_first else 1]
        if defined.get(use):
            return defined[use][0 if is_first else -1]
    return f"/{number}" if A_PATH in uses else f"{number}s" if DURATIONS & set(uses) else number
