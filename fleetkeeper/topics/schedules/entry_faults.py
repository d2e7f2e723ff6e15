"""The faults of an entry that only the node knows: users, programs, permissions, PAM, the time zone, a hung cron."""

from __future__ import annotations

from dataclasses import replace

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.daemon import Daemon, daemon
from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.line_start import cron_starts
from fleetkeeper.readers.shell.surroundings import UNKNOWN_DIRECTORY
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.topics.schedules.facts import Entry
from fleetkeeper.topics.schedules.parse import with_reach
from fleetkeeper.topics.schedules.scheduled_backups import Candidate


def entry_with_faults(candidate: Candidate, answers: Answers) -> Entry:
    """The entry of a candidate, with the faults that only the node knows, and with why it is not started or unclear.

    One that is blocked already, or commented out, keeps its reason. What cannot be told makes it `unclear`.
    """
    lines, faults = answers.lines.lines, list[Fault]()
    users = set(lines.get("user", []))
    entry = candidate.entry
    strangers = [(user, line) for user, line in candidate.users if user not in users]
    if entry.user and entry.user not in users and "no user field" not in entry.faults:
        faults.append("unknown user")
    elif strangers and "no user field" not in entry.faults:
        faults.append("syntax error in file")
        entry = replace(entry, fault_line=strangers[0][1])
    acting = candidate.acting or entry.user
    if acting in lines.get("denied", []) and (candidate.acting or not candidate.granted):
        faults.append("docker denied")
        entry = replace(entry, user=acting)
    there = {path for path, is_there in answers.programs.items() if is_there}
    located = YES if there & set(candidate.programs) else Truth(None, "its PATH holds a directory that is not known")
    if located.value is None and not any(path.startswith(UNKNOWN_DIRECTORY) for path in candidate.programs):
        faults.append("docker not on path")
        located = YES
    if candidate.zoned:
        # Debian's cron ignores CRON_TZ; cronie, which calls itself crond, obeys it.
        running = or_why(lambda: daemon(answers.printed))
        faults.append("time zone ignored")
        debian = running is None or (isinstance(running, Daemon) and running.name == "cron")
        entry = entry if debian else replace(entry, times=UNKNOWN_TIMES)
    entry = replace(entry, faults=tuple(dict.fromkeys((*entry.faults, *faults))))
    if entry.blocked or "commented out" in entry.faults:
        return entry
    known = Truth(None, entry.unclear) if entry.unclear else YES
    return with_reach(replace(entry, unclear=""), both(both(started(candidate, answers), located), known))


def started(candidate: Candidate, answers: Answers) -> Truth:
    """Whether the daemon starts the command of an entry at all: the account that acts, and what cron itself needs.

    NO with the reason; not to be told where access.conf is not understood, and where the account's client of Docker
    asks another engine. A timer needs no cron.
    """
    acting = candidate.acting
    named = acting in answers.asked and not acting.startswith("#")
    if acting and named and acting not in answers.lines.lines.get("user", []):
        return Truth(False, f"there is no user {acting[:40]} as whom it would run")
    if acting.startswith("#"):
        return Truth(None, f"which account has the number {acting[1:40]}, as whom it would run, is not known")
    entry = candidate.entry
    starts = YES if entry.kind == "timer" else cron_starts(entry.user, candidate.home, answers)
    if not candidate.chosen and (place := answers.engine_of(acting or entry.user)):
        return both(
            starts, Truth(None, f"the Docker client of {acting or entry.user} asks another engine: {place[:100]}")
        )
    return starts


def home_of(candidate: Candidate, answers: Answers) -> str:
    """The home directory of an entry: what its crontab sets, else its user's; "" while that is not known."""
    return answers.surroundings(candidate.entry.user, home=candidate.home or "").directory
