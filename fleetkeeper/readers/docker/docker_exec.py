"""Which commands a command line runs in which containers. Nothing is ever executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from fleetkeeper.readers.docker.exec_targets import Target, container_target, of_project
from fleetkeeper.readers.shell.options import after_options, leading_options
from fleetkeeper.readers.shell.words import Part, Simple, Unreadable, Word, literal_text, simple_commands
from fleetkeeper.readers.shell.wrappers import INERT, SHELLS, SWITCHERS, quote_word, script_of, source, unwrap_command

CLIENTS = frozenset({"docker", "docker-compose", "podman"})
OTHER_ENGINE = frozenset({"-H", "--host", "-c", "--context", "--config"})
GLOBAL_VALUES = OTHER_ENGINE | {"-l", "--log-level", "--tlscacert", "--tlscert", "--tlskey"}
EXEC_VALUES = frozenset({"-e", "--env", "--env-file", "-u", "--user", "-w", "--workdir", "--detach-keys", "--index"})
COMPOSE_VALUES = frozenset({"-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory"})
DEEPEST = 4
MOST_PARTS, MOST_CHARACTERS = 64, 4096
"""Limits of a word after substitution: each `a=$a$a;` doubles it, and one line of any user would fill the memory."""


@dataclass(frozen=True)
class Execution:
    """One command that would be run in a container.

    `docker` is the client as it is written (`docker`, `/usr/bin/docker`); `words` are those of the command, None where
    a word is not plain text. `path` is the PATH that is set for it, or "". `quiet` says that no option and no
    assignment could hold a secret.
    """

    docker: str
    target: Target
    words: tuple[str | None, ...]
    interactive: bool = False
    terminal: bool = False
    compose: bool = False
    path: str = ""
    quiet: bool = True

    def runs(self, expected: Sequence[str]) -> bool:
        """Whether it runs exactly the command `expected`.

        A directory before it and a shell around it make no difference.
        """
        return any(
            [first.rpartition("/")[2], *rest] == [expected[0].rpartition("/")[2], *expected[1:]]
            for first, *rest in self.inner()
            if first
        )

    def inner(self) -> list[list[str | None]]:
        """The commands that it runs in the container: its words, or those of the script that it gives to a shell."""
        words = list(self.words)
        name = (words[0] or "").rpartition("/")[2] if words else ""
        script = script_of([() if word is None else (Part("text", word),) for word in words[1:]])
        if name not in SHELLS or script is None:
            return [words] if words else []
        try:
            return [
                [literal_text(word) for word in command.words] for command in simple_commands(script) if command.words
            ]
        except Unreadable:
            return []


@dataclass
class Context:
    """State of a script while it is followed: variables, whether any was assigned besides PATH, and the command before.

    `depth` counts the shells around it.
    """

    variables: dict[str, Word] = field(default_factory=dict)
    assigned: bool = False
    before: Simple | None = None
    directory: str = ""
    depth: int = 0


def docker_executions(script: str, context: Context | None = None) -> Iterator[Execution]:
    """Every `docker exec` and `docker compose exec` in a script. Raises Unreadable.

    >>> [found] = docker_executions("docker exec -t $(docker ps -q -f name=postgres) backup > /dev/null 2>&1")
    >>> found.words, found.terminal, found.target.filters
    (('backup',), True, (('name', 'postgres'),))
    """
    context = context or Context()
    if context.depth > DEEPEST:
        raise Unreadable("too many shells inside each other")
    for command in simple_commands(script):
        yield from follow_command(command, context)
        context.before = command


def follow_command(command: Simple, context: Context) -> Iterator[Execution]:
    """The executions in one simple command; the variables that it sets are stored in the context."""
    own = {name: substitute_variables(word, context) for name, word in command.assigned}
    words = [substitute_variables(word, context) for word in command.words]
    context.assigned = context.assigned or any(name != "PATH" for name in own)
    if not words:
        context.variables.update(own)
        return
    name = literal_text(words[0]) or ""
    if name == "cd" and len(words) > 1:
        context.directory = (literal_text(words[-1]) or "").rstrip("/")
    elif name in ("export", "readonly", "local"):
        yield from follow_command(Simple((), ()), context)
        remember_variables(words[1:], context)
    elif name == "set" and "--" in [literal_text(word) for word in words]:
        set_positional(words[[literal_text(word) for word in words].index("--") + 1 :], context)
    elif name == "for" and len(words) > 3:
        context.variables[literal_text(words[1]) or ""] = words[3]
    else:
        yield from executions_of_words(words, own, context)


def remember_variables(words: Sequence[Word], context: Context) -> None:
    """Store the assignments among the words in the context; other words are ignored."""
    for word in words:
        text = literal_text(word) or ""
        if "=" in text:
            context.variables[text.partition("=")[0]] = (Part("text", text.partition("=")[2]),)


def set_positional(words: Sequence[Word], context: Context) -> None:
    """Store the words after `set --` as `$1`, `$2` and so on.

    A substitution, which may give several words, counts as one.
    """
    for number, word in enumerate(words, 1):
        context.variables[str(number)] = word
    if words:
        context.variables["@"] = context.variables["*"] = words[0]


def substitute_variables(word: Word, context: Context) -> Word:
    """The word with known variables replaced; unknown ones stay. Raises Unreadable when it grows beyond the limits."""
    parts: list[Part] = []
    for part in word:
        variable = context.variables.get(part.text) if part.kind == "variable" else None
        parts.extend(variable if variable is not None else (part,))
        if variable and (len(parts) > MOST_PARTS or sum(len(part.text) for part in parts) > MOST_CHARACTERS):
            raise Unreadable("its variables hold more than is followed here")
    return tuple(parts)


def executions_of_words(words: Sequence[Word], own: Mapping[str, Word], context: Context) -> Iterator[Execution]:
    """The executions in the words of one command, also behind wrappers such as sudo and inside shells.

    `own` are the assignments before it.
    """
    rest, path, assigned = unwrap_command(words)
    context.assigned = context.assigned or assigned
    name = (literal_text(rest[0]) or "").rpartition("/")[2] if rest else ""
    set_path = literal_text(own.get("PATH", context.variables.get("PATH", ()))) or path
    inner = Context(dict(context.variables), context.assigned, None, context.directory, context.depth + 1)
    if name in SHELLS | SWITCHERS | {"eval"}:
        script = " ".join(map(source, rest[1:])) if name == "eval" else script_of(rest[1:], anywhere=name in SWITCHERS)
        yield from docker_executions(script or "", inner)
    elif name == "xargs" and context.before is not None:
        yield from through_xargs(rest, own, context)
    elif name in CLIENTS:
        if execution := docker_execution(rest, name):
            quiet = execution.quiet and not context.assigned and not own
            target = replace(execution.target, directory=execution.target.directory or context.directory)
            yield replace(
                execution, target=target if target.kind == "compose" else execution.target, path=set_path, quiet=quiet
            )
    elif name not in INERT:
        yield from behind_unknown_program(name, rest[1:], inner)


def behind_unknown_program(name: str, words: Sequence[Word], context: Context) -> Iterator[Execution]:
    """The executions in the arguments of an unknown program, each with an unclear target.

    The program may run them, run them elsewhere, or not run them at all.
    """
    why = f"what `{name}` does with the command behind it is not known here"
    for number, word in enumerate(words):
        text = literal_text(word) or ""
        if text.rpartition("/")[2] in CLIENTS:
            execution = docker_execution(words[number:], text.rpartition("/")[2])
            yield from [replace(execution, target=Target("unclear", why=why), quiet=False)] if execution else []
            return
        if "docker" in text and " exec " in text:
            yield from (
                replace(execution, target=Target("unclear", why=why), quiet=False)
                for execution in docker_executions(text, context)
            )


def through_xargs(words: Sequence[Word], own: Mapping[str, Word], context: Context) -> Iterator[Execution]:
    """The executions of `docker ps -q … | xargs docker exec`: the output of the command before becomes words."""
    before = context.before
    named = next((literal_text(word) for flag, word in pairwise(words) if literal_text(flag) == "-I"), "{}")
    rest = after_options(words[1:], frozenset({"-I", "-n", "-P", "-L", "-d", "-E", "-s"}))
    given: Word = (Part("command", " ".join(quote_word(word) for word in before.words)),) if before else ()
    filled = [given if literal_text(word) == named else word for word in rest]
    yield from executions_of_words(filled, own, Context(context.variables, context.assigned, depth=context.depth))


def docker_execution(words: Sequence[Word], name: str) -> Execution | None:
    """The execution that a docker command is; None when it is another command of docker."""
    client = literal_text(words[0]) or name
    rest = list(words[1:]) if name == "docker-compose" else after_options(words[1:], GLOBAL_VALUES)
    before = [literal_text(word) or "" for word in words[1 : len(words) - len(rest)]]
    other = any(text.partition("=")[0] in OTHER_ENGINE or text.startswith("-H") for text in before)
    elsewhere = "it talks to another Docker engine" if other and name != "docker-compose" else ""
    if rest and literal_text(rest[0]) == "container":
        rest.pop(0)
    verb = literal_text(rest[0]) if rest else None
    if name == "docker-compose" or verb == "compose":
        return compose_execution(client, rest[1:] if verb == "compose" else rest, elsewhere)
    return exec_in_words(client, rest[1:], elsewhere) if verb == "exec" else None


def exec_in_words(client: str, words: Sequence[Word], elsewhere: str) -> Execution | None:
    """The execution of `docker exec` with these arguments; None without a container.

    `elsewhere` is the reason why its target is unclear, or "".
    """
    flags, rest = leading_options(words, EXEC_VALUES)
    if not rest:
        return None
    target = Target("unclear", why=elsewhere) if elsewhere else container_target(rest[0])
    return Execution(
        client,
        target,
        tuple(literal_text(word) for word in rest[1:]),
        interactive="i" in flags or "interactive" in flags,
        terminal="t" in flags or "tty" in flags,
        quiet="e" not in flags and "env" not in flags and not elsewhere,
    )


def compose_execution(client: str, words: Sequence[Word], elsewhere: str) -> Execution | None:
    """The execution of `docker compose` with these arguments; None when they are no `exec` with a service.

    `elsewhere` is the reason why its target is unclear, or "".
    """
    rest = after_options(words, COMPOSE_VALUES)
    before = words[: len(words) - len(rest)]
    if not rest or literal_text(rest[0]) != "exec":
        return None
    flags, rest = leading_options(rest[1:], EXEC_VALUES)
    if not rest:
        return None
    target = of_project(literal_text(rest[0]), before)
    return Execution(
        client,
        Target("unclear", why=elsewhere) if elsewhere else target,
        tuple(literal_text(word) for word in rest[1:]),
        terminal=not flags & {"T", "no-TTY", "no-tty", "d", "detach"},
        compose=True,
        quiet=not flags & {"e", "env"},
    )
