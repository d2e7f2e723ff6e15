"""The rule that the logs of a service cannot fill a disk."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.errors.facts import JournalLimits
from fleetkeeper.topics.errors.policy import Policy
from fleetkeeper.topics.errors.rules.kept import JOURNALD, REMOTE, log_paths
from fleetkeeper.topics.errors.rules.logged import Logged, judge_service
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import one_line

WHY_FULL = "a service that repeats one error all night fills the disk, and the database stops with it"
LOG_LIMITS = '{max-size: "50m", max-file: "3"}'
LIMITED = f"logging: {{driver: json-file, options: {LOG_LIMITS}}}"
LIMITED_OTHERWISE = (REMOTE - {"syslog"}) | {"local", "none", "json-file"}
"""Drivers that take no disk of the node, have a limit by themselves, or have the one that is judged."""
UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40, "P": 2**50, "E": 2**60}
SIZE = re.compile(r"([0-9]{1,20})([KMGTPE]?)", re.ASCII)
LOG_SIZE = re.compile(r"([0-9]{1,20})(?:\.[0-9]{1,20})? ?([kmgtp]?)i?b?", re.ASCII | re.IGNORECASE)
"""A size as Docker's log drivers read it."""
FILES = re.compile(r"0*[1-9][0-9]{0,5}", re.ASCII)
LARGE = 100 * 2**30
"""So many bytes of logs of one container may be more than its disk has."""
UNLIMITED = frozenset({"", "-1"})


def are_bounded(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """What each service logs cannot fill a disk.

    A container has the log driver and the options that it was made with, to which the engine adds its own defaults. The
    driver json-file has no limit without `max-size`, or with -1; `local` has one by itself, and so has journald unless
    its settings leave the journal the whole disk. What a driver sends elsewhere is not on this disk; syslog's is
    unknown. Log files that a service writes itself are unknown, unless the section says under `rotated` what keeps them
    small: nothing shows that from outside. Unknown too where `max-size` or `max-file` is no number, or lets the logs of
    one container take 100 GiB, where processes were not seen, with another driver, and where nothing runs.
    Source: docs/runbook.md, "Hardening and deployment"; journald.conf(5);
    https://docs.docker.com/engine/logging/drivers/json-file/ on its options.
    """
    rotated = fleet.inventory.section(Policy).rotated
    return judge_service(fleet, subject, lambda logged: judge_bounds(logged, rotated=subject.name in rotated))


def judge_bounds(logged: Logged, *, rotated: bool) -> Iterator[Finding | Unobservable]:
    """What of the log of one container has no limit. Raises Unobservable for what was not seen."""
    driver, name = logged.logs.driver, logged.container.name
    size = logged.logs.max_size
    if driver == "json-file" and size in UNLIMITED:
        yield Finding(
            saw=f"the log of {name} has no limit (json-file {'with max-size -1' if size else 'without max-size'})",
            want="max-size, for the container or for the engine",
            why=WHY_FULL,
            node=logged.node,
            hint=f"`{LIMITED}` in its stack file; the engine's own setting holds for containers that are made after it",
        )
    elif driver in ("json-file", "local"):
        yield from judge_size(logged)
    elif driver == JOURNALD:
        yield from judge_journal(logged)
    elif driver not in LIMITED_OTHERWISE:
        why = f"{name}: whether the log driver {driver or '?'} has a limit is not known here"
        yield Unobservable(why, node=logged.node)
    if files := [] if rotated else list(logged.inside.files):
        yield Unobservable(
            f"{name}: whether anything keeps {log_paths(files)} small cannot be seen",
            hint="log to standard output instead, or say under `errors: {rotated: …}` what does",
            node=logged.node,
        )


def judge_size(logged: Logged) -> Iterator[Unobservable]:
    """Why the limit of a log is not known, where its options are not understood, or allow more than a disk may have.

    The driver `local` keeps 5 files of 20 MB unless it is told otherwise, json-file one.
    """
    size, files = logged.logs.max_size or "20m", logged.logs.max_file or "5"
    match = LOG_SIZE.fullmatch(size)
    count = int(files) if FILES.fullmatch(files) else 0
    limit = int(match[1]) * UNITS[match[2].upper()] * count if match else 0
    if not limit:
        options = one_line(f"max-size {size}, max-file {files}")[:120]
        yield Unobservable(f"{logged.container.name}: its log driver's {options} is no limit that is known here")
    elif limit >= LARGE:
        much = f"its log may take {limit // 2**30} GiB: whether its disk has that to spare is not known here"
        yield Unobservable(f"{logged.container.name}: {much}")


def judge_journal(logged: Logged) -> Iterator[Finding]:
    """A finding where the journal may take its whole disk. Raises Unobservable where its settings were not seen."""
    limits = raise_if_unobservable(logged.facts.journal)
    if limits and takes_whole_disk(limits):
        yield Finding(
            saw=f"{logged.container.name} logs to a journal that may take its whole disk "
            f"(SystemMaxUse={limits.max_use}, SystemKeepFree={limits.keep_free})",
            want="a journal that leaves room for others",
            why=WHY_FULL,
            node=logged.node,
            hint="leave both settings out of journald.conf: then it takes a tenth of the disk, and 4 GiB at most",
        )


def takes_whole_disk(limits: JournalLimits) -> bool:
    """Whether settings let the journal grow until its disk is full. Raises Unobservable for a size that makes no sense.

    >>> [takes_whole_disk(JournalLimits("", *words, disk=2**30)) for words in (("2G", "0"), ("2G", ""), ("1M", "0"))]
    [True, False, False]
    """
    if not limits.max_use or not limits.keep_free or not limits.disk:
        return False
    return bytes_of_size(limits.keep_free) == 0 and bytes_of_size(limits.max_use) >= limits.disk


def bytes_of_size(written: str) -> int:
    """The bytes of a size as journald.conf has it. Raises Unobservable for anything else.

    >>> bytes_of_size("2G"), bytes_of_size("512")
    (2147483648, 512)
    """
    match = SIZE.fullmatch(written)
    if not match:
        raise Unobservable(f"journald.conf has a size that makes no sense here: {written[:40]}")
    return int(match[1]) * UNITS[match[2]]
