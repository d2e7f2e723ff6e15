"""The jobs that make backups on a node: lines of crontabs, cron's directories, timers, and the scripts behind them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence

from fleetkeeper.inventory.survey_results import Scheduled
from fleetkeeper.readers.cron.crontab import cut_at_percent, parse
from fleetkeeper.readers.cron.crontab_files import body, run_parts
from fleetkeeper.readers.cron.due_times import NEVER, REBOOT, UNKNOWN_TIMES
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.docker.docker_exec import docker_executions
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.shell.words import Unreadable
from fleetkeeper.readers.shell.wrappers import SHELLS
from fleetkeeper.readers.systemd_timers import service_script
from fleetkeeper.readers.systemd_units import cron_fields, units
from fleetkeeper.topics.schedules.command_lines import scripted

LIKE_A_BACKUP = re.compile(r"backup|dump", re.IGNORECASE)
NO_TIMES = (NEVER, REBOOT, UNKNOWN_TIMES)


def scripts_to_read(printed: Snapshot) -> list[str]:
    """The paths of scripts that schedules (`printed`) run and that must still be read from the node, each once.

    Only of entries that show no backup themselves.
    """
    behind = (scripted(text) for _, _, text in scheduled_entries(printed) if not any(made_by(text)))
    return list(dict.fromkeys(path for path in behind if path))


def backup_jobs(node: str, printed: Snapshot, behind: Mapping[str, str] | None = None) -> Iterator[Scheduled]:
    """The commands among a node's schedules (`printed`) that look like a backup in a container.

    `node` is its name; `behind` are the texts of scripts by path, None for none. `times` is empty where they have no
    form in the five fields of cron.
    """
    for times, where, text in scheduled_entries(printed):
        seen = (behind or {}).get(scripted(text), "")
        for command in made_by(text) or made_by(seen):
            yield Scheduled(node, "" if times in NO_TIMES else times, command, where)


def scheduled_entries(printed: Snapshot) -> Iterator[tuple[str, str, str]]:
    """Times, place and shell text of everything that is scheduled on a node, as `printed` has it.

    Times may be empty or one of `NO_TIMES`. Lines that are commented out, and timers that are not active, are left out.
    The place is FILE:LINE, a file, or the id of a timer.
    """
    for file in printed.files:
        if file.kind == "directory":
            starter = None if "anacron" in printed.lines else run_parts(file, printed)
            yield starter.times if starter else "", file.path, file.content.decode("utf-8", "surrogateescape")
            continue
        if file.kind in ("user", "system"):
            for job in parse(body(file), system=file.kind == "system").jobs:
                yield job.times, f"{file.path}:{job.line}", cut_at_percent(job.command)[0]
    services = {unit["Id"]: unit for unit in units(printed.lines.get("service", [])) if "Id" in unit}
    for timer in units(printed.lines.get("timer", [])):
        if timer.get("ActiveState") == "active":
            script = service_script(services.get(timer.get("Unit", ""), {}), printed.lines.get("setting", []))
            yield cron_fields(timer.get("TimersCalendar", "")), timer.get("Id", "a timer"), script


def made_by(text: str) -> list[str]:
    """The backups that shell text makes in containers, as command lines, each once.

    Text that cannot be parsed as a whole is read line by line.

    >>> made_by("docker exec db backup && docker exec -i db sh")
    ['backup']
    >>> made_by("docker exec db sh -c 'pg_dump -U rodan rodan > /backups/x'")
    ['pg_dump -U rodan rodan > /backups/x']
    """
    matches = in_containers(text) or [
        in_container for line in split_lines(text) for in_container in in_containers(line)
    ]
    return list(dict.fromkeys(matches))


def in_containers(text: str) -> list[str]:
    """The command lines in containers that look like a backup; empty when the text cannot be parsed.

    Runs with a word that is not plain, such as a variable, are left out. They look so by the name of their program.
    """
    try:
        runs = [run.words for run in docker_executions(text)]
    except Unreadable:
        return []
    plain = [[word for word in words if word is not None] for words in runs if None not in words]
    lines = [words[2] if handed_to_a_shell(words) else shlex.join(words) for words in plain if words]
    return [line for line in lines if LIKE_A_BACKUP.search(line.partition(" ")[0])]


def handed_to_a_shell(words: Sequence[str]) -> bool:
    """Whether words are a shell with `-c` and a script."""
    return len(words) > 2 and words[0].rpartition("/")[2] in SHELLS and words[1] in ("-c", "-lc")
