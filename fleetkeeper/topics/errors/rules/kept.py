"""The rule that the errors of a service outlive its containers."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.errors.facts import OpenLog
from fleetkeeper.topics.errors.rules.logged import Logged, judge_service
from fleetkeeper.transport.commands import Unobservable

REMOTE = frozenset({"awslogs", "fluentd", "gcplogs", "gelf", "logentries", "splunk", "syslog"})
"""Log drivers of Docker that hand each line to a program or a service outside of Docker."""
ON_DISK = frozenset({"json-file", "local"})
JOURNALD = "journald"
WHY_LOST = "nobody can read afterwards why it failed"
OUTSIDE = "to standard output, or to a file in a volume"
SHOWN = 3


def are_kept(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """What each service reports is kept somewhere that outlives the task that wrote it.

    A log driver `none` keeps nothing, nor does journald with `Storage=none`. A log file that a process has open for
    writing in the container's own layer, or in memory, is lost with each new task, which every deployment makes. A
    file counts as a log by its name (`*.log`, `*.err`) or its directory (`log`, `logs`). What the engine
    keeps of a container that has ended goes when the container does; the swarm keeps a few of them. Unknown where the
    processes or the settings of journald were not seen, with another log driver, and where nothing runs. A service that
    the section names under `without` is not judged.
    Source: docs/runbook.md, "Hardening and deployment"; journald.conf(5);
    https://docs.docker.com/engine/logging/configure/ on drivers.
    """
    return judge_service(fleet, subject, judge_kept)


def judge_kept(logged: Logged) -> Iterator[Finding | Unobservable]:
    """What of the log of one container is lost. Raises Unobservable where its processes were not seen."""
    yield from judge_driver(logged)
    yield from judge_files(logged)


def judge_driver(logged: Logged) -> Iterator[Finding]:
    """A finding where the log driver keeps nothing. Raises Unobservable for a driver of which that is not known."""
    name, driver = logged.container.name, logged.logs.driver
    want = "a log driver that keeps it, such as `local`"
    hint = "`logging: {driver: local}` in its stack file, and deploy it again"
    if driver == "none":
        yield Finding(f"{name} has the log driver none", want, WHY_LOST, logged.node, hint=hint)
    elif driver == JOURNALD:
        limits = raise_if_unobservable(logged.facts.journal)
        if limits and limits.storage == "none":
            hint = "`Storage=persistent` in journald.conf"
            yield Finding(f"{name} logs to a journal that keeps nothing", want, WHY_LOST, logged.node, hint=hint)
    elif driver not in ON_DISK | REMOTE:
        raise Unobservable(f"whether the log driver {driver or '?'} keeps anything is not known here")


def judge_files(logged: Logged) -> Iterator[Finding | Unobservable]:
    """A finding where log files are lost with the container, an Unobservable for those of which that was not seen."""
    files = logged.inside.files
    unseen = [log for log in files if not log.mount]
    lost = [log for log in files if is_lost(log)]
    if unseen:
        yield Unobservable(f"{logged.container.name}: where {log_paths(unseen)} lies was not seen", node=logged.node)
    if lost:
        yield Finding(
            saw=f"{logged.container.name} writes {log_paths(lost)} in the container itself",
            want=OUTSIDE,
            why="each new task begins without it, so what went wrong before a deployment is gone",
            node=logged.node,
            hint="a link to /dev/stdout in the image is enough for most programs; else mount a volume there",
        )


def is_lost(log: OpenLog) -> bool:
    """Whether an open file is in the container's own layer, or in memory.

    >>> [is_lost(OpenLog("/x.log", *where)) for where in (("/", "overlay"), ("/tmp", "tmpfs"), ("/d", "ext4"), ("",))]
    [True, True, False, False]
    """
    return log.mount == "/" or log.kind in ("tmpfs", "ramfs")


def log_paths(files: list[OpenLog]) -> str:
    """The paths of some files, at most three of them by name."""
    more = f" and {len(files) - SHOWN} more" if len(files) > SHOWN else ""
    return ", ".join(log.path for log in files[:SHOWN]) + more
