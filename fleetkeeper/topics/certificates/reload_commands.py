"""Whether a command that runs after a renewal makes a web server read its certificates again.

A hook counts only where it is understood as a reload, and its program is there, where it runs. What is not understood
is unknown; what is understood as something else does not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from fleetkeeper.readers.docker.docker_exec import CLIENTS, docker_execution
from fleetkeeper.readers.docker.exec_targets import Target, container_target, of_project, resolve_target
from fleetkeeper.readers.shell.options import after_options, option_value
from fleetkeeper.readers.shell.words import (
    CLOSERS,
    OPENERS,
    Part,
    Reader,
    Unreadable,
    Word,
    literal_text,
    without_reserved_words,
)
from fleetkeeper.readers.shell.wrappers import INERT, SHELLS, script_of, unwrap_command
from fleetkeeper.topics.certificates.facts import Reloading
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Unobservable

SERVERS = ("nginx", "openresty", "angie", "freenginx", "tengine")
WEB = (*SERVERS, "apache2", "httpd", "haproxy", "caddy", "lighttpd")
MANAGERS = frozenset({"systemctl", "service", "rc-service", "supervisorctl", "sv", "s6-svc"})
AGAIN_WORDS = "reload restart force-reload try-restart reload-or-restart try-reload-or-restart hup graceful"
AGAIN = frozenset(AGAIN_WORDS.split())
HANGUP = frozenset({"HUP", "SIGHUP", "1"})
KNOWN = frozenset({*SERVERS, *MANAGERS, *CLIENTS, "kill", "pkill", "killall", "apachectl", "apache2ctl", "httpd"})
"""Programs that may reload a server: whether each of them is there is asked where hooks run."""
BUILT_IN = frozenset({"kill", "exit", "return", "set", "export", ".", "source"})
OTHERS = INERT | {"chmod", "chown", "install", "ln", "openssl", "sendmail", "mailx", "msmtp", "umask", "trap", "wait"}
"""Programs that certainly reload no server."""
BLOCKS = ("if", "while", "until", "for", "case")
PROGRAM_TEST = re.compile(r"(test|\[) (-[xfeS] \S*(certbot|nginx|docker|docker\.sock)( |$)|-n \$|\$ -(eq|gt|ge) [01])")
"""The usual guards of packages in front of their own programs, and those that ask whether a container was found."""
GUARDS = ("[", "test", "false", "mountpoint", "grep", "pgrep")
KILL_VALUES = frozenset({"-s", "--signal", "-t", "--time"})


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
    """

    absent: frozenset[str] = frozenset()
    files: Mapping[str, HookFile] = field(default_factory=dict)
    containers: Sequence[Container] = ()
    ini: tuple[str, ...] = ()
    depth: int = 0

    def lacks(self, program: str) -> bool:
        """Whether a program is certainly not there: the node's script did not find it, and no shell has it built in."""
        return program.rpartition("/")[2] in self.absent - BUILT_IN

    @property
    def elsewhere(self) -> Surroundings:
        """What is known of another place that has the same files: not which programs are there."""
        files = {
            path: replace(file, trouble="", unread=True) if file.needs else file for path, file in self.files.items()
        }
        return replace(self, absent=frozenset(), files=files)


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
        parts = list(effects(where, script, around))
    except Unreadable as odd:
        return Reloading(unclear=(f"{where} could not be read: {odd}",))
    together = merge(parts)
    if together == Reloading():
        return Reloading(vain=(f"{where} does something else",))
    return together


@dataclass(frozen=True)
class Step:
    """One simple command, its words, and why it may not be reached (`guarded`), empty where it is."""

    words: tuple[Word, ...]
    guarded: str = ""

    @property
    def name(self) -> str:
        """Its program as it is written; "" where that is not plain text."""
        return literal_text(self.words[0]) or ""


def steps(script: str) -> Iterator[Step]:
    """The simple commands of a script up to an `exit` that is always reached, each with what it depends on.

    Raises Unreadable. A loop of `while true` counts as reached.
    """
    words: list[Word] = []
    before, last = "", ""
    blocks: list[str] = []
    for token in (*Reader(script).tokens(), "\n"):
        if isinstance(token, tuple):
            words.append(token)
            continue
        follow_blocks(words, blocks)
        for command in without_reserved_words(words, piped=False):
            if not command.words:
                continue
            step = Step(command.words, guarded_by(before, last, blocks))
            yield step
            if step.name in ("exit", "return") and not step.guarded:
                return
            if blocks[-1:] in (["while"], ["until"]) and step.name in (":", "true", "false"):
                blocks[-1] = "for"
            last = " ".join(literal_text(word) or "$" for word in command.words)
        before, words = token, []


def follow_blocks(words: Sequence[Word], blocks: list[str]) -> None:
    """Open and close blocks as the reserved words before a command do: changes `blocks`, the words that opened them.

    Words after the first that is not reserved do not count.
    """
    for word in words:
        text = literal_text(word) or ""
        if text in BLOCKS:
            blocks.append(text)
        elif text in ("fi", "done", "esac") and blocks:
            blocks.pop()
        if text not in OPENERS | CLOSERS:
            return


