"""What was seen of a node's schedules: only what could be a backup entry, and nothing of anybody else's commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable

UNKNOWN_TIMES = ""

Kind = Literal["user crontab", "system crontab", "directory", "timer"]
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
class Target:
    """Which container an entry means.

    `name`: a container's name or id, as written. `lookup`: what `docker ps -q` with these `filters` prints
    (`everything`: stopped ones too; `first`: only the first line). `compose`: a service of compose, of a
    `project` or of the one in `directory`, where the entry says so. `unclear`: `why` says what could not be read.
    """

    kind: Literal["name", "lookup", "compose", "unclear"]
    name: str = ""
    filters: tuple[tuple[str, str], ...] = ()
    everything: bool = False
    first: bool = False
    project: str = ""
    directory: str = ""
    why: str = ""


@dataclass(frozen=True)
class Entry:
    """One place that runs the policy's backup command, or means to.

    `place` is a file or a timer, `line` counts from 1 (0 where there are no lines). `times` is a canonical five-field
    expression, `@reboot`, `never`, or empty when they could not be read. `fault_line` is the line of a syntax error
    that makes cron ignore the whole file. `written` is the whole line, and empty where it does anything besides,
    or may hold a secret.
    `changed` is the epoch second at which the place was last written.
    """

    place: str
    line: int
    kind: Kind
    user: str
    times: str
    target: Target
    faults: tuple[Fault, ...] = ()
    fault_line: int = 0
    written: str = ""
    ours: bool = False
    changed: float = 0.0

    @property
    def where(self) -> str:
        """For a person: the file, or the timer, and the line."""
        return f"{self.place}:{self.line}" if self.line else self.place


@dataclass(frozen=True)
class Suspect:
    """A place that mentions backups in a way that could not be read as the policy's command.

    `why` is said where it may be that very command: then nobody can tell, which is unknown.
    """

    place: str
    line: int
    why: str = ""

    @property
    def where(self) -> str:
        return f"{self.place}:{self.line}" if self.line else self.place


@dataclass(frozen=True)
class Daemon:
    """The running cron. `started` is in epoch seconds of the node's clock, 0 when it was not seen."""

    name: str
    pid: int
    started: float = 0.0


@dataclass(frozen=True)
class Crontab:
    """The crontab that we may edit: the account's own, root's where we are root.

    `digest` is the SHA-256 (hex) of what `crontab -l` prints, or `absent`. `block` are our own lines in it. `trouble`
    is why it cannot be edited to any good (cron ignores the whole of it, say), empty when it can.
    """

    digest: str = "absent"
    block: tuple[str, ...] | None = None
    trouble: str = ""


@dataclass(frozen=True)
class Facts:
    """The schedules of one node.

    `timezone` is the one that cron works in. `unseen` are places that could not be read. `account` is whose crontab
    `crontab` is. `docker` are paths of the docker client. `manager` starts services here: systemd, service, openrc, or
    empty. `unit` is what it calls cron, `enabled` whether cron starts at boot (None where that was not seen). `jobs`
    counts what users' crontabs run here.
    """

    topic: ClassVar[str] = "schedules"
    entries: tuple[Entry, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    cron: Daemon | Unobservable | None = None
    installed: bool = True
    timezone: str | Unobservable = "UTC"
    unseen: tuple[Unobservable, ...] = ()
    account: str = "root"
    crontab: Crontab | Unobservable = Crontab()
    docker: tuple[str, ...] = ()
    manager: Literal["systemd", "service", "openrc", ""] = ""
    unit: str = "cron"
    enabled: bool | None = None
    jobs: int = 0
