"""What is scheduled on a node and removes files in the directory of dumps: another retention beside the policy's."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fleetkeeper.readers.cron.crontab import cut_at_percent, parse
from fleetkeeper.readers.cron.crontab_files import body
from fleetkeeper.readers.docker.docker_exec import executions_of
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context, ExecutedCommand
from fleetkeeper.readers.shell.words import Unreadable, Word, literal_text
from fleetkeeper.readers.systemd_units import command_lines, units
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.schedules.facts import Deleter
from fleetkeeper.topics.schedules.parse import ScheduledBackups

REMOVERS = frozenset({"rm", "unlink", "shred", "tmpreaper", "tmpwatch"})
CLEANER = re.compile(r"(?:[\w.]+[-_])?(?:clean|cleanup|prune|purge|rotate|expire)(?:[-_.]\w+)?", re.ASCII)
SIGNS = re.compile(r"-delete|\brm\b|unlink|shred|tmpreaper|tmpwatch|clean|prune|purge|rotate|expire")


@dataclass(frozen=True)
class DumpDirectories:
    """The directory of the dumps, as the node and as the container sees it."""

    node: str
    container: str


def dump_directories(policy: Policy) -> DumpDirectories:
    """Where the node and the container have the dumps of a policy; a named volume is taken to be at Docker's path."""
    root = policy.volume.path or f"/var/lib/docker/volumes/{policy.volume.name}/_data"
    return DumpDirectories(f"{root}/{policy.path}".rstrip("/"), f"{policy.directory}/{policy.path}".rstrip("/"))


def find_deleters(scheduled: ScheduledBackups, policy: Policy) -> Iterator[Deleter]:
    """Every place of a node that removes files in the directory of the dumps, once for each program and container."""
    directories = dump_directories(policy)
    for place, line, text in dict.fromkeys(scheduled_texts(scheduled)):
        if SIGNS.search(text):
            for program, target in dict.fromkeys(removing_programs(text, directories)):
                yield Deleter(place, line, program, target)


def scheduled_texts(scheduled: ScheduledBackups) -> Iterator[tuple[str, int, str]]:
    """Place, line and text of everything that is scheduled, and of the scripts behind it that were read.

    The line is 0 where there are none. Lines that are commented out, or that cron cannot parse, are left out.
    """
    printed = scheduled.answers.printed
    for file in printed.files:
        if file.kind == "directory":
            yield file.path, 0, file.content.decode("utf-8", "surrogateescape")
        elif file.kind in ("user", "system"):
            for job in parse(body(file), system=file.kind == "system").jobs:
                yield file.path, job.line, cut_at_percent(job.command)[0]
    for unit in units(printed.lines.get("service", [])):
        yield unit.get("Id", "a timer"), 0, command_lines(unit.get("ExecStart", ""))
    for behind in scheduled.behind:
        if script := scheduled.answers.script(behind.call.path):
            yield behind.suspect.place, behind.suspect.line, script.content.decode("utf-8", "surrogateescape")


def removing_programs(text: str, directories: DumpDirectories) -> Iterator[tuple[str, Target | None]]:
    """The programs in a script that remove files of the dumps, each with its container; None for the node itself.

    What is surely not run is left out. In a container a program named for cleaning up counts whatever its arguments.
    A script that cannot be parsed yields nothing. `directories` are those of the dumps on the node and in the
    container.

    >>> both = DumpDirectories("/srv/dumps", "/backups")
    >>> [name for name, _ in removing_programs("find /srv/dumps -mtime +7 -delete; rm /tmp/x", both)]
    ['find']
    """
    context = Context()
    try:
        commands = executed_commands(text, context)
        for command in commands:
            if command.reach.value is False:
                continue
            if removes_in(command, directories.node):
                yield command.name, None
            for run in executions_of(command, context):
                for words in run.inner():
                    name = (words[0] or "").rpartition("/")[2] if words else ""
                    if CLEANER.fullmatch(name) or (deletes(name, words) and below(words[1:], directories.container)):
                        yield name, run.target
    except Unreadable:
        return


def removes_in(command: ExecutedCommand, directory: str) -> bool:
    """Whether a command of the node removes files in this directory: by its words, its input, or by working in it."""
    texts = list(map(beginning, command.words))
    if command.name == "xargs" and command.before is not None:
        return bool({"rm", "unlink"} & set(texts)) and below(list(map(beginning, command.before.words)), directory)
    inside = below([command.directory], directory) and command.name != "find"
    return deletes(command.name, texts) and (inside or below(texts[1:], directory))


def deletes(name: str, words: Sequence[str | None]) -> bool:
    """Whether a program with these words removes files: `rm` and the like, or `find` with -delete or an `rm`."""
    return name in REMOVERS or (name == "find" and bool({"-delete", "rm", "/bin/rm", "unlink"} & set(words)))


def below(words: Sequence[str | None], directory: str) -> bool:
    """Whether one of the words is this directory, or a path in it."""
    return any(word == directory or (word or "").startswith(f"{directory}/") for word in words)


def beginning(word: Word) -> str:
    """The text of a word up to its first variable or substitution; "" for a word that begins with one."""
    text = literal_text(word)
    return text if text is not None else (word[0].text if word and word[0].kind == "text" else "")
