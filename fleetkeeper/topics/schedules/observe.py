"""How a node's schedules are looked at: one script, and further ones only for what that script cannot know."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.daemon import Daemon, daemon, timezone
from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.own_crontab import read_own_crontab
from fleetkeeper.readers.cron.snapshot import OWN, Snapshot, SnapshotFile, ask, list_schedules
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.schedules.facts import Entry, Facts
from fleetkeeper.topics.schedules.parse import Candidate, ScheduledBackups, find_backups, follow_scripts
from fleetkeeper.topics.schedules.run_parts import in_directories
from fleetkeeper.topics.schedules.timers import find_timers
from fleetkeeper.transport.commands import Output, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look


BLOCK = "schedules.backup_runs_where_postgres_runs"
NO_SUDO = "the account may not read it: set `sudo: true` for this node, or give it the right"
HIDDEN = Unobservable("processes of other users are hidden (hidepid): whether cron runs cannot be seen", NO_SUDO)


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts from every place that cron and systemd read.

    Raises NotApplicable where the inventory has no backups.
    """
    policy = inventory.section(Policy)
    everything, own = yield [list_schedules(), OWN]
    printed = snapshot.read(everything.text())
    if printed.one("account") != "root":
        printed.files.extend(own_file(own, printed))
    command_words = shlex.split(policy.command)
    scheduled = find_backups(printed, policy.command)
    in_directories(printed, command_words, scheduled)
    find_timers(printed, command_words, scheduled)
    if scheduled.scripts:
        [answer] = yield [ask([f"={snapshot}" for snapshot in scheduled.scripts])]
        follow_scripts(scheduled, snapshot.read(answer.text()), command_words)
    questions = words_to_ask(scheduled, printed)
    answers = Snapshot()
    if questions:
        [answer] = yield [ask(questions)]
        answers = snapshot.read(answer.text())
    return make_facts(printed, scheduled, own, answers)


def own_file(own: Output, printed: Snapshot) -> list[SnapshotFile]:
    """The account's own crontab as a file, where the directory of all crontabs cannot be read; else empty.

    It adds the account to the uids in `printed`.
    """
    if own.rc != 0 or not printed.lines.get("unseen"):
        return []
    path = f"/var/spool/cron/crontabs/{printed.one('account')}"
    printed.lines.setdefault("uid", []).append(f"0 {printed.one('account')}")
    return [SnapshotFile(path, "user", 0, 0, 0o600, 1, 0.0, own.out)]


def words_to_ask(scheduled: ScheduledBackups, printed: Snapshot) -> list[str]:
    """The users and programs to ask the node about.

    The candidates need them, and the first script did not print them.
    """
    line = set(printed.lines.get("docker", []))
    words: dict[str, None] = {}
    for candidate in scheduled.candidates:
        if not line & set(candidate.programs):
            words.update(dict.fromkeys(path for path in candidate.programs if path.startswith("/")))
        words.update(dict.fromkeys([candidate.entry.user, *(user for user, _ in candidate.users)]))
    return [word for word in words if word and not word.startswith("-") and word.isprintable()]


def make_facts(printed: Snapshot, scheduled: ScheduledBackups, own: Output, answers: Snapshot) -> Facts:
    """The facts of a node. `own` is the output of `crontab -l`, `answers` the answers about users and programs."""
    return Facts(
        entries=tuple(entry_with_faults(candidate, printed, answers) for candidate in scheduled.candidates),
        suspects=tuple(scheduled.suspects),
        cron=or_why(lambda: daemon(printed)) if "hidden" not in printed.lines else HIDDEN,
        installed="installed" in printed.lines,
        timezone=or_why(lambda: timezone(printed)),
        unseen=tuple(Unobservable(f"{path} could not be read", NO_SUDO) for path in printed.lines.get("unseen", [])),
        account=printed.one("account"),
        crontab=read_own_crontab(own, printed, BLOCK),
        docker=tuple(printed.lines.get("docker", [])),
        manager=printed.one("manager"),  # type: ignore[arg-type]
        unit=printed.one("unit").partition(" ")[0] or "cron",
        enabled=enabled(printed.one("unit").partition(" ")[2]),
        jobs=scheduled.jobs,
    )


def entry_with_faults(candidate: Candidate, printed: Snapshot, answers: Snapshot) -> Entry:
    """The entry of a candidate, with the faults that only the node knows (users, programs, permissions, time zone)."""
    programs = {*printed.lines.get("docker", []), *answers.lines.get("program", [])}
    users = set(answers.lines.get("user", []))
    entry, faults = candidate.entry, list[Fault]()
    strangers = [(user, line) for user, line in candidate.users if user not in users]
    if entry.user and entry.user not in users and "no user field" not in entry.faults:
        faults.append("unknown user")
    elif strangers and "no user field" not in entry.faults:
        faults.append("syntax error in file")
        entry = replace(entry, fault_line=strangers[0][1])
    if entry.user in answers.lines.get("denied", []):
        faults.append("docker denied")
    if not programs & set(candidate.programs):
        faults.append("docker not on path")
    if candidate.zoned:
        # Debian's cron ignores CRON_TZ; cronie, which calls itself crond, obeys it.
        running = or_why(lambda: daemon(printed))
        faults.append("time zone ignored")
        debian = running is None or (isinstance(running, Daemon) and running.name == "cron")
        entry = entry if debian else replace(entry, times=UNKNOWN_TIMES)
    return replace(entry, faults=tuple(dict.fromkeys((*entry.faults, *faults))))


def enabled(state: str) -> bool | None:
    """Whether cron starts at boot, from the state that `systemctl is-enabled` prints; None for an empty one."""
    return state.startswith("enabled") if state else None


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about schedules."""
    yield OWN.words
    yield list_schedules().words
    yield (*ask([]).words[:3], Argument("text"), Argument("asked", many=True))
