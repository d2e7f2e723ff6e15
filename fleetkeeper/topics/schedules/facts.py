"""What was seen of a node's schedules: only entries that may be the backup, and nothing of anybody else's commands."""

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
    """One place that runs the policy's backup command, or is meant to.

    `place` is a file or a timer, `line` counts from 1 (0 where there are no lines). `times` is a canonical five-field
    expression, `@reboot`, `never`, or empty when they could not be read. `target` is the container that it enters.
    `fault_line` is the line of a syntax error that makes cron ignore the whole file. `written` is the whole line, and
    empty where it does anything besides, or may hold a secret. `ours`: fleetkeeper wrote it. `changed` is the epoch
    second at which the place was last written. `blocked` is why it does not get to its command now, `unclear` why that
    cannot be told; both are "" for an entry that runs it. `untold` says how a failure of it stays untold, `exposed` how
    it exposes a password; neither holds any text of the node.
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
    blocked: str = ""
    unclear: str = ""
    untold: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()

    @property
    def where(self) -> str:
        """The file or the timer, with the line where it has one: FILE:LINE."""
        return f"{self.place}:{self.line}" if self.line else self.place


@dataclass(frozen=True)
class Suspect:
    """A place that mentions backups in a form that could not be read as the policy's command.

    `why` is the reason where it may be that very command (its outcome is then unknown); empty where it is not.
    `target` is the container that it enters, where that is known: in another than the service's it is not.
    """

    place: str
    line: int
    why: str = ""
    target: Target | None = None

    @property
    def where(self) -> str:
        """The file or the timer, with the line where it has one: FILE:LINE."""
        return f"{self.place}:{self.line}" if self.line else self.place


@dataclass(frozen=True)
class Deleter:
    """A place that removes files in the directory of dumps: with which program, and in which container, if any.

    `elsewhere`: it removes files in that container, and not where the database's has the dumps. In another that mounts
    them, they may be just these.
    """

    place: str
    line: int
    program: str
    target: Target | None = None
    elsewhere: bool = False

    @property
    def where(self) -> str:
        """The file or the timer, with the line where it has one: FILE:LINE."""
        return f"{self.place}:{self.line}" if self.line else self.place


@dataclass(frozen=True)
class Facts:
    """The schedules of one node.

    `cron` is the running daemon, None when there is none. `timezone` is the one that cron works in. `unseen` are places
    that could not be read. `account` is the owner of `crontab`. `docker` are paths of the docker client. `manager`
    starts services here: systemd, service, openrc, or empty. `unit` is its name for cron, `enabled` whether cron starts
    at boot (None where that was not seen). `jobs` is the number of entries in users' crontabs. `deleters` remove
    files in the directory of the dumps.
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
    deleters: tuple[Deleter, ...] = ()
