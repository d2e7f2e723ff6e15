"""systemd timers: which of them run the policy's command, and when, in the fields of cron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

from fleetkeeper.readers.cron.called_scripts import ScriptStart, called_scripts, commands_of, unread_calls
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.readers.shell.truth import both
from fleetkeeper.readers.systemd_accounts import account_of, reaches_socket, with_groups
from fleetkeeper.readers.systemd_environment import unit_environment
from fleetkeeper.readers.systemd_timers import service_script, timer_starts
from fleetkeeper.readers.systemd_units import cron_fields, units
from fleetkeeper.topics.schedules.command_lines import (
    MENTIONS,
    faults_of,
    is_followed,
    own_dump,
    programs,
    script_runs,
    why_undecided,
)
from fleetkeeper.topics.schedules.facts import Entry, Suspect
from fleetkeeper.topics.schedules.parse import with_reach
from fleetkeeper.topics.schedules.scheduled_backups import Behind, Candidate, ScheduledBackups

UNIT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_timers(scheduled: ScheduledBackups, command_words: Sequence[str]) -> None:
    """Add the candidates, suspects and scripts of timers that run the policy's command to `scheduled`."""
    printed = scheduled.answers.printed
    services = {unit["Id"]: unit for unit in units(printed.lines.get("service", [])) if "Id" in unit}
    for timer in units(printed.lines.get("timer", [])):
        find_timer(timer, services.get(timer.get("Unit", ""), {}), command_words, scheduled)


def find_timer(
    timer: Mapping[str, str], service: Mapping[str, str], command_words: Sequence[str], scheduled: ScheduledBackups
) -> None:
    """Add what one timer, whose service has these properties, runs to `scheduled`.

    Candidates, else scripts or a suspect. `command_words` are those of the policy's command.
    """
    printed = scheduled.answers.printed
    settings = printed.lines.get("setting", [])
    script = service_script(service, settings)
    suspect = Suspect(timer.get("Id", "a timer"), 0)
    made = partial(candidate, timer, service, printed)
    user = account_of(service, printed)
    around = with_groups(scheduled.answers.surroundings(user), service, printed)
    around.search_path = UNIT_PATH
    around.directory = service.get("WorkingDirectory", "").lstrip("!-") or "/"
    environment = unit_environment(service, printed)
    starts = both(timer_starts(timer, service, settings, around), environment.starts)
    start = ScriptStart(errexit=True)
    runs = script_runs(script, command_words, environment.values, around, start)
    scheduled.candidates.extend(made(replace(run, reach=both(starts, run.reach))) for run in runs)
    if runs:
        scheduled.questions.update(around.questions)
        return
    commands = commands_of(script, around, environment.values)
    calls = [call for call in called_scripts(commands, around) if is_followed(call.path)]
    scheduled.questions.update(around.questions if calls else {})
    calls = [replace(call, reach=both(starts, call.reach)) for call in calls]
    path = environment.or_path(UNIT_PATH)
    scheduled.behind.extend(
        Behind(call, suspect, made, user, "systemd", path, environment=call.environment(environment.values))
        for call in calls
    )
    scheduled.ask_for_sourced(around, suspect)
    scheduled.suspect(suspect, unread_calls(commands))
    if not calls and MENTIONS.search(script):
        scheduled.suspects.append(
            replace(suspect, why=why_undecided(script, command_words), target=own_dump(script, environment.values)[1])
        )


def candidate(timer: Mapping[str, str], service: Mapping[str, str], printed: Snapshot, run: Execution) -> Candidate:
    """The candidate of a timer whose service runs the command. Both are properties of their units, by name.

    `printed` are the node's schedules.

    A timer that is not active has the fault "timer inactive".
    """
    faults: tuple[Fault, ...] = () if timer.get("ActiveState") == "active" else ("timer inactive",)
    entry = Entry(
        place=timer.get("Id", "a timer"),
        line=0,
        kind="timer",
        user=account_of(service, printed),
        times=cron_fields(timer.get("TimersCalendar", "")),
        target=run.target,
        faults=(*faults, *faults_of(run)),
    )
    return Candidate(
        with_reach(entry, run.reach),
        programs(run, unit_environment(service, printed).or_path(UNIT_PATH)),
        acting=run.user,
        granted=reaches_socket(service, printed),
        chosen=run.chosen,
    )
