"""The scripts that a command line runs by their paths, and how each of them begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from fleetkeeper.readers.docker.client_options import CLIENTS
from fleetkeeper.readers.shell.conditions import BUILT_IN_BASH, EXPECTED
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.kept_settings import KEPT
from fleetkeeper.readers.shell.options import after_options
from fleetkeeper.readers.shell.script_state import Context, ExecutedCommand
from fleetkeeper.readers.shell.surroundings import UNKNOWN_DIRECTORY, Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrappers import INERT, INTERPRETERS, SHELLS, SWITCHERS, WRAPPERS, unwrap_command

OF_PACKAGES = ("/usr/lib/", "/lib/", "/usr/libexec/", "/usr/share/", "/snap/")
"""Where packages have their own scripts: they are followed only when their name speaks of what is looked for."""
NOTHING: Mapping[str, str] = {}


@dataclass(frozen=True)
class ScriptCall:
    """A script that a command line runs. `interpreter` is the program that it is given to, or "" (it is run itself).

    `arguments` are the words after it, None where one is not plain. `searched`: it is one of the places where a program
    that is named without a path may be. `settings` are variables of KEPT that it gets, None for one that is not known.
    """

    path: str
    interpreter: str
    reach: Truth
    user: str = ""
    arguments: tuple[str | None, ...] = ()
    searched: bool = False
    settings: tuple[tuple[str, str | None], ...] = ()

    def environment(self, around: Mapping[str, str]) -> dict[str, str]:
        """The variables with which it begins, of those around the command that calls it."""
        plain = {name: value for name, value in self.settings if value is not None}
        return {name: value for name, value in around.items() if name not in KEPT} | plain


@dataclass(frozen=True)
class ScriptStart:
    """How a script begins: with `set -e` or `set -u` in its first line, and with which `$1`, `$2` and so on."""

    errexit: bool = False
    nounset: bool = False
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
    errexit, nounset = (options is not None and letter in options[1] for letter in "eu")
    return ScriptStart(errexit, nounset, {"#": str(len(arguments)), **unset, **given})


def commands_of(text: str, around: Surroundings, environment: Mapping[str, str] = NOTHING) -> Sequence[ExecutedCommand]:
    """The commands of a command line or a script; empty when it cannot be parsed. `environment` is the crontab's."""
    context = Context({name: (Part("text", value),) for name, value in environment.items()}, around=around)
    try:
        return executed_commands(text, context)
    except Unreadable:
        return ()


def called_scripts(commands: Iterable[ExecutedCommand], around: Surroundings) -> list[ScriptCall]:
    """The scripts that these commands of a line or a script run by their paths, in their order, perhaps one twice.

    Also those that it may run, or surely does not: see their `reach`.
    """
    return [call for command in commands for call in script_calls(command, around)]


def unread_calls(commands: Iterable[ExecutedCommand]) -> str:
    """Why it is not known which scripts these commands run; "" where it is.

    `run-parts` runs all of a directory, of which only cron's own are read, and `find -exec {}` what it finds.

    >>> [unread_calls(commands_of(f"run-parts {folder}", Surroundings())) for folder in ("/opt/dir", "/etc/cron.daily")]
    ['it runs all scripts of a directory, which is not read', '']
    """
    for command in [command for command in commands if command.reach.value is not False]:
        words = [literal_text(word) for word in command.words]
        if command.name == "run-parts" and not (
            {"--test", "--list"} & set(words) or (words[-1] or "").rstrip("/") in READ_DIRECTORIES
        ):
            return "it runs all scripts of a directory, which is not read"
        if command.name == "find" and any(a in EXECUTING and b in ("{}", None) for a, b in pairwise(words)):
            return "it runs what `find` finds"
        if words and (why := unread_script(command, words)):
            return why
    return ""


