"""Scripts in /etc/cron.daily and the like, which run-parts runs when a line of cron starts it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fleetkeeper.readers.cron.called_scripts import DISTRIBUTION, called_scripts, commands_of, start_of, unread_calls
from fleetkeeper.readers.cron.crontab_files import VALID_NAME, run_parts
from fleetkeeper.readers.cron.due_times import NEVER, UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.script_start import can_start, shell_of
from fleetkeeper.readers.cron.snapshot import SnapshotFile
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import both
from fleetkeeper.topics.schedules.command_lines import (
    MENTIONS,
    NOTHING,
    faults_of,
    is_followed,
    mentions_dumps,
    own_dump,
    programs,
    running_anywhere,
    why_undecided,
)
from fleetkeeper.topics.schedules.facts import Entry, Suspect
from fleetkeeper.topics.schedules.failure_reports import traced_secrets, untold_failures
from fleetkeeper.topics.schedules.parse import with_reach
from fleetkeeper.topics.schedules.scheduled_backups import Behind, Candidate, ScheduledBackups


def in_directories(scheduled: ScheduledBackups, command_words: Sequence[str]) -> None:
    """Add what is found in the scripts of cron's directories (cron.daily …) to `scheduled`.

    `command_words` are the words of the command.
    """
    for file in scheduled.answers.printed.files:
        if file.kind == "directory":
            read = partial(in_directory, file, command_words)
            scheduled.behind.extend(scheduled.read_script(file.path, read).behind)


def in_directory(file: SnapshotFile, command_words: Sequence[str], scheduled: ScheduledBackups) -> Surroundings:
    """Add the candidates, suspects and scripts of one script in a directory of cron to `scheduled`.

    Returns the surroundings in which it was read. Where anacron is installed its times are not known; where nothing
    starts it, they are never. `command_words` are those of the policy's command.
    """
    printed = scheduled.answers.printed
    text = file.content.decode("utf-8", "surrogateescape")
    starter = run_parts(file, printed)
    faults: list[Fault] = []
    if not VALID_NAME.fullmatch(file.name):
        faults.append("dot in file name")
    if not file.mode & 0o111:
        faults.append("not executable")
    anacron = "anacron" in printed.lines and "/cron.hourly/" not in file.path
    if starter is None and not anacron:
        faults.append("nothing starts it")
    times = UNKNOWN_TIMES if anacron else starter.times if starter else NEVER
    user = starter.user if starter else "root"
    around = scheduled.answers.surroundings(user, shell_of(file.content))
    around.script = file.path
    path = around.search_path = (starter.environment if starter else NOTHING).get("PATH", around.search_path)
    runs = running_anywhere(text, command_words, around, start_of(text, ()))
    starts = can_start(file, "run-parts", around, path)

    def made(run: Execution) -> Candidate:
        """The candidate for a run of the command in this script."""
        lines = (*faults, *faults_of(run))
        entry = Entry(file.path, 0, "directory", user, times, run.target, lines, changed=file.changed)
        entry = replace(entry, untold=tuple(untold_failures(run, NOTHING)), exposed=tuple(traced_secrets(text, run)))
        reach = run.reach if "not executable" in faults else both(starts, run.reach)
        return Candidate(with_reach(entry, reach), programs(run, path), acting=run.user)

    scheduled.candidates.extend(map(made, runs))
    if runs:
        scheduled.ask(around)
        return around
    suspect = Suspect(file.path, 0)
    commands = commands_of(text, around)
    calls = [call for call in called_scripts(commands, around) if is_followed(call.path)]
    calls = [call for call in calls if MENTIONS.search(call.path) or not call.path.startswith(DISTRIBUTION)]
    scheduled.behind.extend(Behind(call, suspect, made, call.user or user, path=path) for call in calls)
    scheduled.ask_for_sourced(around, suspect)
    scheduled.suspect(suspect, unread_calls(commands))
    if not calls and mentions_dumps(text):
        target = own_dump(text)[1]
        scheduled.suspects.append(Suspect(file.path, 0, why_undecided(text, command_words), target))
    return around
