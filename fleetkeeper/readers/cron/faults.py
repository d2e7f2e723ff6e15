"""Faults of a cron entry or a timer for which it does not do its work, with texts for a person.

Sources: crontab(5), cron(8), run-parts(8), and the behaviour of Debian's cron 3.0pl1 and docker 20.10 when tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fleetkeeper.readers.docker.docker_exec import Execution

Fault = Literal[
    "commented out",
    "dot in file name",
    "no user field",
    "user field in a user's crontab",
    "unknown user",
    "no final newline",
    "syntax error in file",
    "wrong owner",
    "wrong mode",
    "hard links",
    "mode of cronie",
    "name of cronie",
    "not executable",
    "too long",
    "bad times",
    "nothing starts it",
    "terminal",
    "compose terminal",
    "asks for a terminal",
    "percent",
    "percent cuts",
    "carriage return",
    "docker not on path",
    "docker denied",
    "timer inactive",
    "time zone ignored",
]


@dataclass(frozen=True)
class FaultText:
    """The texts of a fault. `saw` follows the place of the entry; `harmless` faults do not keep it from running.

    `why` is what a harmless one does all the same.
    """

    saw: str
    hint: str
    harmless: bool = False
    why: str = ""


FAULTS: Mapping[Fault, FaultText] = {
    "commented out": FaultText("is commented out", "take the # away"),
    "dot in file name": FaultText(
        "is ignored: cron and run-parts skip names with a dot or other signs than letters, digits, _ and -",
        "rename the file: letters, digits, _ and - only",
    ),
    "no user field": FaultText("has no user field, which files under /etc need", "write root before the command"),
    "user field in a user's crontab": FaultText(
        "has a user field, which is taken for the command in a user's own crontab", "take the user's name away"
    ),
    "unknown user": FaultText("names a user that does not exist on this node", "name a user that exists, such as root"),
    "no final newline": FaultText(
        "is ignored with its whole file: the last line of the file does not end with a newline",
        "add a newline at the end of the file",
    ),
    "syntax error in file": FaultText(
        "is ignored with its whole file: cron cannot read line {fault_line} of it", "mend or remove that line"
    ),
    "wrong owner": FaultText(
        "is ignored: its file belongs to somebody that cron does not trust", "chown root the file"
    ),
    "wrong mode": FaultText(
        "is ignored: others may write its file", "chmod 600 a user's crontab, 644 a file under /etc"
    ),
    "hard links": FaultText("is ignored: its file has several names (hard links)", "remove the other names"),
    "mode of cronie": FaultText(
        "is ignored: cronie takes no file that others may write, or that may be executed", "chmod 600 or 644 the file"
    ),
    "name of cronie": FaultText(
        "is ignored: cronie skips hidden files and those of editors and of rpm", "give the file a plain name"
    ),
    "not executable": FaultText("is not executable, so run-parts skips it", "chmod 755 the file"),
    "nothing starts it": FaultText(
        "is never started: no line of /etc/crontab or /etc/cron.d runs its directory",
        "restore /etc/crontab from the cron package",
    ),
    "too long": FaultText("is longer than cron takes (998 bytes), so its whole file is ignored", "shorten the line"),
    "bad times": FaultText(
        "has time fields that cron cannot read, so its whole file is ignored", "mend its time fields"
    ),
    "terminal": FaultText(
        "asks for a terminal with `docker exec -it`; cron has none, so it fails every time", "take -it away"
    ),
    "compose terminal": FaultText(
        "asks compose for a terminal, which cron has not; older versions of compose fail",
        "add -T after exec",
        True,
        "the next version may refuse it",
    ),
    "asks for a terminal": FaultText(
        "asks for a terminal with -t, which cron has not", "take -t away", True, "the next version may refuse it"
    ),
    "percent": FaultText(
        "is cut at an unescaped %: cron gives the shell only what stands before it", r"write \% instead of %"
    ),
    "percent cuts": FaultText(
        "is cut at an unescaped %: what stands behind it is not run",
        r"write \% instead of %",
        True,
        "what stands behind the % is never done, and nobody is told",
    ),
    "carriage return": FaultText(
        "ends with a carriage return, which becomes part of the command", "save the file with Unix line ends"
    ),
    "docker not on path": FaultText(
        "does not find docker: it is not in the directories where this entry looks",
        "write docker with its full path, or set PATH above the line",
    ),
    "docker denied": FaultText(
        "runs as {user}, who may not talk to Docker", "put it into root's crontab, or {user} into the docker group"
    ),
    "time zone ignored": FaultText(
        "stands below a CRON_TZ that Debian's cron ignores",
        "take CRON_TZ away: all times are in the node's zone",
        True,
        "it is due at other hours than whoever wrote it expects",
    ),
    "timer inactive": FaultText("is not active", "systemctl enable --now the timer"),
}


def terminal(run: Execution) -> tuple[Fault, ...]:
    """The fault of an execution that requests a terminal: `docker exec -t` alone works without one, `-it` does not.

    () for one that requests none, else one fault; "terminal" alone keeps it from running.
    """
    if not run.terminal:
        return ()
    if run.compose:
        return ("compose terminal",)
    return ("terminal",) if run.interactive else ("asks for a terminal",)