def unread_script(command: ExecutedCommand, words: Sequence[str | None]) -> str:
    """Why it is not known what a command runs, one that takes its script from elsewhere than a file; "" where it is.

    That is from its input, from a directory that is not known, or in another language. `words` are its own, None for
    each that is not plain.

    >>> lines = ("cat /opt/a | sh", "cd $X; sh a.sh", "perl -e 'system(q(docker exec a b))'", "sh /opt/a.sh", "sh -c :")
    >>> [unread_calls(commands_of(line, Surroundings()))[:19] for line in lines]
    ['it gives `sh` a scr', 'it runs a script in', '`perl` may run what', '', '']
    """
    operands = [word for word in words[1:] if word is None or not word.startswith("-")]
    if command.name in SHELLS and not operands:
        return f"it gives `{command.name}` a script on its input, which is not read"
    script = words[0] if command.name not in INTERPRETERS else next(iter(operands), None)
    is_relative = script is not None and not script.startswith("/") and ("/" in script or command.name in INTERPRETERS)
    if command.directory == UNKNOWN_DIRECTORY and is_relative and command.name not in CLIENTS:
        return "it runs a script in a directory that is not known"
    if command.name in LANGUAGES and any("docker" in (word or "") and "exec" in (word or "") for word in words):
        return f"`{command.name}` may run what its program names"
    if command.name == "xargs" and words[-1] == "exec" and CLIENTS & set(words):
        return "it runs `docker exec` with what it reads"
    return ""


LANGUAGES = frozenset({"awk", "gawk", "mawk", "perl", "php", "python", "python3", "ruby"})


EXECUTING = ("-exec", "-execdir", "-ok", "-okdir")
READ_DIRECTORIES = frozenset(f"/etc/cron.{often}" for often in ("hourly", "daily", "weekly", "monthly", "yearly"))
"""Directories of scripts that every look reads."""


def through_finder(command: ExecutedCommand) -> tuple[Word, ...]:
    """The words that `find -exec` or `xargs` runs; those of any other command as they are."""
    words = list(command.words)
    if command.name == "find":
        places = [number for number, word in enumerate(words) if literal_text(word) in EXECUTING]
        return tuple(words[places[0] + 1 :]) if places else command.words
    if command.name == "xargs":
        return tuple(after_options(words[1:], XARGS_VALUES)) or command.words
    return command.words


XARGS_VALUES = frozenset({"-I", "-n", "-P", "-L", "-d", "-E", "-s", "-a"})


def script_calls(command: ExecutedCommand, around: Surroundings) -> Iterator[ScriptCall]:
    """The script that a command is, or gives to an interpreter; none for docker. Options are left out.

    Several, of which one may be there, for a program without a path: in each directory of PATH that is the owner's own.
    """
    if (inner := through_finder(command)) != command.words:
        command = replace(command, words=tuple(unwrap_command(inner)[0]))
    words = [literal_text(word) or "" for word in command.words]
    interpreter = ""
    operands = [word for word in words[1:] if not word.startswith("-")]
    if command.name in INTERPRETERS and operands:
        interpreter, words = words[0], operands
    name = words[0].rstrip("\r") if words else ""
    given = [literal_text(word) for word in command.words]
    behind = tuple(given[given.index(words[0]) + 1 :]) if words and words[0] in given else ()
    settings = tuple((name, literal_text(value)) for name, value in sorted(command.settings.items()))
    unknown = next((name for name, value in settings if value is None and name != "HOME"), "")
    doubt = Truth(None, f"the value of {unknown}, which chooses a Docker engine, cannot be told") if unknown else YES
    reach = both(doubt, command.reach)
    call = ScriptCall(name, interpreter, reach, command.user, behind, settings=settings)
    if command.name in CLIENTS or not name.isprintable():
        return
    if "/" in name or interpreter:
        path = around.absolute(name, command.directory)
        yield from [replace(call, path=path)] if path else []
    elif name and name not in NO_SCRIPTS:
        for directory in (command.path or around.search_path).split(":"):
            if directory.startswith("/") and f"{directory.rstrip('/')}/" not in DISTRIBUTION:
                yield replace(call, path=f"{directory.rstrip('/')}/{name}", searched=True)


OTHERS = frozenset({"run-parts", "find", "xargs", "anacron"})
NO_SCRIPTS = INERT | EXPECTED | BUILT_IN_BASH | SHELLS | SWITCHERS | INTERPRETERS | WRAPPERS.keys() | OTHERS
"""Programs that are no script of the owner's."""
DISTRIBUTION = ("/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/")
