"""Whether a command that runs after a renewal makes a web server read its certificates again.

A hook counts only where it is understood as a reload, the script around it gets there, and its program is there, where
it runs. What is not understood is unknown; what is understood as something else does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from fleetkeeper.readers.docker.client_options import CLIENTS
from fleetkeeper.readers.docker.docker_exec import Execution, docker_execution, words_from_pipe
from fleetkeeper.readers.docker.exec_targets import Target, container_target, of_project, resolve_target
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.options import after_options, option_value
from fleetkeeper.readers.shell.script_state import Context, ExecutedCommand
from fleetkeeper.readers.shell.surroundings import Effort
from fleetkeeper.readers.shell.surroundings import Surroundings as ShellSurroundings
from fleetkeeper.readers.shell.words import Part, Unreadable, Word, literal_text
from fleetkeeper.readers.shell.wrappers import INERT, SHELLS, script_of
from fleetkeeper.topics.certificates.facts import Reloading
from fleetkeeper.topics.certificates.restart_commands import forced_service, possible_restart
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Unobservable

SERVERS = ("nginx", "openresty", "angie", "freenginx", "tengine")
WEB = (*SERVERS, "apache2", "httpd", "haproxy", "caddy", "lighttpd")
CONTROLS = ("apachectl", "apache2ctl", "httpd", "caddy")
MANAGERS = frozenset({"systemctl", "service", "rc-service", "supervisorctl", "sv", "s6-svc"})
AGAIN_WORDS = "reload restart force-reload try-restart reload-or-restart try-reload-or-restart hup graceful"
AGAIN = frozenset(AGAIN_WORDS.split())
HANGUP = frozenset({"HUP", "SIGHUP", "1"})
OTHER_SIGNALS = frozenset({"USR1", "SIGUSR1", "USR2", "SIGUSR2", "WINCH"})
"""Signals on which Caddy, Apache or HAProxy reload, and nginx does not."""
KNOWN = frozenset({*SERVERS, *MANAGERS, *CLIENTS, *CONTROLS, "kill", "pkill", "killall"})
"""Programs that may reload a server: whether each of them is there is asked where hooks run."""
BUILT_IN = frozenset({"kill", "exit", "return", "set", "export", ".", "source"})
OTHER_WORDS = (
    "chmod chown install ln openssl sendmail mailx msmtp umask trap wait postfix postconf doveadm certbot flock"
)
OTHERS = INERT | frozenset(OTHER_WORDS.split())
"""Programs that certainly reload no web server."""
PRESUMED = re.compile(
    r"(test|\[) -[xfeS] \S{0,80}?(certbot|nginx|docker|docker\.sock)( |$)|"
    r"(test|\[) -[fsre] \S{0,80}?nginx\S{0,9}\.pid |"
    r"(pgrep|pidof)( -\S{1,9}){0,3} nginx$|systemctl( -\S{1,9}){0,3} is-active( -\S{1,9}){0,3} nginx(\.service)?$|"
    r"\S{1,40} configtest$|service nginx (status|configtest)$"
)
"""Conditions in a place that cannot be asked: guards of packages in front of their own programs, and whether the
server runs, without which there is nothing to reload."""
KILL_VALUES = frozenset({"-s", "--signal", "-t", "--time"})
RENEWED: Mapping[str, Word] = {
    "RENEWED_LINEAGE": (Part("text", "/etc/letsencrypt/live/"), Part("variable", "NAME")),
    "RENEWED_DOMAINS": (Part("variable", "HOST"), Part("text", ".")),
}
"""What certbot sets for a hook: not known, and never empty."""


@dataclass(frozen=True)
class HookFile:
    """A file that is run as a hook. `trouble` is why it cannot run; `unread`: its text is not known."""

    text: str = ""
    trouble: str = ""
    unread: bool = False

    @property
    def needs(self) -> bool:
        """Whether it cannot run for lack of a program, which may be there in another place."""
        return self.trouble.startswith("needs ")


@dataclass(frozen=True)
class Surroundings:
    """The place where hooks run: names of programs that are certainly not there (`absent`), and files by path.

    `containers` are those of the node, which a hook may name. `ini` are the options in certbot's own file of options.
    `effort` is what may still be followed of its scripts. `certbot` is False where it is certainly not there.
    """

    absent: frozenset[str] = frozenset()
    files: Mapping[str, HookFile] = field(default_factory=dict)
    containers: Sequence[Container] = ()
    ini: tuple[str, ...] = ()
    certbot: bool = True
    depth: int = 0
    effort: Effort = field(default_factory=Effort, compare=False, repr=False)

    def lacks(self, program: str) -> bool:
        """Whether a program is certainly not there: the node's script did not find it, and no shell has it built in."""
        return program.rpartition("/")[2] in self.absent - BUILT_IN

    @property
    def deeper(self) -> Surroundings:
        """The same place for a script inside a script. Raises Unreadable for too many of them."""
        if self.depth > 3:
            raise Unreadable("too many shells inside each other")
        return replace(self, depth=self.depth + 1)

    @property
    def elsewhere(self) -> Surroundings:
        """What is known of another place that has the same files: not which programs are there."""
        files = {
            path: replace(file, trouble="", unread=True) if file.needs else file for path, file in self.files.items()
        }
        return replace(self, absent=frozenset(), files=files)

    def context(self) -> Context:
        """The state of a shell in which a script begins here: nothing can be asked, and what is usual is presumed."""
        texts = {path: file.text for path, file in self.files.items() if file.text}
        around = ShellSurroundings(texts=texts, absent=self.absent - BUILT_IN, presumed=PRESUMED, effort=self.effort)
        return Context(dict(RENEWED), around=around)


