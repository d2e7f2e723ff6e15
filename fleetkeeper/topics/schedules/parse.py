"""The entries that run, or are meant to run, the policy's backup command, from the output of a node.

Everything else in people's crontabs is dropped here: it is not ours, and it may hold secrets.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.called_scripts import ScriptCall, called_scripts, commands_of, unread_calls
from fleetkeeper.readers.cron.crontab import BLANKS, Job, LineProblem, cut_at_percent, first_word
from fleetkeeper.readers.cron.crontab_files import CrontabFile, crontab_file
from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.line_start import line_surroundings, shell_starts
from fleetkeeper.readers.cron.loader import CRON_PATH
from fleetkeeper.readers.cron.script_start import Starter
from fleetkeeper.readers.docker.docker_exec import CLIENTS, Execution
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.docker.sole_purpose import has_sole_purpose
from fleetkeeper.readers.shell.surroundings import MOST_QUESTIONS, Surroundings
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
from fleetkeeper.transport.commands import Unobservable

MOST_ENTRIES = 2000
TOO_LARGE = "the crontab is larger than what is read here"
TOO_MANY = "there are more scripts and entries than are read here"
KINDS: dict[str, Kind] = {"user": "user crontab", "system": "system crontab", "directory": "directory"}


@dataclass(frozen=True)
class Candidate:
    """An entry, and what must still be asked of the node about it.

    One of `programs` must exist for its docker to be found. `users` (name, line) must all exist, its own and those of
    other lines of the same file: one that does not exist makes cron ignore the file. `zoned`: its crontab sets CRON_TZ.
    `acting` is the account that sudo or runuser gives it, or "". `home` is the HOME that its crontab sets, if any.
    """

    entry: Entry
    programs: tuple[str, ...] = ()
    users: tuple[tuple[str, int], ...] = ()
    zoned: bool = False
    acting: str = ""
    home: str | None = None


@dataclass(frozen=True)
class Behind:
    """A line, or a timer, that runs a script: what the script does is only known once it was read.

    `made` makes the candidate from a `docker exec` in the script; until then there is only a `suspect`. `user` runs it,
    under `path`. `level` counts the scripts around it, `environment` is what the crontab sets.
    """

    call: ScriptCall
    suspect: Suspect
    made: Callable[[Execution], Candidate]
    user: str
    starter: Starter = "shell"
    path: str = CRON_PATH
    level: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class ScheduledBackups:
    """Everything about backups in the places of one node. `jobs` is the number of entries in users' crontabs.

    `questions` are what must still be asked of the node about them. `earlier` is what scripts added in the rounds
    before, by their keys.
    """

    answers: Answers
    candidates: list[Candidate] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    behind: list[Behind] = field(default_factory=list)
    jobs: int = 0
    questions: dict[str, None] = field(default_factory=dict)
    earlier: dict[Hashable, EarlierReading] = field(default_factory=dict)

    def read_script(self, key: Hashable, read: Callable[[ScheduledBackups], Surroundings]) -> ScheduledBackups:
        """What `read` adds about one script, which is added here; `behind` is left to the caller.

        `read` is given an empty ScheduledBackups, and returns the surroundings in which it read the script. It is not
        called where it was in an earlier round, and none of what it wanted to know was answered since.
        """
        earlier = self.earlier.get(key)
        if earlier is None or not earlier.stands(self.answers):
            part = ScheduledBackups(self.answers)
            earlier = self.earlier[key] = EarlierReading(part, read(part), len(self.answers.asked))
        part = earlier.part
        self.candidates.extend(part.candidates)
        self.suspects.extend(part.suspects)
        self.questions.update(part.questions)
        return part

    def ask(self, around: Surroundings) -> None:
        """Take over the questions about a command, and ask for the files that it reads as a part of itself."""
        sourced = {f"={path}": None for path in around.sourced if path not in around.texts}
        self.questions.update({**around.questions, **sourced})


@dataclass(frozen=True)
class EarlierReading:
    """What reading a script added, the surroundings that it was read in, and how many words had been asked by then."""

    part: ScheduledBackups
    around: Surroundings
    asked: int

    def stands(self, answers: Answers) -> bool:
        """Whether reading it again would add the same: no word that was asked since then is one of its questions.

        Any word about a user may be one. Not where more is asked than its own questions: about candidates, or too many.
        """
        if self.part.candidates or len(self.around.questions) >= MOST_QUESTIONS:
            return False
        own = {*self.around.questions, *(f"={path}" for path in self.around.sourced)}
        return all(word[0] in "=/?&" and word not in own for word in islice(answers.asked, self.asked, None))


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
        scheduled.behind.append(Behind(call, suspect, made, call.user or user, path=path, environment=job.environment))
    ask_for_sourced(around, suspect, scheduled)
    suspect_unread(unread_calls(commands), suspect, scheduled)
    if not calls and MENTIONS.search(job.command):
        why = why_undecided(job.command, crontab.wanted, effort=around.effort)
        target = own_dump(text, job.environment, around.effort)[1]
        scheduled.suspects.append(replace(suspect, why=why, target=target))


def ask_for_sourced(around: Surroundings, suspect: Suspect, scheduled: ScheduledBackups) -> None:
    """Add to `scheduled` questions for the files that a script reads; one that could not be read: a suspect."""
    for path in around.sourced:
        if path in around.texts:
            continue
        state = scheduled.answers.paths.get(path)
        if f"={path}" not in scheduled.answers.asked:
            scheduled.questions.update({f"={path}": None, f"?{path}": None})
        elif state is None or not state.missing:
            scheduled.suspects.append(replace(suspect, why=f"it reads {path}, which could not be read"))


def suspect_unread(why: str, suspect: Suspect, scheduled: ScheduledBackups) -> None:
    """Add the suspect to `scheduled` where it is not known which scripts it runs; `why` is "" where it is."""
    if why:
        scheduled.suspects.append(replace(suspect, why=why))


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

    Its target is unclear where the crontab sets a shell that is not known here, or another Docker engine. What it may
    fail to tell and the secrets that it shows are in its entry.
    """
    user, run = reading.user, reading.run
    shell = job.environment.get("SHELL", "/bin/sh").rpartition("/")[2]
    target = (
        run.target
        if shell in SHELLS or reading.starts.value is False
        else Target("unclear", why=f"its crontab sets SHELL={shell}")
    )
    if "DOCKER_HOST" in job.environment or "DOCKER_CONTEXT" in job.environment:
        target = Target("unclear", why="it talks to another Docker engine")
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
