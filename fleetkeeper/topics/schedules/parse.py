"""The entries that run, or are meant to run, the policy's backup command, from the output of a node.

Everything else in people's crontabs is dropped here: it is not ours, and it may hold secrets.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

from fleetkeeper.readers.cron.crontab import BLANKS, Job, LineProblem, Table, cut_at_percent, first_word, parse
from fleetkeeper.readers.cron.crontab_files import CRON_PATH, body, file_faults, table_faults
from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault, terminal
from fleetkeeper.readers.cron.snapshot import Snapshot, SnapshotFile
from fleetkeeper.readers.docker.docker_exec import Context, Execution, docker_executions
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.docker.sole_purpose import has_sole_purpose
from fleetkeeper.readers.linear_patterns import occur_in_order
from fleetkeeper.readers.shell.words import Part, Unreadable, literal_text, simple_commands
from fleetkeeper.readers.shell.wrappers import INTERPRETERS, SHELLS, unwrap_command
from fleetkeeper.topics.schedules.facts import Entry, Kind, Suspect
from fleetkeeper.transport.commands import Unobservable

MENTIONS = re.compile(r"backup|pg_?dump", re.IGNORECASE)
DUMP = re.compile(r"pg_?dump", re.IGNORECASE)
DOCKER, BACKUP, LINE = re.compile("docker", re.IGNORECASE), re.compile("backup", re.IGNORECASE), re.compile(r"\n")
NOTHING: Mapping[str, str] = {}
MOST_SCRIPTS, MOST_READ = 100, 1 << 20
"""Scripts behind lines, and characters of them, that are read in one look."""
MOST_ENTRIES = 2000
TOO_LARGE = "the crontab is larger than what is read here"
TOO_MANY = "there are more scripts and entries than are read here"
KINDS: dict[str, Kind] = {"user": "user crontab", "system": "system crontab", "directory": "directory"}


@dataclass(frozen=True)
class Candidate:
    """An entry, and what must still be asked of the node about it.

    One of `programs` must exist for its docker to be found. `users` (name, line) must all exist, its own and those of
    other lines of the same file: one that does not exist makes cron ignore the file. `zoned`: its crontab sets CRON_TZ.
    """

    entry: Entry
    programs: tuple[str, ...] = ()
    users: tuple[tuple[str, int], ...] = ()
    zoned: bool = False


@dataclass(frozen=True)
class Behind:
    """A line, or a timer, that runs a script: what the script does is only known once it was read.

    `made` makes the candidate from a `docker exec` in the script; until then there is only a `suspect`.
    """

    script: str
    suspect: Suspect
    made: Callable[[Execution], Candidate]


@dataclass
class ScheduledBackups:
    """Everything about backups in the places of one node. `jobs` is the number of entries in users' crontabs."""

    candidates: list[Candidate] = field(default_factory=list)
    suspects: list[Suspect] = field(default_factory=list)
    behind: list[Behind] = field(default_factory=list)
    jobs: int = 0

    @property
    def scripts(self) -> list[str]:
        """The paths of the scripts to read, each once, at most 100."""
        return list(dict.fromkeys(behind.script for behind in self.behind))[:MOST_SCRIPTS]


def find_backups(printed: Snapshot, command: str) -> ScheduledBackups:
    """The candidates, suspects and scripts in every crontab. `command` is the policy's backup command."""
    scheduled = ScheduledBackups()
    command_words = shlex.split(command)
    uids = {name: uid for uid, _, name in (line.partition(" ") for line in printed.lines.get("uid", []))}
    for file in printed.files:
        if file.kind == "directory":
            continue
        table = parse(body(file), system=file.kind == "system")
        scheduled.jobs += len(table.jobs) if file.kind == "user" else 0
        try:
            faults = [*file_faults(file, uids.get(file.name, "none")), *table_faults(table)]
        except Unobservable:
            printed.cannot_tell(file.path)
            continue
        in_table(CrontabFile(file, table, command_words, faults, frozenset({"root", *uids})), scheduled)
    return scheduled


@dataclass(frozen=True)
class CrontabFile:
    """A parsed crontab, and the faults of the whole file.

    `wanted` are the words of the policy's command, `users` some accounts that exist on the node.
    """

    file: SnapshotFile
    table: Table
    wanted: Sequence[str]
    faults: Sequence[Fault]
    users: frozenset[str] = frozenset({"root"})

    @property
    def system(self) -> bool:
        """Whether its lines have a user field."""
        return self.file.kind == "system"

    @cached_property
    def other_users(self) -> tuple[tuple[str, int], ...]:
        """The users in its user fields, each with the number of the first such line."""
        return tuple({job.user: (job.user, job.line) for job in reversed(self.table.jobs) if job.user}.values())


