"""What was seen of where the services of one node write their errors.

Nothing secret is kept: no line of a log, no value of a variable, and of the options of a log driver only its limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class OpenLog:
    """A file that looks like a log, which a process of a container has open for writing.

    `path` is as the container sees it. `mount` is the mount point that it is in, `/` for the container's own layer, and
    `kind` the type of that file system. `number` is `DEVICE:INODE` of the file. Each of the three is empty where it was
    not seen.
    """

    path: str
    mount: str = ""
    kind: str = ""
    number: str = ""


@dataclass(frozen=True)
class Inside:
    """What the processes of a running container show.

    `programs` are the paths of what they run, `files` their open logs. `filled` are the names of variables of Sentry
    with a value, `secrets` the mount points with a name of Sentry. `package` is the path of an SDK of Sentry, empty
    where the container's layers have none, None where they were not searched to the end.
    """

    programs: tuple[str, ...] = ()
    files: tuple[OpenLog, ...] = ()
    filled: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    package: str | None = None


@dataclass(frozen=True)
class ErrorKind:
    """Lines of a log that are equal but for what is masked: how many there were, and what is left of each.

    `mask` is on one line, without numbers, addresses, quoted text, values behind `=` and words of keys.
    """

    count: int
    mask: str


@dataclass(frozen=True)
class Digest:
    """The errors of one container in the last 24 hours, by kind, in the order of their first lines.

    `lines` is how many lines were read. `cut`: the log has more than is read. `others` are error lines of further
    kinds.
    """

    kinds: tuple[ErrorKind, ...] = ()
    lines: int = 0
    cut: bool = False
    others: int = 0


@dataclass(frozen=True)
class LoggingContainer:
    """A container of a declared service.

    `driver` is its log driver, `max_size` and `max_file` the options `max-size` and `max-file` of that as they are
    written, empty without one, and two quotes for one that is empty: a container keeps them from when it was made.
    `declared` are the names of variables of Sentry in its configuration. `inside` is None for one that does not run,
    `digest` also where none is made.
    """

    id: str
    driver: str
    max_size: str = ""
    max_file: str = ""
    declared: tuple[str, ...] = ()
    inside: Inside | Unobservable | None = None
    digest: Digest | Unobservable | None = None


@dataclass(frozen=True)
class Shipper:
    """A process that ships logs, by its `name`.

    `containers` are the ids of those whose json-file it has open, `files` the numbers of its open files; `journal`: it
    has a file of the journal open.
    """

    name: str
    containers: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    journal: bool = False


@dataclass(frozen=True)
class JournalLimits:
    """The settings of journald that stand in its configuration, as they are written there, empty where they do not.

    `disk` is the size in bytes of the file system of the journal, 0 where it has none.
    """

    storage: str = ""
    max_use: str = ""
    keep_free: str = ""
    disk: int = 0


@dataclass(frozen=True)
class Facts:
    """The containers of declared services on one node. `docker` is "absent" where there is no engine.

    `journal` is None where no container logs to the journal.
    """

    topic: ClassVar[str] = "errors"
    docker: Literal["present", "absent"]
    containers: tuple[LoggingContainer, ...] = ()
    shippers: tuple[Shipper, ...] = ()
    journal: JournalLimits | Unobservable | None = None
