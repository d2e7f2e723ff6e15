"""What on a node runs certbot: crontabs, directories of cron, timers. Of everything else nothing is kept.

Crontabs are read together with everything that keeps cron from running a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from itertools import islice, takewhile

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron.crontab import Job, Table, cut_at_percent
from fleetkeeper.readers.cron.crontab_files import CrontabFile, body, crontab_file, directory_faults, run_parts
from fleetkeeper.readers.cron.daemon import daemon
from fleetkeeper.readers.cron.due_times import A_MONDAY, REBOOT, due_times, is_understood, longest_gap
from fleetkeeper.readers.cron.faults import FAULTS, Fault
from fleetkeeper.readers.cron.line_start import cron_starts, line_surroundings, shell_starts
from fleetkeeper.readers.cron.script_start import can_start, shell_of
from fleetkeeper.readers.cron.snapshot import Snapshot, SnapshotFile
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.readers.shell.words import Part
from fleetkeeper.readers.systemd_accounts import account_of, reaches_socket, with_groups
from fleetkeeper.readers.systemd_environment import unit_environment
from fleetkeeper.readers.systemd_timers import next_date, service_script, timer_starts
from fleetkeeper.readers.systemd_units import cron_fields, units
from fleetkeeper.topics.certificates.facts import Renewal
from fleetkeeper.topics.certificates.renewal_scripts import NodeSurroundings, ScriptText, renewals_of_script
from fleetkeeper.transport.commands import Unobservable

BLOCK = "certificates.will_renew"
HOOKED = re.compile(r"-hook[= ]+[\"']*([^\s\"']+)")
ASKED = re.compile(r"/[A-Za-z0-9._/-]{1,200}|[A-Za-z0-9][A-Za-z0-9._-]{0,60}")
MOST_ASKED = 20
UNIT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
MOST_OF_FILE = 200
"""Lines of one crontab that run certbot of which is told; any user may write more."""


def renewals_on_node(printed: Snapshot, node: NodeSurroundings) -> Iterator[Renewal]:
    """Every place on the node that runs certbot, with the containers that it would enter now.

    `printed` are its schedules, `node` what else is known of it. What keeps cron or a timer from running it is in
    `faults`. A crontab that cannot be judged, or is larger than what is read, is one that is `unclear`.
    """
    uids = {name: uid for uid, _, name in (line.partition(" ") for line in printed.lines.get("uid", []))}
    for file in printed.files:
        if file.kind == "directory":
            starter = run_parts(file, printed)
            for renewal in renewals_of_script(directory_script(file, printed, node), node):
                yield renewal.due_at(starter.times) if starter else renewal
            continue
        try:
            crontab = crontab_file(file, uids, printed)
        except Unobservable as odd:
            yield Renewal(file.path, unclear=odd.why)
            continue
        found = (renewal for job in crontab.table.jobs for renewal in renewals_of_line(crontab, job, node))
        yield from islice(found, MOST_OF_FILE)
        if next(found, None):
            yield Renewal(file.path, unclear="more of its lines run certbot than are read here")
        if crontab.table.unread:
            yield Renewal(f"{file.path}:{crontab.table.unread}", unclear="it is larger than what is read here")
    yield from renewal_timers(printed, node)


def renewals_of_line(crontab: CrontabFile, job: Job, node: NodeSurroundings) -> Iterator[Renewal]:
    """The renewals of one line of a crontab, with what keeps cron from starting it."""
    user = job.user or crontab.file.name
    faults = [fault_text(fault, crontab.table) for fault in crontab.faults]
    script = ScriptText(
        f"{crontab.file.path}:{job.line}",
        cut_at_percent(job.command)[0],
        user=user,
        variables={name: (Part("text", value),) for name, value in job.environment.items()},
        search_path=job.environment.get("PATH", crontab.default_path),
        reach=Truth(None, crontab.doubt) if crontab.doubt else YES,
        others=crontab.other_users,
    )
    if node.answers is not None:
        around = line_surroundings(job, user, node.answers)
        starts = both(shell_starts(job, around), cron_starts(user, job.environment.get("HOME"), node.answers))
        script = replace(script, around=around, reach=both(script.reach, starts))
    for renewal in renewals_of_script(replace(script, faults=tuple(faults), once=job.times == REBOOT), node):
        weekly = runs_in_a_week(job.times) if renewal.forced else 0
        yield replace(renewal, weekly=weekly).due_at(job.times)


def directory_script(file: SnapshotFile, printed: Snapshot, node: NodeSurroundings) -> ScriptText:
    """A script in a directory of cron, with what keeps run-parts from starting it.

    `printed` are the node's schedules, which say what starts that directory, `node` what else is known of it.
    """
    faults = tuple(FAULTS[fault].saw for fault in directory_faults(file, printed))
    starter = run_parts(file, printed)
    text = file.content.decode("utf-8", "replace")
    script = ScriptText(file.path, text, faults, user=starter.user if starter else "root")
    if node.answers is None:
        return script
    around = node.answers.surroundings(script.user, shell_of(file.content))
    around.script = file.path
    path = (starter.environment if starter else {}).get("PATH", around.search_path)
    starts = YES if faults else can_start(file, "run-parts", around, path)
    return replace(script, around=around, search_path=path, reach=starts)


def runs_in_a_week(times: str) -> int:
    """How often an entry is due in a week, 1 to 100; 0 where that is not known."""
    week = takewhile(lambda moment: moment <= A_MONDAY + timedelta(days=7), due_times(times, A_MONDAY))
    return max(1, len(list(islice(week, 100)))) if is_understood(times) else 0


def fault_text(fault: Fault, table: Table) -> str:
    """A fault in words, with the line of the crontab's first syntax error where the text names it."""
    line = str(table.problems[0].line) if table.problems else "?"
    return FAULTS[fault].saw.replace("{fault_line}", line)