def in_table(crontab: CrontabFile, scheduled: ScheduledBackups) -> None:
    """Add the candidates, suspects and scripts of one crontab to `scheduled`.

    Lines that are commented out are candidates only in a file without any other.
    """
    before = len(scheduled.candidates)
    for job in crontab.table.jobs:
        if len(scheduled.candidates) > MOST_ENTRIES:
            scheduled.suspects.append(Suspect(crontab.file.path, job.line, TOO_MANY))
            return
        candidates = list(in_job(crontab, job))
        scheduled.candidates.extend(candidates)
        if not candidates and (script := scripted(job.command)):
            scheduled.behind.append(
                Behind(script, Suspect(crontab.file.path, job.line), partial(candidate_of_script, crontab, job))
            )
        elif not candidates and MENTIONS.search(job.command):
            scheduled.suspects.append(Suspect(crontab.file.path, job.line, why_undecided(job.command, crontab.wanted)))
    for problem in crontab.table.problems:
        scheduled.candidates.extend(in_problem(crontab, problem))
    if crontab.table.unread:
        scheduled.suspects.append(Suspect(crontab.file.path, crontab.table.unread, TOO_LARGE))
    if len(scheduled.candidates) == before:
        for job in crontab.table.comments:
            scheduled.candidates.extend(
                replace(item, entry=replace(item.entry, faults=("commented out",))) for item in in_job(crontab, job)
            )


def in_job(crontab: CrontabFile, job: Job) -> Iterator[Candidate]:
    """The candidates of one line, read with and without a user field; empty when it does not run the wanted command."""
    readings: list[tuple[str, str, tuple[Fault, ...]]] = [(job.user or crontab.file.name, job.command, ())]
    if crontab.system:
        readings.append(("", f"{job.user} {job.command}", ("no user field",)))
    else:
        first, rest = first_word(job.command)
        if first in crontab.users:
            readings.insert(0, (crontab.file.name, rest, ("user field in a user's crontab",)))
    for user, command, faults in readings:
        runs = command_runs(command, crontab.wanted, job.environment)
        if runs:
            yield from (candidate(crontab, job, user, (run, (*faults, *more))) for run, more in runs)
            return


def scripted(command: str) -> str:
    """The path of a script that a line runs and that may make backups; empty without one.

    It is the one path that the line begins with, or that it gives to a shell.

    >>> scripted("nice -n 19 /bin/sh /opt/pg-backup.sh -v"), scripted("/usr/bin/true"), scripted("tar c /backup")
    ('/opt/pg-backup.sh', '', '')
    """
    if not MENTIONS.search(command):
        return ""
    try:
        [first, *_] = simple_commands(cut_at_percent(command)[0].rstrip("\r"))
        words = [literal_text(word) or "" for word in unwrap_command(first.words)[0]]
    except (Unreadable, ValueError):
        return ""
    if words and words[0].rpartition("/")[2] in INTERPRETERS:
        words = [word for word in words[1:] if not word.startswith("-")]
    path = words[0] if words else ""
    return path if path.startswith("/") and path.isprintable() else ""


def follow_scripts(scheduled: ScheduledBackups, printed: Snapshot, command_words: Sequence[str]) -> None:
    """Add the candidates from the scripts that were read to `scheduled`; an unreadable or missing script is a suspect.

    `command_words` are the words of the policy's command.
    """
    texts = {file.path: file.content.decode("utf-8", "surrogateescape") for file in printed.files}
    runs_of: dict[str, list[Execution] | None] = {}
    left = MOST_READ
    for script in scheduled.scripts:
        left -= len(texts.get(script, ""))
        runs_of[script] = running_anywhere(texts.get(script, ""), command_words) if left >= 0 else None
    for behind in scheduled.behind:
        text, runs = texts.get(behind.script, ""), runs_of.get(behind.script)
        if runs is None or len(scheduled.candidates) + len(runs) > MOST_ENTRIES:
            scheduled.suspects.append(replace(behind.suspect, why=TOO_MANY))
            continue
        scheduled.candidates.extend(behind.made(run) for run in runs)
        if not runs and (not text or mentions_dumps(text)):
            hidden = behind.script in printed.lines.get("unseen", [])
            why = f"{behind.script} could not be read" if hidden else why_undecided(text, command_words, behind.script)
            scheduled.suspects.append(replace(behind.suspect, why=why))


def running_anywhere(text: str, command_words: Sequence[str]) -> list[Execution]:
    """The runs of the wanted command in a script; where it cannot be parsed as a whole, those of each line."""
    return script_runs(text, command_words) or [
        run for line in text.split("\n") for run in script_runs(line, command_words)
    ]


