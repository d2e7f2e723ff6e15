"""Scripts in /etc/cron.daily and the like, which run-parts runs when a line of cron starts it."""

from __future__ import annotations

from collections.abc import Sequence

from fleetkeeper.readers.cron.crontab_files import CRON_PATH, VALID_NAME, run_parts
from fleetkeeper.readers.cron.due_times import NEVER, UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault, terminal
from fleetkeeper.readers.cron.snapshot import Snapshot, SnapshotFile
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.topics.schedules.facts import Entry, Suspect
from fleetkeeper.topics.schedules.parse import (
    Behind,
    Candidate,
    ScheduledBackups,
    mentions_dumps,
    programs,
    running_anywhere,
    scripted,
    why_undecided,
)


def in_directories(printed: Snapshot, command_words: Sequence[str], scheduled: ScheduledBackups) -> None:
    """Add what is found in the scripts of cron's directories to `scheduled`.

    `command_words` are the words of the command.
    """
    for file in printed.files:
        if file.kind == "directory":
            in_directory(file, command_words, printed, scheduled)


def in_directory(
    file: SnapshotFile, command_words: Sequence[str], printed: Snapshot, scheduled: ScheduledBackups
) -> None:
    """Add the candidates, suspects and scripts of one script in a directory of cron to `scheduled`."""
    text = file.content.decode("utf-8", "surrogateescape")
    runs = running_anywhere(text, command_words)
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
    path = starter.environment.get("PATH", CRON_PATH) if starter else CRON_PATH

    def made(run: Execution) -> Candidate:
        """The candidate for a run of the command in this script."""
        lines = (*faults, *terminal(run))
        entry = Entry(file.path, 0, "directory", user, times, run.target, lines, changed=file.changed)
        return Candidate(entry, programs(run, path))

    scheduled.candidates.extend(map(made, runs))
    script = next(filter(None, map(scripted, text.split("\n"))), "")
    if not runs and script:
        scheduled.behind.append(Behind(script, Suspect(file.path, 0), made))
    elif not runs and mentions_dumps(text):
        scheduled.suspects.append(Suspect(file.path, 0, why_undecided(text, command_words)))
