"""The entries that run, or are meant to run, the policy's backup command, from the output of a node.

Everything else in people's crontabs is dropped here: it is not ours, and it may hold secrets.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from fleetkeeper.readers.cron.called_scripts import called_scripts, commands_of, unread_calls
from fleetkeeper.readers.cron.crontab import BLANKS, Job, LineProblem, cut_at_percent, first_word
from fleetkeeper.readers.cron.crontab_files import CrontabFile, crontab_file
from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.line_start import line_surroundings, shell_starts
from fleetkeeper.readers.docker.client_options import CLIENTS
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.docker.sole_purpose import has_sole_purpose
from fleetkeeper.readers.shell.surroundings import Surroundings
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.wrappers import INERT, SHELLS, WRAPPERS
from fleetkeeper.topics.schedules.command_lines import (
    MENTIONS,
    NOTHING,
    command_runs,
    faults_of,
    is_followed,
    own_dump,
    programs,
    why_undecided,
)
from fleetkeeper.topics.schedules.facts import Entry, Kind, Suspect
from fleetkeeper.topics.schedules.failure_reports import exposed_secrets, traced_secrets, untold_failures
from fleetkeeper.topics.schedules.scheduled_backups import (
    MOST_ENTRIES,
    TOO_MANY,
    Behind,
    Candidate,
    ScheduledBackups,
)
from fleetkeeper.transport.commands import Unobservable

TOO_LARGE = "the crontab is larger than what is read here"
KINDS: dict[str, Kind] = {"user": "user crontab", "system": "system crontab", "directory": "directory"}


def find_backups(scheduled: ScheduledBackups, command: str) -> None:
    """Add the candidates, suspects, scripts and number of jobs in every crontab.

    `command` is the policy's backup command. A crontab that cannot be read is noted as unseen in the node's answers.
    """
    printed = scheduled.answers.printed
    command_words = shlex.split(command)
    uids = {name: uid for uid, _, name in (line.partition(" ") for line in printed.lines.get("uid", []))}
    for file in [file for file in printed.files if file.kind in ("user", "system")]:
        try:
            read = crontab_file(file, uids, printed)
        except Unobservable:
            printed.cannot_tell(file.path)
            continue
        scheduled.jobs += len(read.table.jobs) if file.kind == "user" else 0
        crontab = SearchedCrontab(
            file, read.table, read.faults, read.users, read.doubt, read.default_path, command_words
        )
        in_table(crontab, scheduled)


@dataclass(frozen=True)
class SearchedCrontab(CrontabFile):
    """A crontab in which a command is looked for: `wanted` are the words of the policy's command."""

    wanted: Sequence[str] = ()


@dataclass(frozen=True)
class LineReading:
    """One way to read a line: as whose command, the run in it, its faults, and whether cron starts it."""

    user: str
    run: Execution
    faults: tuple[Fault, ...] = ()
    starts: Truth = YES


def in_table(crontab: SearchedCrontab, scheduled: ScheduledBackups) -> None:
    """Add the candidates, suspects and scripts of one crontab to `scheduled`.

    Lines that are commented out are candidates only in a file without any other. What is beyond the limits of a
    crontab's size or of the number of candidates is not read, and becomes a suspect.
    """
    before = len(scheduled.candidates)
    for job in crontab.table.jobs:
        if len(scheduled.candidates) > MOST_ENTRIES:
            scheduled.suspects.append(Suspect(crontab.file.path, job.line, TOO_MANY))
            return
        candidates = list(in_job(crontab, job, scheduled))
        scheduled.candidates.extend(candidates)
        if not candidates:
            suspect_job(crontab, job, scheduled)
    for problem in crontab.table.problems:
        scheduled.candidates.extend(in_problem(crontab, problem, scheduled))
    if crontab.table.unread:
        scheduled.suspects.append(Suspect(crontab.file.path, crontab.table.unread, TOO_LARGE))
    if len(scheduled.candidates) == before:
        for job in crontab.table.comments:
            scheduled.candidates.extend(
                replace(item, entry=replace(item.entry, faults=("commented out",), blocked="", unclear=""))
                for item in in_job(crontab, job, None)
            )


def suspect_job(crontab: SearchedCrontab, job: Job, scheduled: ScheduledBackups) -> None:
    """Add the scripts that a line runs, and the line itself if it may make backups unread, to `scheduled`."""
    text = cut_at_percent(job.command)[0]
    user = job.user or crontab.file.name
    around = line_surroundings(job, user, scheduled.answers)
    suspect = Suspect(crontab.file.path, job.line)
    commands = commands_of(text, around, job.environment)
    calls = [call for call in called_scripts(commands, around) if is_followed(call.path)]
    path = job.environment.get("PATH", crontab.default_path)
    for call in calls:
        made = partial(candidate_of_script, crontab, job, scheduled)
        environment = call.environment(job.environment)
        scheduled.behind.append(Behind(call, suspect, made, call.user or user, path=path, environment=environment))
    scheduled.ask_for_sourced(around, suspect)
    scheduled.suspect(suspect, unread_calls(commands))
    if not calls and MENTIONS.search(job.command):
        why = why_undecided(job.command, crontab.wanted, effort=around.effort)
        scheduled.suspects.append(replace(suspect, why=why, target=own_dump(text, job.environment, around.effort)[1]))