def candidate_of_script(crontab: CrontabFile, job: Job, run: Execution) -> Candidate:
    """The candidate of a line whose script runs the command. The line itself is not kept: it is not the command."""
    made = candidate(crontab, job, job.user or crontab.file.name, (run, terminal(run)))
    return replace(made, entry=replace(made.entry, written=""))


def candidate(crontab: CrontabFile, job: Job, user: str, reading: tuple[Execution, tuple[Fault, ...]]) -> Candidate:
    """The candidate of one line. `reading` is a run of the command in it, and the faults of the line."""
    run, faults = reading
    shell = job.environment.get("SHELL", "/bin/sh").rpartition("/")[2]
    target = run.target if shell in SHELLS else Target("unclear", why=f"its crontab sets SHELL={shell}")
    if "DOCKER_HOST" in job.environment or "DOCKER_CONTEXT" in job.environment:
        target = Target("unclear", why="it talks to another Docker engine")
    entry = Entry(
        place=crontab.file.path,
        line=job.line,
        kind=KINDS[crontab.file.kind],
        user=user,
        times=job.times,
        target=target,
        faults=tuple(dict.fromkeys((*faults, *crontab.faults))),
        fault_line=crontab.table.problems[0].line if crontab.table.problems else 0,
        written=job.text if has_sole_purpose(cut_at_percent(job.command)[0], crontab.wanted) else "",
        ours=job.ours,
        changed=crontab.file.changed,
    )
    path = job.environment.get("PATH", CRON_PATH)
    return Candidate(entry, programs(run, path), crontab.other_users, "CRON_TZ" in job.environment)


def in_problem(crontab: CrontabFile, problem: LineProblem) -> Iterator[Candidate]:
    """The candidates of a line that cron cannot parse and that is meant to run the wanted command all the same."""
    rest = BLANKS.split(problem.text.strip(" \t"), maxsplit=6 if crontab.system else 5)[-1]
    fault: Fault = "too long" if problem.why == "bad command" else "bad times"
    job = Job(problem.line, problem.text, UNKNOWN_TIMES, "", rest, {})
    faults: tuple[Fault, ...] = tuple(fault for fault in crontab.faults if fault != "syntax error in file")
    for run, more in command_runs(rest, crontab.wanted, {}):
        own = CrontabFile(crontab.file, crontab.table, crontab.wanted, faults)
        yield candidate(own, job, crontab.file.name, (run, (fault, *more)))


def command_runs(
    command: str, command_words: Sequence[str], environment: Mapping[str, str]
) -> list[tuple[Execution, tuple[Fault, ...]]]:
    """The runs of the wanted command in a command line of cron, each with the faults that keep it from working."""
    text, percent = cut_at_percent(command)
    carriage: tuple[Fault, ...] = ("carriage return",) if command.endswith("\r") else ()
    runs = script_runs(text, command_words, environment)
    if runs:
        return [(run, (*carriage, *terminal(run), *(("percent cuts",) if percent else ()))) for run in runs]
    whole = script_runs(command.replace(r"\%", "%"), command_words, environment) if percent else []
    return [(run, (*carriage, *terminal(run), "percent")) for run in whole]


def script_runs(script: str, command_words: Sequence[str], environment: Mapping[str, str] = NOTHING) -> list[Execution]:
    """The runs of the wanted command in a script; empty when it cannot be parsed.

    `environment` is what the crontab sets: cron expands nothing in it.
    """
    context = Context({name: (Part("text", value),) for name, value in environment.items()})
    try:
        return [
            execution for execution in docker_executions(script.rstrip("\r"), context) if execution.runs(command_words)
        ]
    except Unreadable:
        return []


def mentions_dumps(text: str) -> bool:
    """Whether a script mentions dumps, or docker and then backup in one line."""
    return bool(DUMP.search(text)) or occur_in_order(text, DOCKER, BACKUP, LINE)


def why_undecided(script: str, command_words: Sequence[str], where: str = "") -> str:
    """Why it is not known whether a script runs the wanted command; empty when it certainly does not.

    `where` is the path of the script, for the message.
    """
    if "docker" not in script or not re.search(rf"(?<![\w-]){re.escape(command_words[0])}(?![\w-])", script):
        return ""
    try:
        runs = list(docker_executions(cut_at_percent(script)[0].rstrip("\r")))
    except Unreadable as odd:
        return f"{where}: {odd}" if where else str(odd)
    plain = runs and all(None not in line and line[0] not in SHELLS for run in runs for line in run.inner())
    return "" if plain else "what it runs, and in which container, cannot be read from it"


def programs(run: Execution, path: str) -> tuple[str, ...]:
    """The paths at which the docker of a run may be: its own, else one for each directory of its PATH."""
    if "/" in run.docker:
        return (run.docker,)
    return tuple(f"{directory.rstrip('/')}/{run.docker}" for directory in (run.path or path).split(":") if directory)
