"""What on a node runs certbot: crontabs, directories of cron, timers. Of everything else nothing is kept.

Crontabs are read together with everything that keeps cron from running a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron.crontab import Table, cut_at_percent, parse
from fleetkeeper.readers.cron.crontab_files import (
    body,
    directory_faults,
    file_faults,
    table_faults,
)
from fleetkeeper.readers.cron.daemon import daemon
from fleetkeeper.readers.cron.faults import FAULTS, Fault, terminal
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.readers.docker.docker_exec import Execution, docker_executions
from fleetkeeper.readers.docker.exec_targets import resolve_target
from fleetkeeper.readers.shell.words import Unreadable
from fleetkeeper.readers.systemd_units import command_lines, units
from fleetkeeper.topics.certificates.facts import Renewal
from fleetkeeper.topics.certificates.parse import runs_reload, runs_renewal
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.transport.commands import Unobservable

BLOCK = "certificates.will_renew"


def renewals_on_node(printed: Snapshot, containers: Sequence[Container]) -> Iterator[Renewal]:
    """Every place on the node that runs certbot, with the containers that it would enter now."""
    uids = {name: uid for uid, _, name in (line.partition(" ") for line in printed.lines.get("uid", []))}
    for file in printed.files:
        if file.kind == "directory":
            faults = [FAULTS[fault].saw for fault in directory_faults(file, printed)]
            yield from renewals_of_script(file.path, file.content.decode("utf-8", "replace"), faults, containers)
            continue
        table = parse(body(file), system=file.kind == "system")
        try:
            whole = [*file_faults(file, uids.get(file.name, "none")), *table_faults(table)]
        except Unobservable as odd:
            yield Renewal(file.path, unclear=odd.why)
            continue
        for job in table.jobs:
            faults = [fault_text(fault, table) for fault in whole]
            yield from renewals_of_script(f"{file.path}:{job.line}", cut_at_percent(job.command)[0], faults, containers)
        if table.unread:
            yield Renewal(f"{file.path}:{table.unread}", unclear="it is larger than what is read here")
    yield from renewal_timers(printed, containers)


def fault_text(fault: Fault, table: Table) -> str:
    """A fault in words, with the line of the crontab's first syntax error where the text names it."""
    line = str(table.problems[0].line) if table.problems else "?"
    return FAULTS[fault].saw.replace("{fault_line}", line)


def renewal_timers(printed: Snapshot, containers: Sequence[Container]) -> Iterator[Renewal]:
    """The timers whose service runs certbot."""
    services = {unit["Id"]: unit for unit in units(printed.lines.get("service", [])) if "Id" in unit}
    for timer in units(printed.lines.get("timer", [])):
        script = command_lines(services.get(timer.get("Unit", ""), {}).get("ExecStart", ""))
        faults = [] if timer.get("ActiveState") == "active" else ["is not active"]
        yield from renewals_of_script(timer.get("Id", "a timer"), script, faults, containers)


def renewals_of_script(
    where: str, script: str, faults: Iterable[str], containers: Sequence[Container]
) -> Iterator[Renewal]:
    """The renewals of one shell text: in containers by `docker exec`, else on the node itself.

    `unclear` where neither shows.
    """
    text = "\n".join(line for line in script.split("\n") if not line.lstrip().startswith("#"))
    if "certbot" not in text:
        return
    again = runs_reload(text)
    try:
        runs = [run for run in docker_executions(text) if runs_certbot(run)]
    except Unreadable as odd:
        yield Renewal(where, reloads=again, unclear=f"its command line could not be read: {odd}")
        return
    for run in runs:
        yield in_container(where, run, [*faults, *unfit(run)], again, containers)
    if not runs and runs_renewal(text) and "docker" not in text:
        yield Renewal(where, reloads=again, faults=tuple(faults))
    elif not runs and runs_renewal(text):
        yield Renewal(where, reloads=again, unclear="cannot tell in which container it runs certbot")


def in_container(
    where: str, run: Execution, faults: Iterable[str], again: bool, containers: Sequence[Container]
) -> Renewal:
    """The renewal that a `docker exec` of certbot is, with the containers that it would enter now."""
    try:
        hit = tuple(container.id for container in resolve_target(run.target, containers))
    except Unobservable as why:
        return Renewal(where, reloads=again, unclear=why.why)
    return Renewal(where, containers=hit, reloads=again, faults=tuple(faults), entered=True)


def unfit(run: Execution) -> Iterator[str]:
    """The harmful faults that a `docker exec` without a terminal has, in words."""
    for fault in terminal(run):
        if not FAULTS[fault].harmless:
            yield FAULTS[fault].saw


def runs_certbot(run: Execution) -> bool:
    """Whether a command in a container is a renewal, with or without a shell around it."""
    line = " ".join(word if word is not None else "?" for word in run.words)
    return runs_renewal(line.replace('"', " ").replace("'", " "))


def cron_runs(printed: Snapshot) -> bool | Unobservable:
    """Whether cron runs on the node, or why that could not be seen."""
    if "hidden" in printed.lines:
        return Unobservable("processes of other users are hidden (hidepid): whether cron runs cannot be seen")
    match = or_why(lambda: daemon(printed))
    return match if isinstance(match, Unobservable) else match is not None