def merge(many: Iterable[Reloading]) -> Reloading:
    """All that several hooks do, as one Reloading: each container and sentence once; an empty one for none."""
    every = list(many)
    return Reloading(
        here=any(item.here for item in every),
        containers=tuple(dict.fromkeys(name for item in every for name in item.containers)),
        vain=tuple(dict.fromkeys(text for item in every for text in item.vain)),
        unclear=tuple(dict.fromkeys(text for item in every for text in item.unclear)),
    )


def reloading_of(where: str, script: str, around: Surroundings) -> Reloading:
    """What a hook does: the shell text `script`, which stands at `where`, in its surroundings.

    Nothing is raised: a text that cannot be read is `unclear`, one that certainly reloads nothing is `vain`.

    >>> reloading_of("a hook", "nginx -t && nginx -s reload", Surroundings()).here
    True
    >>> reloading_of("a hook", "systemctl reload nginx", Surroundings(frozenset({"systemctl"}))).vain
    ('a hook needs `systemctl`, which is not there',)
    >>> reloading_of("a hook", "cp a b", Surroundings()).vain
    ('a hook does something else',)
    """
    if "\r" in script:
        return Reloading(vain=(f"{where} has line ends of Windows (CR LF)",))
    try:
        context = around.context()
        together = effects(where, executed_commands(script, context), around.deeper)
    except Unreadable as odd:
        return Reloading(unclear=(f"{where} could not be read: {odd}",))
    unread = [path for path in context.around.sourced if path not in context.around.texts]
    if unread and not together.here:
        together = merge([together, Reloading(unclear=(f"what {unread[0]} does could not be seen",))])
    if together == Reloading():
        return Reloading(vain=(f"{where} does something else",))
    return together


def effects(where: str, commands: Iterable[ExecutedCommand], around: Surroundings) -> Reloading:
    """What the commands of a script do about servers: a reload that may not be reached is `unclear`.

    One that is never reached is `vain`. `where` names the script, in the sentences. Raises Unreadable.
    """
    return merge(effect for command in commands for effect in reached_effects(where, command, around))


def reached_effects(where: str, command: ExecutedCommand, around: Surroundings) -> Iterator[Reloading]:
    """What one command does, as far as its script gets to it. Raises Unreadable. `where` names the script."""
    words = command_words(command)
    name = (literal_text(words[0]) or "").rpartition("/")[2] if words else ""
    for effect in command_effects(where, name, words, around) if words else ():
        reloads = effect.here or effect.containers
        if command.reach.value is False:
            if reloads:
                yield Reloading(vain=(f"{where} never gets to its reload: {command.reach.why}",))
        elif command.reach.value is None and reloads:
            yield Reloading(unclear=(f"{where} reloads, but {command.reach.why or 'only under a condition'}",))
        else:
            yield effect


