"""What the scripts behind lines, timers and directories of cron run, once they were read."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import replace
from functools import partial

from fleetkeeper.readers.cron.called_scripts import (
    DISTRIBUTION,
    ScriptCall,
    called_scripts,
    commands_of,
    start_of,
    unread_calls,
)
from fleetkeeper.readers.cron.script_start import Starter, can_start, shell_of
from fleetkeeper.readers.cron.snapshot import SnapshotFile
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import Truth, both
from fleetkeeper.topics.schedules.command_lines import (
    MENTIONS,
    is_followed,
    mentions_dumps,
    own_dump,
    running_anywhere,
    why_undecided,
)
from fleetkeeper.topics.schedules.failure_reports import traced_secrets
from fleetkeeper.topics.schedules.scheduled_backups import (
    MOST_ENTRIES,
    TOO_MANY,
    Behind,
    Candidate,
    ScheduledBackups,
)

MOST_SCRIPTS, MOST_READ = 100, 1 << 20
"""Scripts behind lines, and characters of them, that are read in one look."""
DEEPEST = 2
"""Scripts that call each other that are followed; what a deeper one does is not known."""


def follow_scripts(scheduled: ScheduledBackups, command_words: Sequence[str]) -> None:
    """Add the candidates from the scripts that were read to `scheduled`; an unreadable script is a suspect.

    Scripts that were not asked for yet become questions. `command_words` are the words of the policy's command.
    """
    left, seen = MOST_READ, set[str]()
    queue = list(scheduled.behind)
    while queue:
        behind = queue.pop(0)
        seen.add(behind.call.path)
        file = scheduled.answers.script(behind.call.path)
        left -= len(file.content) if file else 0
        if len(seen) > MOST_SCRIPTS or left < 0 or len(scheduled.candidates) > MOST_ENTRIES:
            scheduled.suspect(behind.suspect, TOO_MANY)
        elif file is not None:
            read = partial(follow_script, behind, file, command_words)
            part = scheduled.read_script(key_of(behind), read)
            queue.extend(replace(item, made=behind.made) for item in part.behind)
        else:
            without_text(behind, scheduled)


def without_text(behind: Behind, scheduled: ScheduledBackups) -> None:
    """Ask for a script; where that was done, it is a suspect when it could not be read, or its path speaks of backups.

    The suspect has no reason where the script is simply not there. Changes `questions` or `suspects` of `scheduled`.
    """
    path, lines = behind.call.path, scheduled.answers.lines.lines
    if f"={path}" not in scheduled.answers.asked:
        scheduled.questions[f"={path}"] = None
    elif path in lines.get("unseen", []) and not (behind.call.searched and not MENTIONS.search(path)):
        scheduled.suspect(behind.suspect, f"{path} could not be read")
    elif MENTIONS.search(path):
        machine = f"{path} is a program, which cannot be read" if path in lines.get("binary", []) else ""
        scheduled.suspects.append(replace(behind.suspect, why=machine))


def key_of(behind: Behind) -> Hashable:
    """What tells one reading of a script from others in the same look."""
    environment = tuple(sorted(behind.environment.items()))
    return behind.call, behind.suspect, behind.user, behind.starter, behind.path, behind.level, environment


def follow_script(
    behind: Behind, file: SnapshotFile, command_words: Sequence[str], scheduled: ScheduledBackups
) -> Surroundings:
    """Add the candidates of one script that was read to `scheduled`; where it has none, the scripts that it calls.

    Returns the surroundings in which it was read. The scripts that the second of a chain calls are not added. A script
    that may make dumps and is not understood is a suspect.
    """
    text = file.content.decode("utf-8", "surrogateescape")
    starter: Starter = "interpreter" if behind.call.interpreter else behind.starter
    around = scheduled.answers.surroundings(behind.user, behind.call.interpreter or shell_of(file.content))
    around.script, around.search_path = file.path, behind.path
    start = start_of("" if behind.call.interpreter else text, behind.call.arguments)  # its `#!` is a comment then
    runs = running_anywhere(text, command_words, around, start, behind.environment)
    starts = both(behind.call.reach, can_start(file, starter, around, behind.path))
    if runs:
        scheduled.ask(around)
        scheduled.candidates.extend(made_by_script(behind, reached(run, behind, starts), text) for run in runs)
        return around
    scheduled.ask_for_sourced(around, behind.suspect)
    if mentions_dumps(text) or (not text and MENTIONS.search(file.path)):
        why = why_undecided(text, command_words, behind.call.path, around.effort)
        target = own_dump(text, effort=around.effort)[1]
        scheduled.suspects.append(replace(behind.suspect, why=why, target=target))
    commands = commands_of(text, around, behind.environment)
    unread = unread_calls(commands)
    scheduled.suspect(behind.suspect, unread and f"{file.path}: {unread}")
    calls = [call for call in called_scripts(commands, around) if is_followed(call.path) and call.path != file.path]
    if behind.level >= DEEPEST:
        deeper = [call.path for call in calls if starts.value is not False and is_deeper(call)]
        why = f"{file.path} runs {deeper[0]}, and scripts that deep are not read" if deeper else ""
        scheduled.suspect(behind.suspect, why)
        return around
    for call in calls:
        inner = replace(behind, call=replace(call, reach=both(starts, call.reach)), starter="shell")
        given = call.environment(behind.environment)
        scheduled.behind.append(replace(inner, level=behind.level + 1, environment=given))
    return around


def is_deeper(call: ScriptCall) -> bool:
    """Whether a call that is not followed may be that of a script: not of a program of the system, or never reached.

    A program without a path is one only where its name speaks of backups.
    """
    system = call.path.startswith(DISTRIBUTION) or call.searched
    return call.reach.value is not False and (not system or MENTIONS.search(call.path) is not None)


def made_by_script(behind: Behind, run: Execution, text: str) -> Candidate:
    """The candidate of a run in a script with this text, with the passwords that the script itself exposes."""
    made = behind.made(run)
    exposed = tuple(dict.fromkeys((*made.entry.exposed, *traced_secrets(text, run))))
    return replace(made, entry=replace(made.entry, exposed=exposed))


def reached(run: Execution, behind: Behind, starts: Truth) -> Execution:
    """A run in a script, as far as the script itself is started."""
    return replace(run, reach=both(starts, run.reach), user=run.user or behind.call.user)
