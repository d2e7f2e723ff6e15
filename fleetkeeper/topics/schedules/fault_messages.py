"""What keeps an entry from doing its work, in words for the person who has to mend it.

Sources: crontab(5), cron(8), run-parts(8), and what Debian's cron 3.0pl1 and docker 20.10 did when they were tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleetkeeper.topics.schedules.facts import Entry, Fault


@dataclass(frozen=True)
class Words:
    """`saw` follows the place of the entry; `harmless` faults do not keep it from running."""

    saw: str
    hint: str
    harmless: bool = False


FAULTS: Mapping[Fault, Words] = {
    "commented out": Words("is commented out", "take the # away"),
    "dot in file name": Words(
        "is ignored: cron and run-parts skip names with a dot or other signs than letters, digits, _ and -",
        "rename the file: letters, digits, _ and - only",
    ),
    "no user field": Words("has no user field, which files under /etc need", "write root before the command"),
    "user field in a user's crontab": Words(
        "has a user field, which is taken for the command in a user's own crontab", "take the user's name away"
    ),
    "unknown user": Words("names a user that does not exist on this node", "name a user that exists, such as root"),
    "no final newline": Words(
        "is ignored with its whole file: the last line of the file does not end with a newline",
        "add a newline at the end of the file",
    ),
    "syntax error in file": Words(
        "is ignored with its whole file: cron cannot read line {fault_line} of it", "mend or remove that line"
    ),
    "wrong owner": Words("is ignored: its file belongs to somebody that cron does not trust", "chown root the file"),
    "wrong mode": Words("is ignored: others may write its file", "chmod 600 a user's crontab, 644 a file under /etc"),
    "hard links": Words("is ignored: its file has several names (hard links)", "remove the other names"),
    "not executable": Words("is not executable, so run-parts skips it", "chmod 755 the file"),
    "nothing starts it": Words(
        "is never started: no line of /etc/crontab or /etc/cron.d runs its directory",
        "restore /etc/crontab from the cron package",
    ),
    "too long": Words("is longer than cron takes (998 bytes), so its whole file is ignored", "shorten the line"),
    "bad times": Words("has time fields that cron cannot read, so its whole file is ignored", "mend its time fields"),
    "terminal": Words(
        "asks for a terminal with `docker exec -it`; cron has none, so it fails every time", "take -it away"
    ),
    "compose terminal": Words(
        "asks compose for a terminal, which cron has not; older versions of compose fail", "add -T after exec", True
    ),
    "asks for a terminal": Words("asks for a terminal with -t, which cron has not", "take -t away", True),
    "percent": Words(
        "is cut at an unescaped %: cron gives the shell only what stands before it", r"write \% instead of %"
    ),
    "percent cuts": Words("is cut at an unescaped %: what stands behind it is not run", r"write \% instead of %", True),
    "carriage return": Words(
        "ends with a carriage return, which becomes part of the command", "save the file with Unix line ends"
    ),
    "docker not on path": Words(
        "does not find docker: it is not in the directories where this entry looks",
        "write docker with its full path, or set PATH above the line",
    ),
    "docker denied": Words(
        "runs as {user}, who may not talk to Docker", "put it into root's crontab, or {user} into the docker group"
    ),
    "time zone ignored": Words(
        "stands below a CRON_TZ that Debian's cron ignores", "take CRON_TZ away: all times are in the node's zone", True
    ),
    "timer inactive": Words("is not active", "systemctl enable --now the timer"),
}


def harmful(entry: Entry) -> tuple[Fault, ...]:
    """The faults that keep an entry from running."""
    return tuple(fault for fault in entry.faults if not FAULTS[fault].harmless)


def saw(entry: Entry, fault: Fault) -> str:
    """One sentence: which entry, and what is wrong with it."""
    return f"the entry {entry.where} {fill(FAULTS[fault].saw, entry)}"


def hint(entry: Entry, fault: Fault) -> str:
    return fill(FAULTS[fault].hint, entry)


def fill(text: str, entry: Entry) -> str:
    return text.replace("{user}", entry.user).replace("{fault_line}", str(entry.fault_line))
