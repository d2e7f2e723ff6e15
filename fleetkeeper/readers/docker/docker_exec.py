"""Which commands a command line runs in which containers. Nothing is ever executed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from fleetkeeper.readers.docker.client_options import CLIENTS, COMPOSE_VALUES, GLOBAL_VALUES
from fleetkeeper.readers.docker.engine_choice import ELSEWHERE, chosen_context, engine_choice
from fleetkeeper.readers.docker.exec_targets import Target, container_target, of_project
from fleetkeeper.readers.docker.halted_containers import HaltedContainers
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.options import after_options, leading_options, option_value
from fleetkeeper.readers.shell.script_state import NO_FATE, Context, ExecutedCommand, Fate
from fleetkeeper.readers.shell.surroundings import Effort, Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrappers import INERT, quote_word, unwrap_command

EXEC_VALUES = frozenset({"-e", "--env", "--env-file", "-u", "--user", "-w", "--workdir", "--detach-keys", "--index"})
NOTHING: Mapping[str, Word] = {}


@dataclass(frozen=True)
class Execution:
    """One command that would be run in a container.

    `docker` is the client as it is written (`docker`, `/usr/bin/docker`); `words` are those of the command, None where
    a word is not plain text. `path` is the PATH that is set for it, or "". `quiet` says that no option and no
    assignment could hold a secret. `reach` says whether the script around it gets to it, and `user` which account runs
    it where that is another than the script's. `fate` is what becomes of its status and output.
    `effort` is what may still be followed of it. `chosen`: it says itself which engine it asks.
    """

    docker: str
    target: Target
    words: tuple[str | None, ...]
    interactive: bool = False
    terminal: bool = False
    compose: bool = False
    path: str = ""
    quiet: bool = True
    reach: Truth = YES
    user: str = ""
    fate: Fate = NO_FATE
    chosen: bool = False
    effort: Effort = field(default_factory=Effort, compare=False, repr=False)

    def runs(self, expected: Sequence[str]) -> bool:
        """Whether it runs exactly the command `expected`.

        A directory before it and a shell around it make no difference. False where its script cannot be read.
        """
        return any(is_command(words, expected) for words in self.inner())

    def reach_of(self, expected: Sequence[str]) -> Truth:
        """Whether the script gets to the command `expected`, also inside the container, as far as that can be told."""
        inside = [command.reach for command in self.commands() if is_command(plain_texts(command.words), expected)]
        best = [truth for value in (True, None, False) for truth in inside if truth.value is value]
        return both(self.reach, best[0] if best else YES)

    def inner(self) -> list[list[str | None]]:
        """The commands that it runs in the container: its words, or those of the script that it gives to a shell.

        Empty without words, and for a script that cannot be read. Wrappers such as nice are left out.
        """
        return [plain_texts(command.words) for command in self.commands() if command.words]

    def commands(self) -> list[ExecutedCommand]:
        """The commands that it runs in the container, each with whether its script gets to it, as `inner` has them."""
        words = [(Part("variable", "UNKNOWN"),) if word is None else (Part("text", word),) for word in self.words]
        try:
            inside = Context(around=Surroundings(elsewhere=True, effort=self.effort))
            return executed_commands(" ".join(map(quote_word, words)), inside)
        except Unreadable:
            return []


def plain_texts(words: Sequence[Word]) -> list[str | None]:
    """The texts of words, None for each that is not plain."""
    return [literal_text(word) for word in words]


def is_command(words: Sequence[str | None], expected: Sequence[str]) -> bool:
    """Whether these words (None: not known) are exactly the command `expected`, wherever its program is."""
    first = words[0] if words else None
    own = [first.rpartition("/")[2], *words[1:]] if first else []
    return own == [expected[0].rpartition("/")[2], *expected[1:]]


def docker_executions(script: str, context: Context | None = None) -> Iterator[Execution]:
    """Every `docker exec` and `docker compose exec` in a script, each with whether it is run. Raises Unreadable.

    `context` (None: a fresh one) is where the script begins; it is changed, and its `around` gets questions.

    >>> [found] = docker_executions("docker exec -t $(docker ps -q -f name=postgres) backup > /dev/null 2>&1")
    >>> found.words, found.terminal, found.target.filters
    (('backup',), True, (('name', 'postgres'),))
    """
    context = context or Context()
    for _, execution in executions_among(executed_commands(script, context), context):
        yield execution


def executions_among(commands: Sequence[ExecutedCommand], context: Context) -> Iterator[tuple[int, Execution]]:
    """The executions in the commands of one script, each with its command's number; not reached in a halted container.

    Raises Unreadable.
    """
    halted, elsewhere = HaltedContainers(), False
    for number, command in enumerate(commands):
        for execution in executions_of(command, context):
            target = Target("unclear", why=ELSEWHERE) if elsewhere else execution.target
            yield number, replace(execution, target=target, reach=both(execution.reach, halted.leave(target)))
        if command.reach.value is not False and (chosen := chosen_context(command.words)):
            elsewhere = chosen != "default"
        words = words_from_pipe(command) if command.name == "xargs" else command.words
        if not elsewhere and not engine_choice(command.settings, (), context.around).why:
            halted.follow(words, command.directory, command.reach)


def executions_of(command: ExecutedCommand, context: Context) -> Iterator[Execution]:
    """The executions in one command of a script, each with whether the script gets to it; nothing when it has none.

    Nothing for a program that runs none of its arguments; each has an unclear target behind a program that is
    not known here. Raises Unreadable.
    """
    name, rest = command.name, list(command.words)
    if name == "xargs" and command.before is not None:
        executions = through_xargs(command, context)
    elif name in CLIENTS:
        executions = of_client(command, rest, context.around)
    elif name in INERT or not rest:
        return
    else:
        executions = behind_unknown_program(name, rest[1:], context)
    for execution in executions:
        reach = both(both(command.reach, same_lookup(command, rest)), reads_files(rest, context.around))
        effort = context.around.effort
        reach = both(reach, execution.reach)
        yield replace(execution, reach=reach, user=command.user, fate=command.fate, effort=effort)


def of_client(command: ExecutedCommand, rest: Sequence[Word], around: Surroundings) -> Iterator[Execution]:
    """The execution that a command of docker, podman or docker-compose is; nothing when it is another one.

    A client or a project that is given relative to the script's directory is completed with it.
    """
    if execution := docker_execution(rest, command.name, command.settings, around):
        target, client = execution.target, execution.docker
        if target.kind == "compose":
            target = replace(target, directory=target.directory or command.directory)
        if client.startswith("./") and command.directory.startswith("/"):
            client = f"{command.directory}/{client[2:]}"
        quiet = execution.quiet and command.quiet and not command.own
        yield replace(execution, docker=client, target=target, path=command.path, quiet=quiet)


def same_lookup(command: ExecutedCommand, words: Sequence[Word]) -> Truth:
    """Whether the lookups that a condition expects to find something are those of the container itself.

    Where they are others, it is not known whether they find anything. YES without lookups of either.
    """
    own = {part.text.strip() for word in words for part in word if part.kind == "command"}
    others = [lookup for lookup in command.lookups if own and lookup.strip() not in own]
    return Truth(None, f"whether `{others[0][:100]}` prints anything cannot be told") if others else YES


def reads_files(words: Sequence[Word], around: Surroundings) -> Truth:
    """Whether docker can read the file of `--env-file`: else it runs nothing. YES without one, and one that is unknown.

    >>> reads_files([(Part("text", word),) for word in ("docker", "exec", "db", "backup")], Surroundings()).value
    True
    """
    path = option_value(words, "--env-file")
    if not path.startswith("/") or literal_text(words[0]) is None or around.elsewhere:
        return YES
    there = around.passes(path, "e")
    return Truth(False, f"docker finds no `--env-file {path[:80]}`") if there.value is False else YES


def behind_unknown_program(name: str, words: Sequence[Word], context: Context) -> Iterator[Execution]:
    """The executions in the arguments of an unknown program, each with an unclear target.

    The program may run them, run them elsewhere, or not run them at all. Raises Unreadable for a script in one of them
    that cannot be read.
    """
    why = f"what `{name}` does with the command behind it is not known here"
    ends = [number for number, word in enumerate(words) if name == "find" and literal_text(word) in (";", "+")]
    words = words[: ends[0]] if ends else words
    for number, word in enumerate(words):
        text = literal_text(word) or ""
        if text.rpartition("/")[2] in CLIENTS:
            execution = docker_execution(words[number:], text.rpartition("/")[2])
            yield from [replace(execution, target=Target("unclear", why=why), quiet=False)] if execution else []
            return
        if "docker" in text and " exec " in text:
            yield from (
                replace(execution, target=Target("unclear", why=why), quiet=False)
                for execution in docker_executions(text, context.inner())
            )


def through_xargs(command: ExecutedCommand, context: Context) -> Iterator[Execution]:
    """The executions of `docker ps -q … | xargs docker exec`. Nothing when xargs runs no client. Raises Unreadable."""
    words = words_from_pipe(command)
    if words and (literal_text(words[0]) or "").rpartition("/")[2] in CLIENTS:
        yield from executions_of(replace(command, words=words, before=None), context)


def words_from_pipe(command: ExecutedCommand) -> tuple[Word, ...]:
    """The words of the command that xargs runs: the output of the command before it is its last word.

    With `-I NAME`, it takes the place of NAME. Empty where nothing stands before it, or behind it.
    """
    before, words = command.before, command.words
    named = option_value(words, "-I") or next((t[2:] for t in map(literal_text, words) if t and t[:2] == "-I"), "")
    rest, _, _ = unwrap_command(after_options(words[1:], frozenset({"-I", "-n", "-P", "-L", "-d", "-E", "-s"})))
    if before is None or not rest:
        return ()
    given: Word = (Part("command", " ".join(quote_word(word) for word in before.words)),)
    if not named and "{}" not in map(literal_text, rest):
        return (*rest, given)
    return tuple(given if literal_text(word) == (named or "{}") else word for word in rest)


def docker_execution(
    words: Sequence[Word], name: str, settings: Mapping[str, Word] = NOTHING, around: Surroundings | None = None
) -> Execution | None:
    """The execution that a docker command is; None when it is another command of docker, or names no container.

    `words` begin with the client, as it is written; `name` is that without a directory. `settings` are the variables
    that it gets, `around` is what is known of the node (None: nothing).
    """
    client = literal_text(words[0]) or name
    rest = after_options(words[1:], GLOBAL_VALUES | COMPOSE_VALUES if name == "docker-compose" else GLOBAL_VALUES)
    options = words[1 : len(words) - len(rest)]
    choice = engine_choice(settings, options, around or Surroundings())
    if rest and literal_text(rest[0]) == "container":
        rest.pop(0)
    verb = literal_text(rest[0]) if rest else None
    made: Execution | None = None
    if name == "docker-compose" or verb == "compose":
        words = rest[1:] if verb == "compose" else [*options, *rest]
        made = compose_execution(client, words, choice.why)
    elif verb == "exec":
        made = exec_in_words(client, rest[1:], choice.why)
    return replace(made, chosen=choice.made) if made else None


def exec_in_words(client: str, words: Sequence[Word], elsewhere: str) -> Execution | None:
    """The execution of `docker exec` with these arguments; None without a container.

    `words` are those behind `exec`. `client` is Docker's, as it is written; `elsewhere` the reason why the target is
    unclear, or "".
    """
    flags, rest = leading_options(words, EXEC_VALUES)
    if not rest:
        return None
    options = words[: len(words) - len(rest)]
    denied = denied_flags(options)
    target = Target("unclear", why=elsewhere) if elsewhere else container_target(rest[0])
    return Execution(
        client,
        replace(target, user=inside_user(options)),
        tuple(literal_text(word) for word in rest[1:]),
        reach=same_server(options),
        interactive=bool({"i", "interactive"} & flags - denied),
        terminal=bool({"t", "tty"} & flags - denied),
        quiet="e" not in flags and "env" not in flags and not elsewhere,
    )


def inside_user(options: Sequence[Word]) -> str:
    """The account that the options of `docker exec` name with -u or --user; "" without one, `$` for a variable.

    >>> [inside_user([(Part("text", text),)]) for text in ("-u33", "--user=www-data", "-it", "-itu0")]
    ['33', 'www-data', '', '0']
    """
    texts = [literal_text(word) or "$" for word in options]
    for number, text in enumerate(texts):
        name, _, value = text.partition("=") if text.startswith("--") else ("", "", "")
        letters = re.match("-[^-euw]*u(.*)", text)
        if name == "--user" or letters:
            return value or (letters[1] if letters else "") or "".join(texts[number + 1 : number + 2])
    return ""


def same_server(options: Sequence[Word]) -> Truth:
    """Whether the options leave a database program with the container's own server: they may set another for libpq.

    >>> same_server([(Part("text", "-e"),), (Part("text", "PGHOST=old-db"),)]).value is None
    True
    """
    for word in options:
        match = SERVER.fullmatch((literal_text(word) or "").removeprefix("--env=").removeprefix("-e"))
        if match and match[2] not in ("localhost", "127.0.0.1", "::1") and not (match[2] or "").startswith("/"):
            return Truth(None, f"it sets {match[1]} for its command, which may then ask another server")
    return YES


SERVER = re.compile("(PGHOST|PGHOSTADDR|PGPORT|PGSERVICE)(?:=(.*))?")
"""Variables that choose the server. Source: https://www.postgresql.org/docs/current/libpq-envars.html"""


