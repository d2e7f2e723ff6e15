"""The scripts that a command line runs by their paths, and how each of them begins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from fleetkeeper.readers.docker.docker_exec import CLIENTS
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context, ExecutedCommand
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import Truth
from fleetkeeper.readers.shell.words import Part, Unreadable, literal_text
from fleetkeeper.readers.shell.wrappers import INTERPRETERS

OF_PACKAGES = ("/usr/lib/", "/lib/", "/usr/libexec/", "/usr/share/", "/snap/")
"""Where packages have their own scripts: they are followed only when their name speaks of what is looked for."""
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class ScriptCall:
    """A script that a command line runs. `interpreter` is the program that it is given to, or "" (it is run itself).

    `arguments` are the words after it, None where one is not plain.
    """

    path: str
    interpreter: str
    reach: Truth
    user: str = ""
    arguments: tuple[str | None, ...] = ()


@dataclass(frozen=True)
class ScriptStart:
    """How a script begins: with `set -e` in its first line, and with which `$1`, `$2` and so on."""

    errexit: bool = False
    arguments: Mapping[str, str] = field(default_factory=dict)


MOST_ARGUMENTS = 9
SHELL_OPTIONS = re.compile(r"#![^\n]{1,80}[ \t]-([a-z]{1,8})", re.ASCII)


def start_of(text: str, arguments: Sequence[str | None]) -> ScriptStart:
    """How a script with this text and these arguments begins; arguments that are not given are empty.

    Its `arguments` hold `#` too, their number; one that is not plain (None) is left out.

    >>> start_of("#!/bin/sh -eu\\n", ["now"]).arguments["1"], start_of("#!/bin/sh -eu\\n", []).errexit
    ('now', True)
    """
    options = SHELL_OPTIONS.match(text)
    given = {str(number): value for number, value in enumerate(arguments, 1) if value is not None}
    unset = {str(number): "" for number in range(len(arguments) + 1, MOST_ARGUMENTS + 1)}
    return ScriptStart(bool(options and "e" in options[1]), {"#": str(len(arguments)), **unset, **given})


def called_scripts(text: str, around: Surroundings, environment: Mapping[str, str] = NOTHING) -> list[ScriptCall]:
    """The scripts that a command line or a script runs by their paths; empty when it cannot be parsed.

    Also those that it may run, or surely does not: see their `reach`. `environment` is what the crontab sets. In their
    order, perhaps one twice.
    """
    context = Context({name: (Part("text", value),) for name, value in environment.items()}, around=around)
    try:
        commands = executed_commands(text, context)
    except Unreadable:
        return []
    return [call for command in commands for call in script_calls(command, around)]


def script_calls(command: ExecutedCommand, around: Surroundings) -> Iterator[ScriptCall]:
    """The script that a command is, or gives to an interpreter; none for docker, or without `/` in its path.

    An interpreter's first operand is its script; options are left out.
    """
    words = [literal_text(word) or "" for word in command.words]
    interpreter = ""
    operands = [word for word in words[1:] if not word.startswith("-")]
    if command.name in INTERPRETERS and operands:
        interpreter, words = words[0], operands
    path = words[0].rstrip("\r") if words else ""
    path = around.absolute(path, command.directory) if "/" in path else ""
    if path and path.isprintable() and command.name not in CLIENTS:
        given = [literal_text(word) for word in command.words]
        behind = tuple(given[given.index(words[0]) + 1 :]) if words[0] in given else ()
        yield ScriptCall(path, interpreter, command.reach, command.user, behind)