def guarded_by(before: str, last: str, blocks: Sequence[str]) -> str:
    """Why a command may not be reached, from the separator and command before it, and the blocks around it; else empty.

    Guards of the usual kind (`PROGRAM_TEST`) and loops of `for` count as passed.
    """
    if any(block != "for" for block in blocks):
        return "only under a condition that is not judged here"
    first = last.split(" ", maxsplit=1)[0].rpartition("/")[2]
    if before == "||" or (before == "&&" and first in GUARDS and not PROGRAM_TEST.match(last)):
        return f"only as `{last[:60]}` decides"
    return ""


def effects(where: str, script: str, around: Surroundings) -> Iterator[Reloading]:
    """What each command of a script does about servers; nothing for those that certainly do something else.

    A reload that may not be reached is `unclear`. Raises Unreadable.
    """
    if around.depth > 3:
        raise Unreadable("too many shells inside each other")
    for step in steps(script):
        words, _, _ = unwrap_command(step.words)
        if not words:
            continue
        name = (literal_text(words[0]) or "").rpartition("/")[2]
        for effect in command_effects(where, name, words, around):
            certain = not step.guarded or effect == Reloading(vain=effect.vain)
            yield effect if certain else Reloading(unclear=(f"{where} reloads, but {step.guarded}",))


def command_effects(where: str, name: str, words: Sequence[Word], around: Surroundings) -> Iterator[Reloading]:
    """What one command does. `name` is its program without a directory; a shell's script is followed.

    `vain` where its program is not there, `unclear` for a program that is not known; nothing for one that certainly
    reloads no server. Raises Unreadable for a script that cannot be read.
    """
    path = literal_text(words[0]) or ""
    deeper = replace(around, depth=around.depth + 1)
    if reloads_here(name, words):
        lacking = around.lacks(name)
        yield Reloading(vain=(f"{where} needs `{name}`, which is not there",)) if lacking else Reloading(here=True)
    elif name in CLIENTS:
        yield from docker_effects(where, words, around)
    elif name in SHELLS and (script := script_of(words[1:])) is not None:
        yield from effects(where, script, deeper)
    elif (file := around.files.get(shell_file(name, words))) is not None:
        yield file_effect(where, shell_file(name, words), file, deeper)
    elif name not in OTHERS | KNOWN | BUILT_IN | OPENERS and not path.startswith("#"):
        yield Reloading(unclear=(f"{where} runs `{name or 'a variable'}`, and what that does is not known here",))


def shell_file(name: str, words: Sequence[Word]) -> str:
    """The path of the script that a command runs: its program, or the operand of a shell; "" for no plain text."""
    texts = [literal_text(word) or "" for word in words]
    operands = [text for text in texts[1:] if not text.startswith("-")]
    return operands[0] if name in SHELLS | {".", "source"} and operands else texts[0]


def file_effect(where: str, path: str, file: HookFile, around: Surroundings) -> Reloading:
    """What a hook in a file does: `vain` where it cannot run, `unclear` where its text could not be seen."""
    if file.trouble:
        return Reloading(vain=(f"{path} {file.trouble}",))
    if file.unread:
        return Reloading(unclear=(f"what {path} does could not be seen",))
    return reloading_of(path if where == path else f"{where} ({path})", file.text, around)


def reloads_here(name: str, words: Sequence[Word]) -> bool:
    """Whether a command reloads or restarts a web server where it runs. `name` is its program without a directory.

    That is by signal, `-s reload`, an init script, or a service manager.
    """
    texts = [literal_text(word) for word in words]
    rest = [text or "" for text in texts[1:]]
    if (texts[0] or "").startswith("/etc/init.d/"):
        return name in WEB and bool(AGAIN & set(rest))
    if name in SERVERS:
        return any(pair in (("-s", "reload"), ("-s", "HUP")) for pair in pairwise(rest))
    if name in ("apachectl", "apache2ctl", "httpd"):
        return bool(AGAIN & set(rest))
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

    `vain` where the client is not there, `unclear` where it is not known which container it names.
    """
    if around.lacks(literal_text(words[0]) or "docker"):
        yield Reloading(vain=(f"{where} needs `docker`, which is not there",))
        return
    try:
        targets = list(docker_targets(words))
        for target in targets:
            found = resolve_target(target, around.containers)
            yield Reloading(containers=tuple(container.id for container in found))
    except Unobservable as why:
        yield Reloading(unclear=(f"{where}: {why.why}",))


def docker_targets(words: Sequence[Word]) -> Iterator[Target]:
    """The containers that a command of Docker's client restarts, sends HUP to, or reloads a server in, if any.

    Raises Unreadable for a script that cannot be parsed.
    """
    run = docker_execution(words, (literal_text(words[0]) or "").rpartition("/")[2])
    if run and any(reloads_here((line[0] or "").rpartition("/")[2], as_words(line)) for line in run.inner() if line):
        yield run.target
    rest = after_options(words[1:], frozenset({"-H", "--host", "-c", "--context"}))
    compose = literal_text(words[0]) == "docker-compose" or (rest and literal_text(rest[0]) == "compose")
    if compose:
        yield from compose_targets(rest[1:] if literal_text(words[0]) != "docker-compose" else rest)
        return
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