def command_words(command: ExecutedCommand) -> tuple[Word, ...]:
    """The words of a command; behind xargs those of the client of Docker that it runs, with what it reads."""
    behind = words_from_pipe(command) if command.name == "xargs" else ()
    client = (literal_text(behind[0]) or "").rpartition("/")[2] if behind else ""
    return behind if client in CLIENTS else command.words


def command_effects(where: str, name: str, words: Sequence[Word], around: Surroundings) -> Iterator[Reloading]:
    """What one command does. `name` is its program without a directory, `where` what names its script.

    `vain` where its program is not there, `unclear` for a program that is not known; nothing for one that certainly
    reloads no server. Raises Unreadable for a script that cannot be read.
    """
    if restart := possible_restart(name, words):
        yield Reloading(unclear=(f"{where} {restart}",))
    if reloads_here(name, words):
        lacking = around.lacks(name)
        yield Reloading(vain=(f"{where} needs `{name}`, which is not there",)) if lacking else Reloading(here=True)
    elif name in CLIENTS:
        yield from docker_effects(where, words, around)
    elif (file := around.files.get(shell_file(name, words))) is not None:
        yield file_effect(where, shell_file(name, words), file, around.deeper)
    elif name in ("kill", "pkill", "killall") and OTHER_SIGNALS & {text.lstrip("-") for text in texts_of(words)}:
        yield Reloading(unclear=(f"{where} sends a signal on which some servers reload, and others do not",))
    elif name not in OTHERS | KNOWN | BUILT_IN:
        yield Reloading(unclear=(f"{where} runs `{name or 'a variable'}`, and what that does is not known here",))


def texts_of(words: Sequence[Word]) -> list[str]:
    """The texts of words; "" for one that is not plain."""
    return [literal_text(word) or "" for word in words]


def shell_file(name: str, words: Sequence[Word]) -> str:
    """The path of the script that a command runs: its program, or the operand of a shell; "" for no plain text."""
    texts = texts_of(words)
    operands = [text for text in texts[1:] if not text.startswith("-")]
    return operands[0] if name in SHELLS and operands else texts[0]


def file_effect(where: str, path: str, file: HookFile, around: Surroundings) -> Reloading:
    """What a hook in a file does: `vain` where it cannot run, `unclear` where its text could not be seen.

    Else as `reloading_of`. `where` is what names the file, for the sentences: its own `path` for a hook by itself.
    """
    if file.trouble:
        return Reloading(vain=(f"{path} {file.trouble}",))
    if file.unread:
        return Reloading(unclear=(f"what {path} does could not be seen",))
    return reloading_of(path if where == path else f"{where} ({path})", file.text, around)


def reloads_here(name: str, words: Sequence[Word]) -> bool:
    """Whether a command reloads or restarts a web server where it runs. `name` is its program without a directory."""
    first, *rest = texts_of(words)
    if first.startswith("/etc/init.d/"):
        return name in WEB and bool(AGAIN & set(rest))
    if name in SERVERS:
        return any(pair in (("-s", "reload"), ("-s", "HUP")) for pair in pairwise(rest))
    if name in CONTROLS or name == "haproxy":
        return bool((AGAIN | {"-sf"}) & set(rest))
    if name in ("kill", "pkill", "killall"):
        return sends_hangup(rest) and (is_first_process(words) if name == "kill" else any(web in rest for web in WEB))
    if name in MANAGERS:
        units = [text.removesuffix(".service") for text in rest]
        return bool(AGAIN & set(rest) or {"-h", "-r", "HUP"} & set(rest)) and any(
            unit.rpartition("/")[2] in WEB for unit in units
        )
    return False


def sends_hangup(rest: Sequence[str]) -> bool:
    """Whether the options of `kill` and the like choose the signal on which servers read their files again."""
    return any(
        text.lstrip("-") in HANGUP or text.removeprefix("-s") in HANGUP for text in rest if text.startswith("-")
    ) or any(pair[0] in ("-s", "--signal") and pair[1] in HANGUP for pair in pairwise(rest))


def is_first_process(words: Sequence[Word]) -> bool:
    """Whether `kill` is given process 1, or the output of a command that names a web server's pid file or process."""
    last = words[-1]
    if literal_text(last) == "1":
        return len(words) > 2
    return any(part.kind == "command" and "pid" in part.text and any(web in part.text for web in WEB) for part in last)