def in_job(crontab: SearchedCrontab, job: Job, scheduled: ScheduledBackups | None) -> Iterator[Candidate]:
    """The candidates of one line, read with and without a user field; empty when it does not run the wanted command.

    The questions that they raise are added to `scheduled`; without it, nothing is asked.
    """
    readings: list[tuple[str, str, tuple[Fault, ...]]] = [(job.user or crontab.file.name, job.command, ())]
    if crontab.system and not may_be_user(job.user):
        readings.append(("", f"{job.user} {job.command}", ("no user field",)))
    else:
        first, rest = first_word(job.command)
        if not crontab.system and first in crontab.users:
            readings.insert(0, (crontab.file.name, rest, ("user field in a user's crontab",)))
    for user, command, faults in readings:
        around = line_surroundings(job, user, scheduled.answers) if scheduled else Surroundings()
        runs = command_runs(command, crontab.wanted, job.environment, around)
        if runs:
            starts = shell_starts(job, around)
            if scheduled:
                scheduled.ask(around)
            for run, more in runs:
                yield candidate(crontab, job, LineReading(user, run, (*faults, *more), starts))
            return


def may_be_user(word: str) -> bool:
    """Whether the first word behind the times may be a user: it is no program that lines begin with."""
    return "/" not in word and word not in CLIENTS | WRAPPERS.keys() | SHELLS | INERT and word.isprintable()


def candidate_of_script(crontab: SearchedCrontab, job: Job, scheduled: ScheduledBackups, run: Execution) -> Candidate:
    """The candidate of a line whose script runs the command. The line itself is not kept: it is not the command.

    Adds to the questions of `scheduled`.
    """
    user = job.user or crontab.file.name
    around = line_surroundings(job, user, scheduled.answers)
    starts = shell_starts(job, around)
    commands_of(cut_at_percent(job.command)[0], around, job.environment)
    scheduled.ask(around)
    made = candidate(crontab, job, LineReading(user, run, faults_of(run), starts))
    return replace(made, entry=replace(made.entry, written=""))


def candidate(crontab: SearchedCrontab, job: Job, reading: LineReading) -> Candidate:
    """The candidate of one line for a run of the command in it.

    Its target is unclear where the crontab sets a shell that is not known here. What it may
    fail to tell and the secrets that it shows are in its entry.
    """
    user, run = reading.user, reading.run
    shell = job.environment.get("SHELL", "/bin/sh").rpartition("/")[2]
    target = (
        run.target
        if shell in SHELLS or reading.starts.value is False
        else Target("unclear", why=f"its crontab sets SHELL={shell}")
    )
    entry = Entry(
        place=crontab.file.path,
        line=job.line,
        kind=KINDS[crontab.file.kind],
        user=user,
        times=job.times,
        target=replace(target, name=target.name.rstrip("\r")),
        faults=tuple(dict.fromkeys((*reading.faults, *crontab.faults))),
        fault_line=crontab.table.problems[0].line if crontab.table.problems else 0,
        written=job.text if has_sole_purpose(cut_at_percent(job.command)[0], crontab.wanted) else "",
        ours=job.ours,
        changed=crontab.file.changed,
        untold=tuple(untold_failures(run, job.environment)),
        exposed=(*exposed_secrets(job.command, job.environment), *traced_secrets(job.command, run)),
    )
    if crontab.table.loader == "cronie" and crontab.table.unended and job.line == crontab.table.lines:
        entry = replace(entry, faults=(*entry.faults, "no final newline"))
    taken = Truth(None, crontab.doubt) if crontab.doubt else YES
    path = job.environment.get("PATH", crontab.default_path)
    return Candidate(
        with_reach(entry, both(both(taken, reading.starts), run.reach)),
        programs(run, path),
        crontab.other_users or (((user, job.line),) if crontab.system else ()),
        "CRON_TZ" in job.environment,
        run.user,
        job.environment.get("HOME"),
        chosen=run.chosen,
    )


def with_reach(entry: Entry, reach: Truth) -> Entry:
    """The entry, with why it is not run now (`blocked`) or why that cannot be told (`unclear`); unchanged if it is."""
    if reach.value is None:
        return replace(entry, unclear=reach.why or "whether its command is run cannot be told")
    return entry if reach.value else replace(entry, blocked=reach.why or "its command is not run")


def in_problem(crontab: SearchedCrontab, problem: LineProblem, scheduled: ScheduledBackups) -> Iterator[Candidate]:
    """The candidates of a line that cron cannot parse and that is meant to run the wanted command all the same.

    Each has the fault "too long" or "bad times", and times that are not known.
    """
    rest = BLANKS.split(problem.text.strip(" \t"), maxsplit=6 if crontab.system else 5)[-1]
    fault: Fault = "too long" if problem.why == "bad command" else "bad times"
    job = Job(problem.line, problem.text, UNKNOWN_TIMES, "", rest, NOTHING)
    faults: tuple[Fault, ...] = tuple(fault for fault in crontab.faults if fault != "syntax error in file")
    own = replace(crontab, faults=faults)
    around = scheduled.answers.surroundings(crontab.file.name)
    for run, more in command_runs(rest, crontab.wanted, NOTHING, around):
        yield candidate(own, job, LineReading(crontab.file.name, run, (fault, *more)))
