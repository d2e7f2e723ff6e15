"""What was seen of a node's schedules: only what could be a backup entry, and nothing of anybody else's commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.readers.cron.daemon import Daemon
from fleetkeeper.readers.cron.faults import Fault
from fleetkeeper.readers.cron.own_crontab import ROOT_HAS_NONE, Crontab
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.transport.commands import Unobservable

Kind = Literal["user crontab", "system crontab", "directory", "timer"]


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
    crontab: Crontab | Unobservable = ROOT_HAS_NONE
    docker: tuple[str, ...] = ()
    manager: Literal["systemd", "service", "openrc", ""] = ""
    unit: str = "cron"
    enabled: bool | None = None
    jobs: int = 0
