"""The rules about how containers are kept: healthy, unchanged, and without sshd."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.topics.containers.rules.crowd import ContainerChecks, Member, judge_containers, settings_of

SSH_SERVERS = ("sshd", "sshd-session", "sshd-auth", "dropbear")
"""Names of processes that let people in by SSH; /proc shows fifteen characters of a name at most."""


def are_health_checked(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Each container on the node has a health check, and passes it.

    Only the program itself knows whether it still works: one that hangs still runs. The check of the service counts, or
    else that of its image; `NONE` is none. Warnings, unless enforced. Does not apply without Docker.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 4.6 and 5.27.
    """
    return judge_containers(fleet, subject, HEALTH)


def health_check(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container without a health check."""
    if not member.container.has_healthcheck:
        hint = "`healthcheck:` in the stack or compose file; one that always succeeds watches nothing"
        yield Wrong("has no health check", "one, of the service or its image", "a program may hang and still run", hint)


def health(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container without a health check, and for one that runs and fails it."""
    yield from health_check(member, policy)
    if member.container.running and member.container.health == "unhealthy":
        yield Wrong("is unhealthy", "a health check that it passes", "it runs, and does not do its work")


HEALTH: ContainerChecks = {"4.6": health_check, "5.27": health}


def cannot_change_themselves(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """No container on the node can change its own files, outside of its volumes.

    Who breaks in can leave nothing behind, and what a program writes there is lost with its next start anyway. By what
    the container was made with. Warnings, unless enforced: a program that cannot write may not start. Does not apply
    without Docker.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 5.13.
    """
    return judge_containers(fleet, subject, UNCHANGED)


def own_files(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container that can change its own files."""
    if not settings_of(member.container).read_only:
        hint = "`read_only: true`, and `tmpfs:` for what it writes; `docker diff` shows that"
        yield Wrong("can change its own files", "files that it can only read", "who breaks in can stay", hint)


UNCHANGED: ContainerChecks = {"5.13": own_files}


def run_no_sshd(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """No container on the node runs a server of SSH.

    It is a second way in that nobody watches: the engine has one. By the names of processes in /proc; a server that is
    called otherwise is not seen. Warnings, unless enforced. Unknown where processes were not seen. Does not apply
    without Docker.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 5.7.
    """
    return judge_containers(fleet, subject, SSH)


def ssh_server(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container in which a server of SSH runs."""
    names = {process.name for process in raise_if_unobservable(member.container.processes)}
    if servers := sorted(names & set(SSH_SERVERS)):
        hint = "build the image without it; `docker exec` lets people in"
        yield Wrong(f"runs {', '.join(servers)}", "no server of SSH", "it is a way in that nobody watches", hint)


SSH: ContainerChecks = {"5.7": ssh_server}