def renewal_timers(printed: Snapshot, node: NodeSurroundings) -> Iterator[Renewal]:
    """The renewals by timers in `printed` whose service runs certbot; one that is not active has that as a fault."""
    services = {unit["Id"]: unit for unit in units(printed.lines.get("service", [])) if "Id" in unit}
    settings = printed.lines.get("setting", [])
    for timer in units(printed.lines.get("timer", [])):
        service: Mapping[str, str] = services.get(timer.get("Unit", ""), {})
        faults = () if timer.get("ActiveState") == "active" else ("is not active",)
        environment = unit_environment(service, printed)
        script = ScriptText(
            timer.get("Id", "a timer"),
            service_script(service, settings),
            faults,
            user=account_of(service, printed),
            variables={name: (Part("text", value),) for name, value in environment.values.items()},
            search_path=environment.or_path(UNIT_PATH),
            starter="systemd",
            granted=reaches_socket(service, printed),
            errexit=True,
        )
        if node.answers is not None:
            around = with_groups(node.answers.surroundings(script.user), service, printed)
            around.directory = service.get("WorkingDirectory", "").lstrip("!-") or "/"
            starts = both(timer_starts(timer, service, settings, around), environment.starts)
            script = replace(script, around=around, reach=starts)
        for renewal in renewals_of_script(script, node):
            times = cron_fields(timer.get("TimersCalendar", ""))
            yield replace(renewal, times=times, gap=gap_of_timer(timer, printed.one("today")))


def gap_of_timer(timer: Mapping[str, str], today: str) -> timedelta:
    """The longest time between two starts of a timer, at least that until the next one (`today` is YYYY-MM-DD).

    0 where that is not known.
    """
    times = cron_fields(timer.get("TimersCalendar", ""))
    if is_understood(times):
        return longest_gap(times)
    try:
        return max(date.fromisoformat(next_date(timer)) - date.fromisoformat(today), timedelta(0))
    except ValueError:
        return timedelta(0)


def words_to_ask(printed: Snapshot, only_of_root: bool) -> list[str]:
    """The programs and files that hooks in the node's schedules name: what they are is asked in containers.

    Each once, at most 20; words with other signs than letters, digits and `._-/` are left out.
    With `only_of_root` those in the files of other users are left out: an account with `sudo: audit` would not be told
    of them, since it could name any file in a crontab of its own.
    """
    files = [file for file in printed.files if file.owner == 0 or not only_of_root]
    texts = [body(file).decode("utf-8", "replace") for file in files]
    options = [word for text in texts for line in text.split("\n") if "-hook" in line for word in HOOKED.findall(line)]
    return list(dict.fromkeys(word for word in options if ASKED.fullmatch(word)))[:MOST_ASKED]


def cron_runs(printed: Snapshot) -> bool | Unobservable:
    """Whether cron runs on the node, or why that could not be seen (returned, not raised)."""
    if "hidden" in printed.lines:
        return Unobservable("processes of other users are hidden (hidepid): whether cron runs cannot be seen")
    match = or_why(lambda: daemon(printed))
    return match if isinstance(match, Unobservable) else match is not None
