"""How a node's schedules are looked at: one script, and a second one only for what the first cannot know."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, TypeVar

from fleetkeeper.inventory.schema import Node
from fleetkeeper.readers.cron import snapshot
from fleetkeeper.readers.cron.crontab import parse
from fleetkeeper.readers.cron.snapshot import File, Printed
from fleetkeeper.readers.marked_blocks import BlockError, block
from fleetkeeper.readers.numbers import decimal_number, epoch_seconds, whole_number
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.schedules.facts import UNKNOWN_TIMES, Crontab, Daemon, Entry, Facts, Fault
from fleetkeeper.topics.schedules.parse import Candidate, Found, body, find, follow
from fleetkeeper.topics.schedules.run_parts import in_directories
from fleetkeeper.topics.schedules.timers import find_timers
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

LIST_SCHEDULES = "fleetkeeper/readers/cron/scripts/list_schedules.sh"
ASK_ABOUT_WORDS = "fleetkeeper/readers/cron/scripts/ask_about_words.sh"

T = TypeVar("T")
OWN = Command(("crontab", "-l"), sudo=True)
BLOCK = "schedules.backup_runs_where_postgres_runs"
NO_SUDO = "the account may not read it: set `sudo: true` for this node, or give it the right"
TICKS = 100.0
HIDDEN = Unobservable("processes of other users are hidden (hidepid): whether cron runs cannot be seen", NO_SUDO)


def list_schedules() -> Command:
    """The command that prints every schedule that cron and systemd read."""
    return Command(("sh", "-c", load_script(LIST_SCHEDULES)), sudo=True)


def observe(node: Node, inventory: Inventory) -> Look:
    """Every place that cron and systemd read, on one node. Raises NotApplicable where there are no backups."""
    policy = inventory.section(Policy)
    everything, own = yield [list_schedules(), OWN]
    printed = snapshot.read(everything.text())
    if printed.one("account") != "root":
        printed.files.extend(own_file(own, printed))
    wanted = shlex.split(policy.command)
    found = find(printed, policy.command)
    in_directories(printed, wanted, found)
    find_timers(printed, wanted, found)
    if found.scripts:
        [answer] = yield [ask([f"={snapshot}" for snapshot in found.scripts])]
        follow(found, snapshot.read(answer.text()), wanted)
    questions = asked(found, printed)
    answers = Printed()
    if questions:
        [answer] = yield [ask(questions)]
        answers = snapshot.read(answer.text())
    return facts(printed, found, own, answers)


def ask(questions: Sequence[str]) -> Command:
    """The second script; its questions are arguments and never part of it."""
    return Command(("sh", "-c", load_script(ASK_ABOUT_WORDS), "sh", *dict.fromkeys(questions)), sudo=True)


def own_file(own: Output, printed: Printed) -> list[File]:
    """This account's own crontab, where the directory of all crontabs cannot be read."""
    if own.rc != 0 or not printed.lines.get("unseen"):
        return []
    path = f"/var/spool/cron/crontabs/{printed.one('account')}"
    printed.lines.setdefault("uid", []).append(f"0 {printed.one('account')}")
    return [File(path, "user", 0, 0, 0o600, 1, 0.0, own.out)]


def asked(found: Found, printed: Printed) -> list[str]:
    """Users and programs that the candidates need and that the first script did not tell about."""
    known = set(printed.lines.get("docker", []))
    words: dict[str, None] = {}
    for candidate in found.candidates:
        if not known & set(candidate.programs):
            words.update(dict.fromkeys(path for path in candidate.programs if path.startswith("/")))
        words.update(dict.fromkeys([candidate.entry.user, *(user for user, _ in candidate.users)]))
    return [word for word in words if word and not word.startswith("-") and word.isprintable()]


def facts(printed: Printed, found: Found, own: Output, answers: Printed) -> Facts:
    return Facts(
        entries=tuple(judged(candidate, printed, answers) for candidate in found.candidates),
        suspects=tuple(found.suspects),
        cron=or_why(lambda: daemon(printed)) if "hidden" not in printed.lines else HIDDEN,
        installed="installed" in printed.lines,
        timezone=or_why(lambda: timezone(printed)),
        unseen=tuple(Unobservable(f"{path} could not be read", NO_SUDO) for path in printed.lines.get("unseen", [])),
        account=printed.one("account"),
        crontab=crontab(own, spooled(printed)),
        docker=tuple(printed.lines.get("docker", [])),
        manager=printed.one("manager"),  # type: ignore[arg-type]
        unit=printed.one("unit").partition(" ")[0] or "cron",
        enabled=enabled(printed.one("unit").partition(" ")[2]),
        jobs=found.jobs,
    )


def or_why(told: Callable[[], T]) -> T | Unobservable:
    """What was told, or why it could not be."""
    try:
        return told()
    except Unobservable as why:
        return why


