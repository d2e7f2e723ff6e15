"""What is scheduled on a node and removes files in the directory of dumps: another retention beside the policy's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from fleetkeeper.readers.cron.crontab import cut_at_percent, parse
from fleetkeeper.readers.cron.crontab_files import body
from fleetkeeper.readers.docker.client_options import CLIENTS
from fleetkeeper.readers.docker.docker_exec import Execution, executions_of, plain_texts
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.removals import (
    REMOVERS,
    FilesIn,
    commands_that_may_remove,
    deletes,
    glob_of,
    is_within,
    removing_commands,
)
from fleetkeeper.readers.shell.script_state import Context, ExecutedCommand
from fleetkeeper.readers.shell.surroundings import Effort, Surroundings
from fleetkeeper.readers.shell.words import Unreadable
from fleetkeeper.readers.systemd_timers import service_script
from fleetkeeper.readers.systemd_units import units
from fleetkeeper.topics.backups.policy import WHEN, Policy
from fleetkeeper.topics.schedules.facts import Deleter
from fleetkeeper.topics.schedules.scheduled_backups import ScheduledBackups

CLEANER = re.compile(r"(?:[\w.]+[-_])?(?:clean|cleanup|prune|purge|rotate|expire)(?:[-_.]\w+)?", re.ASCII)
SIGNS = re.compile(
    r"--?del|--remove-source|\brm\b|\bmv\b|unlink|shred|tmpreaper|tmpwatch|clean|prune|purge|rotate|expire"
)


@dataclass(frozen=True)
class DumpDirectories:
    """The dumps, as the node and as the database's container have them. `volume` is the name of their Docker volume."""

    node: FilesIn
    container: FilesIn
    volume: str = ""


def dump_directories(policy: Policy) -> DumpDirectories:
    """Where the node and the container have the dumps of a policy; a named volume is taken to be at Docker's path."""
    root = policy.volume.path or f"/var/lib/docker/volumes/{policy.volume.name}/_data"
    example = WHEN.strftime(policy.pattern)
    return DumpDirectories(
        FilesIn(f"{root}/{policy.path}".rstrip("/"), example),
        FilesIn(f"{policy.directory}/{policy.path}".rstrip("/"), example),
        "" if policy.volume.path else policy.volume.name,
    )


def find_deleters(scheduled: ScheduledBackups, policy: Policy) -> Iterator[Deleter]:
    """Every place of a node that removes files in the directory of the dumps, once for each program and container."""
    directories, efforts = dump_directories(policy), dict[str, Effort]()
    for place, line, text in dict.fromkeys(scheduled_texts(scheduled)):
        if SIGNS.search(text):
            effort = efforts.setdefault(place, Effort())
            for program, target, elsewhere in dict.fromkeys(removing_programs(text, directories, effort)):
                yield Deleter(place, line, program, target, elsewhere)


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
        yield unit.get("Id", "a timer"), 0, service_script(unit, printed.lines.get("setting", []))
    for behind in scheduled.behind:
        if script := scheduled.answers.script(behind.call.path):
            yield behind.suspect.place, behind.suspect.line, script.content.decode("utf-8", "surrogateescape")


def removing_programs(
    text: str, dumps: DumpDirectories, effort: Effort | None = None
) -> Iterator[tuple[str, Target | None, bool]]:
    """The programs in a script that remove dumps, each with its container (None: the node itself).

    The third value says that it removes files in a container, and not where the database's has the dumps: in another
    container they may be just these. What is surely not run is left out. In a container a program named for cleaning up
    counts whatever its arguments. A script that cannot be parsed yields nothing. `dumps` are
    those of the node and of the container, `effort` is what may still be followed (None: a whole account's share).

    >>> both = DumpDirectories(FilesIn("/srv/dumps"), FilesIn("/backups"))
    >>> [name for name, *_ in removing_programs("find /srv/dumps -mtime +7 -delete; rm /tmp/x", both)]
    ['find']
    """
    context = Context(around=Surroundings(effort=effort or Effort()))
    try:
        commands = executed_commands(text, context)
        yield from ((command.name, None, False) for command in removing_commands(commands, dumps.node))
        for command in commands_that_may_remove(commands, dumps.node):
            why = f"whether its `{command.name}` removes dumps cannot be told: the directory where it runs is not known"
            yield command.name, Target("unclear", why=why), False
        for command in commands:
            if command.reach.value is False:
                continue
            if name := removed_by_new_container(command, dumps):
                yield name, None, False
            for run in executions_of(command, context):
                yield from ((name, run.target, other) for name, other in removed_inside(run, dumps.container))
    except Unreadable:
        return


def removed_inside(run: Execution, files: FilesIn) -> Iterator[tuple[str, bool]]:
    """The programs of a `docker exec` that remove files, each with whether that is not where the database has dumps."""
    for command in run.commands():
        words, inside = plain_texts(command.words), is_within(command.directory, files.directory)
        name = (words[0] or "").rpartition("/")[2] if words else ""
        if CLEANER.fullmatch(name):
            yield name, False
        elif deletes(name, words):
            yield name, not inside and not any(is_within(word or "", files.directory) for word in words[1:])
        elif name == "xargs" and REMOVERS & set(words):
            yield name, not inside


def removed_by_new_container(command: ExecutedCommand, dumps: DumpDirectories) -> str:
    """The program that a `docker run` with the dumps mounted removes them with; "" for any other command.

    Its options are not told from its words: any word that such a program has, after a mount of the dumps, counts.
    """
    texts = [glob_of(word) for word in command.words]
    if command.name not in CLIENTS or "run" not in texts:
        return ""
    mounts = [text.split(":") for text in texts if ":" in text]
    roots = [parts[1] for parts in mounts if shows_dumps(parts[0], dumps)]
    programs = (re.split(r"[\s;|&]+", text) for text in texts)
    name = next((word for words in programs for word in words if word in REMOVERS or word == "-delete"), "")
    return (name.replace("-delete", "find") if roots else "") or ""


def shows_dumps(source: str, dumps: DumpDirectories) -> bool:
    """Whether a mount of this source shows the dumps: their volume, their directory, or one above it."""
    named = bool(dumps.volume) and source == dumps.volume
    return named or (source.startswith("/") and source != "/" and is_within(dumps.node.directory, source.rstrip("/")))
