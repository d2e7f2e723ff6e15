"""Scripts in /etc/cron.daily and the like, which run-parts runs when a line of cron says so."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fleetkeeper.readers.cron.crontab import Job, parse
from fleetkeeper.readers.cron.due_times import NEVER
from fleetkeeper.readers.cron.snapshot import File, Printed
from fleetkeeper.readers.linear_patterns import in_order
from fleetkeeper.topics.schedules.docker_exec import Execution
from fleetkeeper.topics.schedules.facts import UNKNOWN_TIMES, Entry, Fault, Suspect
from fleetkeeper.topics.schedules.parse import (
    CRON_PATH,
    VALID_NAME,
    Behind,
    Candidate,
    Found,
    dumps,
    programs,
    running_anywhere,
    scripted,
    terminal,
    unread,
)

RUN_PARTS, LINE = re.compile(r"run-parts\b"), re.compile(r"\n")


def in_directories(printed: Printed, wanted: Sequence[str], found: Found) -> None:
    """Look for the policy's command in every script of cron's directories."""
    for file in printed.files:
        if file.kind == "directory":
            in_directory(file, wanted, printed, found)


def in_directory(file: File, wanted: Sequence[str], printed: Printed, found: Found) -> None:
    """A script in /etc/cron.daily and the like, which run-parts runs when /etc/crontab says so."""
    text = file.content.decode("utf-8", "surrogateescape")
    runs = running_anywhere(text, wanted)
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
        told = (*faults, *terminal(run))
        entry = Entry(file.path, 0, "directory", user, times, run.target, told, changed=file.changed)
        return Candidate(entry, programs(run, path))

    found.candidates.extend(map(made, runs))
    script = next(filter(None, map(scripted, text.split("\n"))), "")
    if not runs and script:
        found.behind.append(Behind(script, Suspect(file.path, 0), made))
    elif not runs and dumps(text):
        found.suspects.append(Suspect(file.path, 0, unread(text, wanted)))


def run_parts(file: File, printed: Printed) -> Job | None:
    """The line of /etc/crontab, or of a file in /etc/cron.d, that runs the directory of a script."""
    directory = file.path.rpartition("/")[0]
    tables = [parse(one.content, system=True) for one in printed.files if one.kind == "system"]
    jobs = [job for table in tables for job in table.jobs]
    wanted = re.compile(re.escape(directory) + r"\b")
    return next((job for job in jobs if in_order(job.command, RUN_PARTS, wanted, LINE)), None)
