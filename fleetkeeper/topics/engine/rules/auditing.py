"""The rule that what happens to the engine is recorded by the kernel's audit."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.engine.audit_rules import is_watched
from fleetkeeper.topics.engine.facts import Auditing, EngineFile, Facts
from fleetkeeper.topics.engine.rules.parts import Check, Checks, engine_sockets, judge_parts
from fleetkeeper.transport.commands import Unobservable

ROLES = {
    "1.1.3": ("dockerd",),
    "1.1.4": ("/run/containerd",),
    "1.1.5": ("data",),
    "1.1.6": ("/etc/docker",),
    "1.1.7": ("docker.service",),
    "1.1.8": ("containerd.sock",),
    "1.1.9": ("socket",),
    "1.1.10": ("/etc/default/docker",),
    "1.1.11": ("config",),
    "1.1.12": ("containerd-config",),
    "1.1.13": ("/etc/sysconfig/docker",),
    "1.1.14": ("containerd",),
    "1.1.15": ("containerd-shim",),
    "1.1.16": ("containerd-shim-runc-v1",),
    "1.1.17": ("containerd-shim-runc-v2",),
    "1.1.18": ("runc",),
}
"""What each id wants to be recorded, by the role of the file."""
DIRECTORIES = ("/run/containerd", "data", "/etc/docker")
NEVER_ABSENT = ("dockerd", "data", "containerd.sock")
"""Every engine has them: where they were not seen, that is not because there are none."""
NAMES = {
    "data": "the engine's data",
    "socket": "the engine's socket",
    "config": "the engine's settings",
    "containerd.sock": "containerd's socket",
}


def is_audited(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """What happens to the engine's programs, settings and sockets is recorded by the kernel.

    Whoever changes them can make the engine do anything as root; without a record nobody learns who did. Judged by what
    the kernel does: auditing is on, and a loaded rule watches the path without links, or a directory above it, for
    writes and changes of attributes; the same rule must be among those that are loaded at the next boot. A path that is
    not on the node does not apply. Unknown where `auditctl` is missing, or does not answer, as in containers. Warnings,
    unless enforced.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 1.1.3 to 1.1.18; auditctl(8).
    """
    return judge_parts(fleet, subject, CHECKS)


def watched_check(roles: tuple[str, ...]) -> Check:
    """The check that the files with these roles are watched."""

    def check(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
        """A Wrong for each of the files that is not watched now, or not from the next boot on."""
        files = facts.files_of(*roles) if roles != ("socket",) else tuple(engine_sockets(facts))
        if not files and roles[0] in NEVER_ABSENT:
            raise Unobservable(f"{NAMES.get(roles[0], roles[0])} was not seen")
        if not files and roles == ("docker.service",) and not facts.systemd:
            raise NotApplicable("no systemd runs here, so there is no unit of the engine")
        if not files:
            raise NotApplicable(f"there is no {NAMES.get(roles[0], roles[0]).removeprefix('the ')} here")
        auditing = raise_if_unobservable(facts.audit)
        for file in sorted(set(files), key=lambda each: each.path):
            if state := unwatched(file, auditing):
                yield Wrong(
                    f"{file.path} {state}",
                    "a record of each change of it",
                    "nobody learns who changed it, or when",
                    f"`-w {file.path} -p wa -k docker` in a file of its own in /etc/audit/rules.d",
                    about=file.path,
                )

    return check


def unwatched(file: EngineFile, auditing: Auditing) -> str:
    """Why changes of a file are not recorded, in words; "" where they are.

    Raises Unobservable where its real path is not known.
    """
    if not file.real:
        raise Unobservable(f"where {file.path} really is could not be seen")
    directory = file.role in DIRECTORIES
    if not auditing.enabled:
        return "is not recorded: the kernel's audit is off"
    if not is_watched(file.real, auditing.loaded, directory=directory):
        return "is watched by no rule of the kernel's audit"
    if not is_watched(file.real, auditing.saved, directory=directory):
        return "is watched until the next boot only: no file in /etc/audit has the rule"
    return ""


CHECKS: Checks = {number: watched_check(roles) for number, roles in ROLES.items()}
