"""Whether a line of a crontab only runs one command in one container: only such a line is removed.

Anything else that it does may be needed: a second command, a file that it writes, a pipe into another program. A
command that is not known to leave nothing behind is treated as one that does.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.readers.docker.client_options import CLIENTS, COMPOSE_VALUES, GLOBAL_VALUES
from fleetkeeper.readers.docker.docker_exec import (
    Execution,
    docker_execution,
    docker_executions,
    is_command,
)
from fleetkeeper.readers.shell.options import after_options
from fleetkeeper.readers.shell.script_state import DEEPEST
from fleetkeeper.readers.shell.words import Part, Simple, Unreadable, Word, literal_text, redirections, simple_commands
from fleetkeeper.readers.shell.wrappers import SHELLS, script_of, unwrap_command

LEAVES_NOTHING = frozenset(
    ("[", "test", "true", "false", ":", "sleep", "cd", "set", "logger", "echo", "printf", "exit", "head", "grep")
)
"""Programs that leave nothing behind, whatever their arguments are, while nothing is redirected to a file."""
ANSWERS = {
    "date": frozenset({"-u", "--utc"}),
    "hostname": frozenset({"-s", "-f", "--short", "--fqdn"}),
    "whoami": frozenset(),
    "uname": frozenset({"-n"}),
}
"""Programs that only print something with no other options than these (and formats of `date`): others set a value."""
ALONE = frozenset({":", "exec", "systemd-cat"})
"""Programs that run others, and leave nothing behind without arguments."""
NAME_OF_VARIABLE = re.compile(r"\w+|[@*#?$!-]|\w+:?[-=+?][\w/.:@-]*", re.ASCII)
"""Allowed content of `${…}`: quotes and brackets in it move the ends of words, and hide what follows."""
NOWHERE = "/dev/null"
LISTS = frozenset({"ps", "ls", "list"})


def has_sole_purpose(script: str, expected: Sequence[str] = ()) -> bool:
    """Whether a script runs one command in one container (`expected`, where it is given) and does nothing else.

    False, too, where it could hold a secret, or cannot be read: such a line is neither copied nor removed.

    >>> has_sole_purpose("cd / && docker exec $(docker ps -q -f name=db) backup >/dev/null 2>&1", ["backup"])
    True
    >>> has_sole_purpose("docker exec db backup && docker cp db:/data /srv", ["backup"])
    False
    """
    try:
        runs = list(docker_executions(script))
        return len(runs) == 1 and runs[0].quiet and runs_only(runs[0], expected) and leaves_nothing(script)
    except Unreadable:
        return False


def runs_only(run: Execution, expected: Sequence[str]) -> bool:
    """Whether its only command in the container is the expected one, by itself or as the one command of a shell.

    True when none is expected. Raises Unreadable. False where its script cannot be read at all.
    """
    if not expected:
        return True
    inner = run.inner()
    name = (run.words[0] or "").rpartition("/")[2] if run.words else ""
    script = script_of([() if word is None else (Part("text", word),) for word in run.words[1:]])
    direct = is_command(run.words, expected)
    return run.runs(expected) and len(inner) == 1 and (direct or (name in SHELLS and plain_words(script or "")))


def plain_words(script: str) -> bool:
    """Whether a script is one command of plain words, without redirection, substitution or assignment.

    Raises Unreadable.
    """
    simples = simple_commands(script)
    plain = all(literal_text(word) is not None for command in simples for word in command.words)
    return len(simples) == 1 and plain and not simples[0].assigned and not redirections(script)


def leaves_nothing(script: str, depth: int = 0, *, executing: bool = True) -> bool:
    """Whether every command of a script, except `docker exec`, leaves nothing behind. Raises Unreadable.

    `executing`: `docker exec` is allowed in it (not in a substitution). `depth`: how many scripts are around it.
    """
    if depth > DEEPEST:
        raise Unreadable("too many shells inside each other")
    harmless = all(is_harmless(operator, target) for operator, target in redirections(script))
    return harmless and all(is_inert(command, depth, executing) for command in simple_commands(script))


def is_harmless(operator: str, target: Word) -> bool:
    """Whether a redirection touches no file. That is /dev/null, or a copy of another descriptor.

    >>> is_harmless(">&", (Part("text", "1"),)), is_harmless(">", (Part("text", "/var/log/x"),))
    (True, False)
    """
    text = literal_text(target)
    number = text is not None and re.fullmatch("[0-9]+|-", text) is not None
    return text == NOWHERE or (operator in (">&", "<&") and number)


def is_inert(command: Simple, depth: int, executing: bool) -> bool:
    """Whether a simple command leaves nothing behind, its redirections aside: whoever calls judges those.

    Judged by its program and arguments, with wrappers and `sh -c` opened, and by the substitutions in its words. False
    for a program that is not known here, and with any assignment. `executing`: a `docker exec` is allowed, not a
    listing alone; `depth` counts the scripts around it. Raises Unreadable.
    """
    words, _, assigned = unwrap_command(command.words)
    if command.assigned or assigned or not all(substitutes_harmlessly(word, depth) for word in command.words):
        return False
    first = (literal_text(command.words[0]) or "").rpartition("/")[2] if command.words else ":"
    if not words:  # not `ionice -c 3 -p 1`, say, which changes a process that runs already
        return first in ALONE
    name = (literal_text(words[0]) or "").rpartition("/")[2]
    if name in SHELLS:
        script = script_of(words[1:])
        return script is not None and leaves_nothing(script, depth + 1, executing=executing)
    if name in ANSWERS:
        texts = [literal_text(word) or "" for word in words[1:]]
        return all(text in ANSWERS[name] or (name == "date" and text.startswith("+")) for text in texts)
    if name in CLIENTS:
        return is_listing(words, name) or (executing and docker_execution(words, name) is not None)
    return name in LEAVES_NOTHING and not (name == "logger" and any(map(sends_elsewhere, words[1:])))


def sends_elsewhere(option: Word) -> bool:
    """Whether an option of `logger` sends to another machine, or sends a file's content instead of one line."""
    text = literal_text(option) or ""
    return re.match("--(server|file|port|tcp|udp|socket|journald)|-[a-zA-Z]*[nfPTdu]", text) is not None


def is_listing(words: Sequence[Word], name: str) -> bool:
    """Whether a client of Docker only lists containers: `ps`, `container ls`, `compose … ps`."""
    rest = after_options(words[1:], COMPOSE_VALUES if name == "docker-compose" else GLOBAL_VALUES)
    verb = literal_text(rest[0]) if rest else None
    if verb == "compose":
        rest = after_options(rest[1:], COMPOSE_VALUES)
    elif verb == "container":
        rest = rest[1:]
    return bool(rest) and literal_text(rest[0]) in LISTS


def substitutes_harmlessly(word: Word, depth: int) -> bool:
    """Whether the substitutions in a word leave nothing behind. Raises Unreadable."""
    for part in word:
        if part.kind == "command" and not leaves_nothing(part.text, depth + 1, executing=False):
            return False
        if part.kind == "variable" and not NAME_OF_VARIABLE.fullmatch(part.text):
            return False
    return True
