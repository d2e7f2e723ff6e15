"""The reading of one command line or script: whether it runs the policy's command, and what else it may hide."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fleetkeeper.readers.cron.called_scripts import OF_PACKAGES, ScriptStart, called_scripts, commands_of
from fleetkeeper.readers.cron.crontab import cut_at_percent
from fleetkeeper.readers.cron.faults import Fault, terminal
from fleetkeeper.readers.docker.client_options import CLIENTS
from fleetkeeper.readers.docker.docker_exec import Execution, docker_executions, executions_of
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.readers.linear_patterns import occur_in_order
from fleetkeeper.readers.shell.execution import executed_commands
from fleetkeeper.readers.shell.script_state import Context
from fleetkeeper.readers.shell.surroundings import Effort, Surroundings
from fleetkeeper.readers.shell.truth import Truth
from fleetkeeper.readers.shell.words import Part, Unreadable
from fleetkeeper.readers.shell.wrappers import INERT, SHELLS

MENTIONS = re.compile(r"backup|pg_?dump", re.IGNORECASE)
DUMP = re.compile(r"pg_?dump", re.IGNORECASE)
DOCKER, BACKUP, LINE = re.compile("docker", re.IGNORECASE), re.compile("backup", re.IGNORECASE), re.compile(r"\n")
DUMPERS = frozenset({"pg_dump", "pg_dumpall", "pg_basebackup"})
NOTHING: Mapping[str, str] = {}
QUOTES = str.maketrans("", "", "\\'\"")
RETURNED = re.compile(r"\r(?=\n|$)")


def command_runs(
    command: str, command_words: Sequence[str], environment: Mapping[str, str], around: Surroundings
) -> list[tuple[Execution, tuple[Fault, ...]]]:
    """The runs of the wanted command in a command line of cron, each with its faults; empty without a run.

    Cron ends a line at its first plain `%`: a run before it has the fault "percent cuts"; one that only the whole line
    has, the fault "percent". `command_words` are those of the policy's command, `environment` the crontab's settings.
    """
    text, percent = cut_at_percent(command)
    if runs := script_runs(text, command_words, environment, around):
        return [(run, (*faults_of(run), *(("percent cuts",) if percent else ()))) for run in runs]
    whole = script_runs(command.replace(r"\%", "%"), command_words, environment, around) if percent else []
    return [(run, (*faults_of(run), "percent")) for run in whole]


def faults_of(run: Execution) -> tuple[Fault, ...]:
    """The faults in the words of a run: a terminal that cron has not, a carriage return that belongs to no command."""
    words = [run.docker, run.target.name, *(word or "" for word in run.words)]
    carriage: tuple[Fault, ...] = ("carriage return",) if any("\r" in word for word in words) else ()
    return (*carriage, *terminal(run))


def script_runs(
    script: str,
    command_words: Sequence[str],
    environment: Mapping[str, str] = NOTHING,
    around: Surroundings | None = None,
    start: ScriptStart | None = None,
) -> list[Execution]:
    """The runs of the wanted command in a script; empty when it cannot be parsed.

    Where some are surely run, only those: another in the same script is run instead of them. Else only the first that
    may be run, else the first that is not. `environment` is what the crontab sets: cron expands nothing in it; `around`
    is what is known of the node (None: nothing), `start` how the script begins (None: no `set -e`, no arguments).
    """
    try:
        return runs_of(script, command_words, environment, around, start)
    except Unreadable:
        return []


def runs_of(
    script: str,
    command_words: Sequence[str],
    environment: Mapping[str, str] = NOTHING,
    around: Surroundings | None = None,
    start: ScriptStart | None = None,
) -> list[Execution]:
    """The runs that `script_runs` gives for these arguments. Raises Unreadable for a script that cannot be parsed."""
    context = Context(
        {name: (Part("text", value),) for name, value in environment.items()},
        around=around if around is not None else Surroundings(),
    )
    if start is not None:
        context.errexit, context.nounset = start.errexit, start.nounset
        context.variables.update({name: (Part("text", value),) for name, value in start.arguments.items()})
    if context.around.shell == "bash" and (first := environment.get("BASH_ENV")):
        script = f". {shlex.quote(first)} || :\n{script}"
    meant = [(run, without_returns(run)) for run in docker_executions(script, context)]
    runs = [replace(run, reach=plain.reach_of(command_words)) for run, plain in meant if plain.runs(command_words)]
    for value in (True, None, False):
        if best := [run for run in runs if run.reach.value is value]:
            return best if value else best[:1]
    return []


def without_returns(run: Execution) -> Execution:
    """The run with words as they are meant: without carriage returns at their ends."""
    return replace(run, words=tuple(word if word is None else word.rstrip("\r") for word in run.words))


def running_anywhere(
    text: str,
    command_words: Sequence[str],
    around: Surroundings | None = None,
    start: ScriptStart | None = None,
    environment: Mapping[str, str] = NOTHING,
) -> list[Execution]:
    """The runs of the wanted command in a script; where it cannot be parsed as a whole, those of each line.

    What stands around such a line is not known, and neither is whether it is run. A script with carriage returns is
    read without them as well, since with them its reserved words are none. Empty where the script can be parsed and has
    none.
    """
    readable = True
    try:
        if runs := runs_of(text, command_words, environment, around, start):
            return runs
    except Unreadable:
        readable = False
    plain = RETURNED.sub("", text)
    if plain != text and (runs := script_runs(plain, command_words, around=around, start=start)):
        return [replace(run, words=(*run.words[:-1], f"{run.words[-1] or ''}\r")) for run in runs]
    if readable:
        return []
    try:
        executed_commands(text, Context(around=around or Surroundings()))
        return []
    except Unreadable as odd:
        unknown = Truth(None, f"its script cannot be read as a whole: {odd}")
    lines = filter(may_enter_container, text.split("\n"))
    return [replace(run, reach=unknown) for line in lines for run in script_runs(line, command_words)]


def may_enter_container(line: str) -> bool:
    """Whether a line that is read alone may name a client of Docker, quoted and split as it may be.

    >>> may_enter_container("doc'k'er exec db backup"), may_enter_container("cp /a /b")
    (True, False)
    """
    bare = line.translate(QUOTES)
    return "$'" in line or any(client in bare for client in CLIENTS)


def is_followed(path: str) -> bool:
    """Whether a script may make backups: those of packages only by their names."""
    return not path.startswith(OF_PACKAGES) or MENTIONS.search(path) is not None


def scripted(command: str) -> str:
    """The path of the first script that a line runs, where the line speaks of backups; empty in any other case.

    >>> scripted("nice -n 19 /bin/sh /opt/pg-backup.sh -v"), scripted("/usr/bin/true"), scripted("tar c /backup")
    ('/opt/pg-backup.sh', '', '')
    """
    if not MENTIONS.search(command):
        return ""
    calls = called_scripts(commands_of(command.rstrip("\r"), Surroundings()), Surroundings())
    return next((call.path for call in calls), "")


def mentions_dumps(text: str) -> bool:
    """Whether a script mentions dumps, or docker and then backup in one line, or anywhere with a here-document."""
    document = "<<" in text and DOCKER.search(text) is not None and BACKUP.search(text) is not None
    return bool(DUMP.search(text)) or document or occur_in_order(text, DOCKER, BACKUP, LINE)


def own_dump(
    text: str, environment: Mapping[str, str] = NOTHING, effort: Effort | None = None
) -> tuple[str, Target | None]:
    """The program with which a script makes a dump by itself, and the container that it enters for it, if any.

    ("", None) when it makes none. One that cannot be parsed counts as `pg_dump` where its text names that. The first
    that it may run. `environment` is what the crontab sets, `effort` what may still be followed (None: a whole
    account's share).
    """
    around = Surroundings(effort=effort or Effort())
    context = Context({name: (Part("text", value),) for name, value in environment.items()}, around=around)
    try:
        for command in executed_commands(text, context):
            if command.name in DUMPERS:
                return command.name, None
            for run in executions_of(command, context):
                names = [(line[0] or "").rpartition("/")[2] for line in run.inner()]
                if found := next((name for name in names if name in DUMPERS), ""):
                    return found, run.target
    except Unreadable:
        return ("pg_dump", None) if DUMP.search(text) else ("", None)
    return "", None


def why_undecided(script: str, command_words: Sequence[str], where: str = "", effort: Effort | None = None) -> str:
    """Why it is not known whether a script runs the wanted command; empty when it is known (it does not).

    It is for a script in which no run of the command was found.
    `where` is the path of the script, for the message. `effort` is as in `own_dump`.
    """
    effort = effort or Effort()
    if dumper := own_dump(script, effort=effort)[0]:
        return f"{where or 'it'} makes a dump with `{dumper}`, and may be the one that makes these backups"
    if "docker" not in script or not re.search(rf"(?<![\w-]){re.escape(command_words[0])}(?![\w-])", script):
        return ""
    try:
        around = Surroundings(effort=effort)
        runs = list(docker_executions(cut_at_percent(script)[0].rstrip("\r"), Context(around=around)))
    except Unreadable as odd:
        return f"{where}: {odd}" if where else str(odd)
    if not runs and runs_only_known_programs(script, around):
        return ""
    plain = runs and all(None not in line and line[0] not in SHELLS for run in runs for line in run.inner())
    return "" if plain else "what it runs, and in which container, cannot be read from it"


def runs_only_known_programs(script: str, around: Surroundings) -> bool:
    """Whether a script could be read, and runs nothing that may run what stands in its words or its input."""
    try:
        commands = executed_commands(cut_at_percent(script)[0].rstrip("\r"), Context(around=around))
    except Unreadable:
        return False
    return all(command.name in INERT for command in commands)


def programs(run: Execution, path: str) -> tuple[str, ...]:
    """The paths at which the docker of a run may be: its own, else one for each directory of its PATH."""
    if "/" in run.docker:
        return (run.docker,)
    return tuple(f"{directory.rstrip('/')}/{run.docker}" for directory in (run.path or path).split(":") if directory)
