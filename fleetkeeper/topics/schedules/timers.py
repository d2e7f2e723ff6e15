"""systemd timers: which of them run the policy's command, and when, in the fields of cron."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from fleetkeeper.readers.cron.faults import Fault, terminal
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.docker.docker_exec import Execution
from fleetkeeper.readers.systemd_units import command_lines, cron_fields, units
from fleetkeeper.topics.schedules.facts import Entry, Suspect
from fleetkeeper.topics.schedules.parse import (
    MENTIONS,
    Behind,
    Candidate,
    ScheduledBackups,
    programs,
    script_runs,
    scripted,
    why_undecided,
)

UNIT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def find_timers(printed: Snapshot, command_words: Sequence[str], scheduled: ScheduledBackups) -> None:
    """Add the candidates, suspects and scripts of timers that run the policy's command to `scheduled`."""
    services = {unit["Id"]: unit for unit in units(printed.lines.get("service", [])) if "Id" in unit}
    for timer in units(printed.lines.get("timer", [])):
        service = services.get(timer.get("Unit", ""), {})
        script = command_lines(service.get("ExecStart", ""))
        name = timer.get("Id", "a timer")
        made = partial(candidate, timer, service)
        runs = script_runs(script, command_words)
        scheduled.candidates.extend(map(made, runs))
        if not runs and (path := scripted(script)):
            scheduled.behind.append(Behind(path, Suspect(name, 0), made))
        elif not runs and MENTIONS.search(script):
            scheduled.suspects.append(Suspect(name, 0, why_undecided(script, command_words)))


def candidate(timer: Mapping[str, str], service: Mapping[str, str], run: Execution) -> Candidate:
    """The candidate of a timer whose service runs the command. Both are properties of their units, by name."""
    faults: tuple[Fault, ...] = () if timer.get("ActiveState") == "active" else ("timer inactive",)
    entry = Entry(
        place=timer.get("Id", "a timer"),
        line=0,
        kind="timer",
        user=service.get("User", "") or "root",
        times=cron_fields(timer.get("TimersCalendar", "")),
        target=run.target,
        faults=(*faults, *terminal(run)),
    )
    return Candidate(entry, programs(run, UNIT_PATH))
