"""What a service of systemd gets in its environment, of the few variables that the look prints.

Source: systemd.exec(5), "Environment": what systemd gives to all comes first, then PassEnvironment=, Environment= and
the files of EnvironmentFile=, each over the one before, and UnsetEnvironment= takes away at the end.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.shell.truth import YES, Truth, both

PASSED = frozenset({"DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"})
"""Variables that PassEnvironment= takes from process 1, where they are not looked for."""
MARKS = re.compile(r"[\\\"']")


@dataclass(frozen=True)
class UnitEnvironment:
    """The variables of a service, by name, and whether all of them are known and its files let it start (`starts`)."""

    values: Mapping[str, str] = field(default_factory=dict)
    starts: Truth = YES

    def or_path(self, usual: str) -> str:
        """The PATH of the service; `usual` where none is set."""
        return self.values.get("PATH", usual)


def unit_environment(service: Mapping[str, str], printed: Snapshot) -> UnitEnvironment:
    """The environment of a service with these properties; `printed` are the node's schedules.

    >>> service = {"Environment": "DOCKER_HOST=ssh://old PATH=/usr/bin", "UnsetEnvironment": "PATH"}
    >>> unit_environment(service, Snapshot()).values
    {'DOCKER_HOST': 'ssh://old'}
    """
    rows = [*printed.lines.get("environment", []), *service.get("Environment", "").split()]
    starts = passed_along(service)
    for path, optional in files_of(service):
        states = {row.removeprefix(path).strip() for row in printed.lines.get("envfile", []) if is_about(row, path)}
        starts = both(starts, file_is_known(path, states, optional=optional))
        lines = [row for row in printed.lines.get("variable", []) if is_about(row, path)]
        rows += [row.removeprefix(path).strip() for row in lines]
    values = dict(assignment(row) for row in rows if "=" in row)
    for name in service.get("UnsetEnvironment", "").split():
        values.pop(name, None)
    unknown = next((name for name, value in values.items() if value is None), "")
    doubt = Truth(None, f"the value of {unknown} in its unit's environment cannot be told") if unknown else YES
    plain = {name: value for name, value in values.items() if value is not None}
    return UnitEnvironment(plain, both(starts, doubt))


def files_of(service: Mapping[str, str]) -> Iterator[tuple[str, bool]]:
    """The files of variables that a service reads, and whether it starts without them too."""
    for written in service.get("EnvironmentFiles", "").split(")"):
        path, named, optional = written.strip().partition(" (ignore_errors=")
        if named:
            yield path, optional == "yes"


def is_about(row: str, path: str) -> bool:
    """Whether a row of the look is about this file."""
    return row == path or row.startswith(f"{path} ")


def file_is_known(path: str, states: set[str], *, optional: bool) -> Truth:
    """Whether a service gets the variables of a file: it does not start without one that is not `optional`.

    `states` are what the look printed about it: "" for a file that was read.
    """
    if states == {"missing"}:
        return YES if optional else Truth(False, f"its EnvironmentFile {path[:100]} is not there")
    unread = Truth(None, f"its EnvironmentFile {path[:100]} could not be read, and may choose another Docker engine")
    return YES if states == {""} else unread


def passed_along(service: Mapping[str, str]) -> Truth:
    """Whether the service takes nothing from process 1 that chooses an engine: what is set there is not looked for."""
    names = sorted(PASSED & set(service.get("PassEnvironment", "").split()))
    why = f"its unit passes {', '.join(names)} on, and what systemd has there is not seen"
    return Truth(None, why) if names else YES


def assignment(row: str) -> tuple[str, str | None]:
    """The name and value of an assignment, whose value may be in quotes; None for one that is not plain.

    >>> [assignment(row) for row in ("A=1", "A='x y' ", 'A="1', "A=?")]
    [('A', '1'), ('A', 'x y'), ('A', None), ('A', None)]
    """
    name, _, value = row.partition("=")
    text = value.strip()
    if len(text) > 1 and text[0] in "\"'" and text[-1] == text[0]:
        text = text[1:-1]
    return name, None if text == "?" or MARKS.search(text) else text