def denied_flags(words: Sequence[Word]) -> set[str]:
    """The flags that these options switch off: `--tty=false`, and of `-it=false` the last letter.

    >>> sorted(denied_flags([(Part("text", word),) for word in ("-it=false", "--interactive=0", "-i")]))
    ['interactive', 't']
    """
    matches = [NO_FLAG.fullmatch(literal_text(word) or "") for word in words]
    return {match[1] or match[2] for match in matches if match}


NO_FLAG = re.compile(r"(?:-\w*(\w)|--(\w+))=(?:0|f|F|false|FALSE|False)")


def compose_execution(client: str, words: Sequence[Word], elsewhere: str) -> Execution | None:
    """The execution of `docker compose` with these arguments; None when they are no `exec` with a service.

    `words` are those behind `compose`. `client` is Docker's, as it is written; `elsewhere` the reason why the target is
    unclear, or "".
    """
    rest = after_options(words, GLOBAL_VALUES | COMPOSE_VALUES)
    before = words[: len(words) - len(rest)]
    if not rest or literal_text(rest[0]) != "exec":
        return None
    given = rest[1:]
    flags, rest = leading_options(given, EXEC_VALUES)
    if not rest:
        return None
    options = given[: len(given) - len(rest)]
    target = of_project(literal_text(rest[0]), before)
    return Execution(
        client,
        replace(Target("unclear", why=elsewhere) if elsewhere else target, user=inside_user(options)),
        tuple(literal_text(word) for word in rest[1:]),
        reach=same_server(options),
        terminal=not flags & {"T", "no-TTY", "no-tty", "d", "detach"},
        compose=True,
        quiet=not flags & {"e", "env"},
    )
