"""How a node's schedules are looked at: one script, and further ones only for what that script cannot know."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Node
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.daemon import daemon, timezone
from fleetkeeper.readers.cron.loader import possible_loaders
from fleetkeeper.readers.cron.own_crontab import read_own_crontab
from fleetkeeper.readers.cron.snapshot import OWN, Snapshot, SnapshotFile, ask, list_schedules
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.protocol import Argument, RootQuestion
from fleetkeeper.topics.schedules.deleters import find_deleters
from fleetkeeper.topics.schedules.entry_faults import entry_with_faults, home_of
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.topics.schedules.parse import find_backups
from fleetkeeper.topics.schedules.run_parts import in_directories
from fleetkeeper.topics.schedules.scheduled_backups import ScheduledBackups
from fleetkeeper.topics.schedules.script_entries import follow_scripts
from fleetkeeper.topics.schedules.timers import find_timers
from fleetkeeper.transport.commands import Output, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look


MOST_DELETERS = 50
MOST_ROUNDS, MOST_WORDS = 3, 400
"""Times that a node is asked about its entries, and questions in each: scripts raise others."""
BLOCK = "schedules.backup_runs_where_postgres_runs"
NO_SUDO = "the account may not read it: set `sudo: true` for this node, or give it the right"
HIDDEN = Unobservable("processes of other users are hidden (hidepid): whether cron runs cannot be seen", NO_SUDO)


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts from every place that cron and systemd read, after one round trip and at most three more.

    A place that could not be read is in the facts (`unseen`). A generator: yields commands, receives their outputs.
    Raises NotApplicable where the inventory has no backups, Unobservable for an answer that is cut short.
    """
    policy = inventory.section(Policy)
    everything, own = yield [list_schedules(), OWN]
    printed = snapshot.read(everything.text())
    if printed.one("account") != "root":
        printed.files.extend(own_file(own, printed))
    scheduled = scheduled_backups(ScheduledBackups(Answers(printed)), policy)
    for _ in range(MOST_ROUNDS):
        questions = words_to_ask(scheduled)
        if not questions:
            break
        [answer] = yield [ask(questions)]
        scheduled.answers.add(questions, snapshot.read(answer.text()))
        scheduled = scheduled_backups(scheduled, policy)
    return replace(make_facts(scheduled, own), deleters=tuple(find_deleters(scheduled, policy))[:MOST_DELETERS])


def scheduled_backups(before: ScheduledBackups, policy: Policy) -> ScheduledBackups:
    """Everything about backups on a node, as far as it has answered, and what must still be asked.

    Nothing is asked here: questions are collected. `before` holds the answers, and what the round before read.
    """
    scheduled = ScheduledBackups(before.answers, earlier=before.earlier)
    command_words = shlex.split(policy.command)
    find_backups(scheduled, policy.command)
    in_directories(scheduled, command_words)
    find_timers(scheduled, command_words)
    follow_scripts(scheduled, command_words)
    return scheduled


def own_file(own: Output, printed: Snapshot) -> list[SnapshotFile]:
    """The account's own crontab as a file, where the directory of all crontabs cannot be read; else empty.

    `own` is the answer of `crontab -l`; `printed` says what the account is and what was not read (`unseen`), and the
    account is added to its uids.
    """
    if own.rc != 0 or not printed.lines.get("unseen"):
        return []
    path = f"/var/spool/cron/crontabs/{printed.one('account')}"
    printed.lines.setdefault("uid", []).append(f"0 {printed.one('account')}")
    return [SnapshotFile(path, "user", 0, 0, 0o600, 1, 0.0, own.out)]


def words_to_ask(scheduled: ScheduledBackups) -> list[str]:
    """The users, programs, paths and scripts to ask the node about, which no earlier answer was about; at most 400.

    A word is a user, the path of a program, `=` and the path of a script to read, `?` and any other path, or `&` and
    the name of a process that may run.
    """
    line = set(scheduled.answers.printed.lines.get("docker", []))
    words: dict[str, None] = {}
    for candidate in scheduled.candidates:
        if not line & set(candidate.programs):
            words.update(dict.fromkeys(path for path in candidate.programs if path.startswith("/")))
        users = [candidate.entry.user, candidate.acting, *(user for user, _ in candidate.users)]
        words.update(dict.fromkeys(user for user in users if user and user[0] not in "-=/?&@"))
    words.update(scheduled.questions)
    if "cronie" in possible_loaders(scheduled.answers.printed):
        homes = [home_of(candidate, scheduled.answers) for candidate in scheduled.candidates]
        words.update(dict.fromkeys(f"?{home}" for home in homes if home.startswith("/")))
    asked = scheduled.answers.asked
    return [word for word in words if word.isprintable() and word not in asked][:MOST_WORDS]


def make_facts(scheduled: ScheduledBackups, own: Output) -> Facts:
    """The facts of a node. `own` is the output of `crontab -l`.

    What of it cannot be read is an Unobservable in them.
    """
    printed = scheduled.answers.printed
    return Facts(
        entries=tuple(entry_with_faults(candidate, scheduled.answers) for candidate in scheduled.candidates),
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


def enabled(state: str) -> bool | None:
    """Whether cron starts at boot, from the state that `systemctl is-enabled` prints; None for an empty one."""
    return state.startswith("enabled") if state else None


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about schedules."""
    yield OWN.words
    yield list_schedules().words
    yield (*ask([]).words[:3], Argument("text"), Argument("asked", many=True))
