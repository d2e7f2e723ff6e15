"""Values that a job's shell has without anybody's assigning them: variables of a terminal, and where programs are.

Source: crontab(5), environ(7), dash(1) and bash(1) on PS1, POSIX.1-2017 `command -v`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.words import Part

OF_TERMINALS = frozenset({"DISPLAY", "SSH_CLIENT", "SSH_CONNECTION", "SSH_TTY", "WAYLAND_DISPLAY"})
"""Variables that only a session of a person has."""


OF_BASH = frozenset({"EUID", "UID", "HOSTNAME", "RANDOM", "BASH", "BASH_VERSION", "BASH_SOURCE", "SECONDS"})
"""Variables that bash sets, and dash does not."""


NAMES_OF_SHELLS = "cd echo export false kill printf pwd read set test true type ulimit umask unset wait ["
OF_SHELLS = frozenset(NAMES_OF_SHELLS.split())
"""Commands that are part of dash and of bash. Source: dash(1), bash(1)."""


def terminal_variable(name: str, around: Surroundings) -> str | None:
    """The value of a variable that a session of a person has, and a job has not; None for any other variable.

    Dash has a PS1 without a session, too.
    """
    if name == "PS1" and around.shell in ("dash", "bash"):
        return "$ " if around.shell == "dash" else ""
    if around.shell == "dash" and name in OF_BASH:
        return ""
    return "" if name in OF_TERMINALS and not around.elsewhere else None


def located_program(words: Sequence[str], around: Surroundings) -> str | None:
    """The path that `which NAME` or `command -v NAME` prints; None for other words, and where it is not known.

    So too where the program is nowhere on the PATH with which the job began. `command -v` prints the name alone of what
    the shell itself has.
    """
    asks = words[:1] == ["which"] or words[:2] == ["command", "-v"]
    if not asks or len(words) != 2 + (words[0] == "command") or not words[-1] or "/" in words[-1]:
        return None
    if words[0] == "command" and words[-1] in OF_SHELLS:
        return words[-1]
    places = [f"{directory.rstrip('/')}/{words[-1]}" for directory in around.search_path.split(":") if directory]
    return next((place for place in places if place.startswith("/") and around.is_program(place)), None)


LOCATED = re.compile(r"\s*(?:which|command\s+-v)\s+(\S+)")


def located_here(part: Part, variables: Collection[str], functions: Collection[str]) -> Part:
    """A substitution of `command -v NAME` or `which NAME` as one that is not known, where the script set its own PATH.

    So too for a name that the script gave to a function. Any other part as it is. The collections are of names that
    the script has set.
    """
    name = LOCATED.match(part.text) if part.kind == "command" else None
    if name and ("PATH" in variables or name[1] in functions):
        return Part("variable", "a program on the PATH of the script")
    return part