def judged(one: Candidate, printed: Printed, answers: Printed) -> Entry:
    """The entry with the faults that only the node could tell."""
    programs = {*printed.lines.get("docker", []), *answers.lines.get("program", [])}
    users = set(answers.lines.get("user", []))
    entry, faults = one.entry, list[Fault]()
    strangers = [(user, line) for user, line in one.users if user not in users]
    if entry.user and entry.user not in users and "no user field" not in entry.faults:
        faults.append("unknown user")
    elif strangers and "no user field" not in entry.faults:
        faults.append("syntax error in file")
        entry = replace(entry, fault_line=strangers[0][1])
    if entry.user in answers.lines.get("denied", []):
        faults.append("docker denied")
    if not programs & set(one.programs):
        faults.append("docker not on path")
    if one.zoned:
        # Debian's cron ignores CRON_TZ; cronie, which calls itself crond, obeys it.
        running = or_why(lambda: daemon(printed))
        faults.append("time zone ignored")
        debian = running is None or (isinstance(running, Daemon) and running.name == "cron")
        entry = entry if debian else replace(entry, times=UNKNOWN_TIMES)
    return replace(entry, faults=tuple(dict.fromkeys((*entry.faults, *faults))))


def daemon(printed: Printed) -> Daemon | None:
    """The cron that runs: the process that no other cron started. Raises Unobservable where its numbers are odd."""
    rows = [line.split(" ") for line in printed.lines.get("cron", [])]
    pids = {row[0] for row in rows}
    for pid, parent, name, ticks, *_ in (row for row in rows if len(row) > 3):
        if parent not in pids:
            return Daemon(name, whole_number(pid), started(printed.one("boot"), ticks))
    return None


def started(boot: str, ticks: str) -> float:
    """When a process was started, in epoch seconds; 0 where that was not seen."""
    if not boot or not ticks:
        return 0.0
    return epoch_seconds(boot) + decimal_number(ticks) / TICKS


def timezone(printed: Printed) -> str | Unobservable:
    """The time zone that cron works in: its own TZ, else the node's.

    >>> timezone(Printed(lines={"localtime": ["/usr/share/zoneinfo/America/Toronto"]}))
    'America/Toronto'
    """
    running = daemon(printed)
    own = [
        line.partition(" ")[2]
        for line in printed.lines.get("crontz", [])
        if running and line.startswith(f"{running.pid} ")
    ]
    named = own[0].removeprefix(":") if own else printed.one("localtime")
    if running and str(running.pid) in printed.lines.get("unread", []):
        # An ordinary account may not read cron's environment; almost nobody sets TZ there.
        named = printed.one("localtime")
    if "/zoneinfo/" in named:
        return named.partition("/zoneinfo/")[2].removeprefix("posix/")
    if own and own[0]:
        return own[0].removeprefix(":")
    if printed.one("zone"):
        return printed.one("zone")
    if not named or own:
        return "UTC"
    return Unobservable(
        "the time zone has no name: /etc/localtime is no link", "timedatectl set-timezone ZONE makes it one"
    )


def enabled(state: str) -> bool | None:
    """Whether the manager starts it at boot, from the word that `systemctl is-enabled` has for it."""
    return state.startswith("enabled") if state else None


def spooled(printed: Printed) -> File | None:
    """The file of the account's own crontab, where it was read."""
    places = [file for file in printed.files if file.kind == "user" and file.name == printed.one("account")]
    return places[0] if places else None


def crontab(own: Output, file: File | None) -> Crontab | Unobservable:
    """What `crontab -l` told. "no crontab for" is an empty one; every other failure is not (case 22)."""
    if own.rc == 127:
        return Unobservable("there is no crontab command on this node", "install cron")
    if own.rc == 1 and b"no crontab for" in own.err and not own.out:
        return Crontab()
    try:
        own.text()
    except Unobservable as why:
        return why
    try:
        lines, marks = block(own.out, BLOCK), ""
    except BlockError as odd:
        lines, marks = None, str(odd)
    return Crontab(sha256(own.out).hexdigest(), lines, marks or trouble(own.out, file))


def trouble(content: bytes, file: File | None) -> str:
    """Why this crontab cannot be edited to any good."""
    table = parse(content, system=False)
    if table.problems:
        return f"cron ignores the whole crontab for its line {table.problems[0].line} ({table.problems[0].why})"
    if table.unread:
        return f"it is larger than what is read here (from line {table.unread} on)"
    if table.unended:
        return "cron ignores the whole crontab, since its last line does not end with a newline"
    return "" if file is None else not_shown(body(file), content)


def not_shown(held: bytes, listed: bytes) -> str:
    """What of a crontab's file `crontab -l` does not show, and an edit would therefore lose; empty for nothing.

    >>> not_shown(b"# a\\n1 1 * * * x\\n", b"1 1 * * * x\\n")
    '`crontab -l` does not show all of it: its first comment lines would be lost'
    """
    if held == listed:
        return ""
    lost = held.removesuffix(listed)
    if lost != held and all(line.startswith(b"#") for line in lost.split(b"\n")[:-1]):
        # Debian's `crontab -l` leaves out three leading comment lines, its own or not.
        return "`crontab -l` does not show all of it: its first comment lines would be lost"
    if held.replace(b"\r", b"") == listed.replace(b"\r", b""):
        return "its lines end with carriage returns, which `crontab -l` does not show as they are"
    return "`crontab -l` does not show what its file holds"