def docker_effects(where: str, words: Sequence[Word], around: Surroundings) -> Iterator[Reloading]:
    """The containers whose server a command of Docker reloads or restarts; nothing for a command that does neither.

    `where` names its script, in the sentences. `vain` where the client is not there, `unclear` where it is not known
    which container it names, or what it runs.
    """
    if around.lacks(literal_text(words[0]) or "docker"):
        yield Reloading(vain=(f"{where} needs `docker`, which is not there",))
        return
    run = docker_execution(words, (literal_text(words[0]) or "").rpartition("/")[2])
    inside = inside_effects(where, run, around) if run else Reloading()
    if inside.unclear and not inside.here:
        yield Reloading(unclear=inside.unclear)
    try:
        for target in [*([run.target] if run and inside.here else []), *docker_targets(words)]:
            found = resolve_target(target, around.containers)
            yield Reloading(containers=tuple(container.id for container in found))
    except Unobservable as why:
        yield Reloading(unclear=(f"{where}: {why.why}",))
    if OTHER_SIGNALS & {text.removeprefix("--signal=").lstrip("-") for text in texts_of(words)}:
        yield Reloading(unclear=(f"{where} sends a signal on which some servers reload, and others do not",))


def inside_effects(where: str, run: Execution, around: Surroundings) -> Reloading:
    """What a `docker exec` does in its container, of which nothing is known; programs that are not known are left out.

    A script of its own, by its path, is `unclear`. `where` names what runs it. Raises Unreadable.
    """
    words = as_words(run.words)
    there = Surroundings(depth=around.deeper.depth, effort=run.effort)
    script = inner_script(words)
    if script is not None:
        return reloading_of(where, script, there)
    first = (literal_text(words[0]) or "") if words else ""
    if first.startswith("/") and first.rpartition("/")[2] not in KNOWN | OTHERS:
        return Reloading(unclear=(f"{where} runs `{first[:60]}` in a container, which could not be seen",))
    return Reloading(here=bool(words) and reloads_here(first.rpartition("/")[2], words))


def inner_script(words: Sequence[Word]) -> str | None:
    """The script that a command gives to a shell; None for any other command."""
    name = (literal_text(words[0]) or "").rpartition("/")[2] if words else ""
    return script_of(words[1:]) if name in SHELLS else None


def docker_targets(words: Sequence[Word]) -> Iterator[Target]:
    """The containers that a command of Docker's client restarts, or sends HUP to, if any."""
    rest = after_options(words[1:], frozenset({"-H", "--host", "-c", "--context"}))
    compose = literal_text(words[0]) == "docker-compose" or (rest and literal_text(rest[0]) == "compose")
    if compose:
        yield from compose_targets(rest[1:] if literal_text(words[0]) != "docker-compose" else rest)
        return
    if service := forced_service(words):
        yield Target("lookup", filters=(("label", f"{SWARM_SERVICE}={service}"),))
    if rest and literal_text(rest[0]) == "container":
        rest = rest[1:]
    verb = literal_text(rest[0]) if rest else ""
    if verb == "restart" or (verb == "kill" and signals_hangup(rest[1:])):
        for word in after_options(rest[1:], KILL_VALUES):
            yield container_target(word)


def compose_targets(words: Sequence[Word]) -> Iterator[Target]:
    """The services that `docker compose restart` or `kill -s HUP` names; none for other verbs, or without names."""
    valued = frozenset({"-f", "--file", "-p", "--project-name", "--profile", "--env-file", "--project-directory"})
    rest = after_options(words, valued)
    before = words[: len(words) - len(rest)]
    verb = literal_text(rest[0]) if rest else ""
    if verb == "restart" or (verb == "kill" and signals_hangup(rest[1:])):
        for word in after_options(rest[1:], KILL_VALUES):
            yield of_project(literal_text(word), before)


def signals_hangup(words: Sequence[Word]) -> bool:
    """Whether the options of `docker kill` choose the signal on which servers read their files again."""
    return option_value(words, "-s", "--signal") in HANGUP or any(
        (literal_text(word) or "").removeprefix("-s") in HANGUP for word in words
    )


def as_words(line: Sequence[str | None]) -> list[Word]:
    """Plain texts as words of a command; None as an unknown variable."""
    return [(Part("variable", "UNKNOWN"),) if text is None else (Part("text", text),) for text in line]
