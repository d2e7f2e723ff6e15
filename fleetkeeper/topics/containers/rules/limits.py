"""The rule about what containers may take of their node: memory, CPU, processes, and the limits that they override."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.rules.crowd import (
    ContainerChecks,
    Member,
    judge_containers,
    policy_for,
    settings_of,
)

WHY = "one container that takes everything stops all others of the node"


def have_limits(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """Each container on the node may take only so much of it: memory, CPU and processes.

    One that takes everything stops all others. A limit is one that the container was made with, or that the kernel has
    for its control group (a limit that systemd sets counts); a reservation is none. Limits that a container overrides
    are compared with `benchmark: {ulimits: …}`, its control group with `{cgroup_parent: …}`. Warnings, unless enforced:
    measure first what a program needs, since the kernel ends what takes more. Does not apply without Docker.

    Source: docs/benchmark.md; CIS Docker Benchmark 1.8, 5.11, 5.12, 5.19, 5.25 and 5.29; cgroups(7).
    """
    return judge_containers(fleet, subject, CHECKS)


def memory(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container without a limit of memory."""
    if not settings_of(member.container).memory and not member.container.limits.memory:
        hint = "`deploy: {resources: {limits: {memory: …}}}`; measure first, too little ends a database in its work"
        yield Wrong("has no limit of memory", "a limit", WHY, hint)


def cpu(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container without a share of the CPU."""
    if not settings_of(member.container).cpu and not member.container.limits.cpu:
        yield Wrong("has no share of the CPU", "a limit, a quota or a weight", WHY, "`limits: {cpus: …}`")


def processes(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container without a limit of processes."""
    if not settings_of(member.container).processes and not member.container.limits.processes:
        hint = "`limits: {pids: …}`; too few, and Postgres or a pool of workers cannot start more"
        yield Wrong("has no limit of processes", "a limit", WHY, hint)


def overridden_limits(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container that overrides a limit of which the inventory does not say so."""
    settings = settings_of(member.container)
    if policy.ulimits is None:
        raise NotApplicable("no limits are named that a service may override (`benchmark: {ulimits: …}`)")
    named = policy_for(member, policy.ulimits) or ()
    others = sorted(set(settings.ulimits) - set(named))
    if others:
        yield Wrong(f"overrides the limits {', '.join(others)}", "only limits that the inventory names for it")


def control_group(member: Member, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for a container in another control group than is expected."""
    parent = settings_of(member.container).cgroup_parent
    if parent not in ("", policy.cgroup_parent):
        want = policy.cgroup_parent or "the engine's own, or `benchmark: {cgroup_parent: …}`"
        yield Wrong(f"runs in the control group {parent}", want, "limits of the engine's own group do not hold there")


CHECKS: ContainerChecks = {
    "5.11": memory,
    "5.12": cpu,
    "5.19": overridden_limits,
    "5.25": control_group,
    "5.29": processes,
}
