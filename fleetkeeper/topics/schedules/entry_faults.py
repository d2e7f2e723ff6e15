"""The faults of an entry that only the node knows: users, programs, permissions, PAM, the time zone, a hung cron."""

from __future__ import annotations

from dataclasses import replace

from fleetkeeper.looking.fleet import or_why
from fleetkeeper.readers.cron.accounts import refusal_of
from fleetkeeper.readers.cron.answers import Answers
from fleetkeeper.readers.cron.crontab_files import VALID_NAME
from fleetkeeper.readers.cron.daemon import Daemon, daemon
from fleetkeeper.readers.cron.due_times import UNKNOWN_TIMES
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.loader import possible_loaders
from fleetkeeper.readers.shell.truth import YES, Truth, both
from fleetkeeper.topics.schedules.facts import Entry
from fleetkeeper.topics.schedules.parse import Candidate, with_reach


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
    if acting in lines.get("denied", []):
        faults.append("docker denied")
        entry = replace(entry, user=acting)
    there = {path for path, is_there in answers.programs.items() if is_there}
    if not there & set(candidate.programs):
        faults.append("docker not on path")
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
    return with_reach(replace(entry, unclear=""), both(started(candidate, answers), known))


def started(candidate: Candidate, answers: Answers) -> Truth:
    """Whether the daemon starts the command of an entry at all: PAM, a home directory, a file on which cron hangs.

    NO with the reason; not to be told where access.conf is not understood. A timer is always started.
    """
    entry = candidate.entry
    if (
        candidate.acting
        and candidate.acting in answers.asked
        and candidate.acting not in answers.lines.lines.get("user", [])
    ):
        return Truth(False, f"there is no user {candidate.acting[:40]} as whom it would run")
    if entry.kind == "timer":
        return YES
    pipes = [path for path in answers.printed.lines.get("fifo", []) if VALID_NAME.fullmatch(path.rpartition("/")[2])]
    loaders = possible_loaders(answers.printed)
    if pipes and "cronie" not in loaders:
        return Truth(False, f"cron hangs in {pipes[0]}, a named pipe, and reads no crontab any more")
    refusal = refusal_of(entry.user, answers.lines)
    if refusal is None:
        return Truth(None, f"whether access.conf lets cron run anything for {entry.user} cannot be told")
    if refusal:
        return Truth(False, f"PAM refuses {entry.user} to cron: {refusal}")
    return home_there(candidate, answers) if loaders == ("cronie",) else YES


def home_there(candidate: Candidate, answers: Answers) -> Truth:
    """Whether the home directory in which cronie starts the command is there: without it nothing is run.

    Yes for one that was not looked for.
    """
    if candidate.home == "":
        return Truth(False, "its crontab sets an empty HOME, in which cronie starts nothing")
    home = home_of(candidate, answers)
    state = answers.paths.get(home)
    return Truth(False, f"its home directory {home[:100]} is not there") if state and state.missing else YES


def home_of(candidate: Candidate, answers: Answers) -> str:
    """The home directory of an entry: what its crontab sets, else its user's; "" while that is not known."""
    return answers.surroundings(candidate.entry.user, home=candidate.home or "").directory
