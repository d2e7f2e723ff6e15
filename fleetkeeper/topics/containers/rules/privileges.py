"""How far containers are isolated from their node, and what lets a process in one of them break out.

The ids are those of the CIS Docker Benchmark 1.8, section 5, which are the same in 1.6.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import partial

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_ids import in_editions
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers import placement
from fleetkeeper.topics.containers.capabilities import DANGEROUS, DEFAULT_NAMES, capabilities_of
from fleetkeeper.topics.containers.facts import Container, Facts, Placement
from fleetkeeper.topics.containers.rules.escapes import RAW, Escape, Way
from fleetkeeper.topics.containers.rules.filter_escapes import filter_paths, no_new_privileges
from fleetkeeper.topics.containers.rules.indirect_access import with_direct_access
from fleetkeeper.topics.containers.rules.mount_escapes import sensitive_mounts, socket_paths, spreading_mounts
from fleetkeeper.transport.commands import Unobservable

ESCAPES = (
    *("5.2", "5.3", "5.4", "5.5", "5.6", "5.10", "5.16", "5.17", "5.18"),
    *("5.20", "5.21", "5.22", "5.26", "5.31", "5.32"),
)
"""The ids of all ways out of a container that are looked for."""
WIDE_RULE = re.compile(r"a\b.*|b .*|c (\*|1):(\*|1|2|4) .*", re.ASCII)
"""Rules (`TYPE MAJOR:MINOR ACCESS`) for all devices, for disks, and for raw memory (Linux, devices.txt: 1 mem)."""
HOST_NAMESPACES = (
    ("network", "5.10", "the node's network: it can listen and connect as the node itself"),
    ("pid", "5.16", "the node's processes: it can see and signal them all"),
    ("ipc", "5.17", "the node's shared memory"),
    ("uts", "5.21", "the node's host name"),
    ("userns", "5.31", "the node's users, although the engine would map them"),
)


def cannot_gain_privileges(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable | Part]:
    """No container on the node has a way to become root of the node.

    Privileged, the engine's socket, the node's namespaces, capabilities that amount to root, the node's own directories
    and devices, what opens it (cron, sudoers, ssh keys, …), and switched-off filters are errors; a missing
    no-new-privileges is a warning, and so are what can only be read, other capabilities than Docker's own, other
    devices, and mounts that spread onto the node. Capabilities, filters and no-new-privileges are read from the kernel
    for each process, since the engine's own default may set them, and mounts by what they show of the node: behind
    links, behind options of local volumes, and a socket by who listens on it. Containers that do not run are judged
    too, since they can be started; tasks of a swarm that have ended are not. What another container shares with the
    node counts as if a container had it itself. What depends on processes, volumes or mounts that were not seen is
    unknown. Does not apply without Docker. Source: CIS Docker Benchmark 1.8, section 5.
    """
    facts = fleet.of(subject.name, Facts)
    if facts.docker == "absent":
        raise NotApplicable("no Docker on this node")
    yield from parts_that_do_not_apply(facts, subject.name)
    for container in facts.containers:
        if ended_task(container):
            continue
        key = placement.declared_service(fleet, container)
        devices = named_devices(fleet, container, key)
        seen_as = with_direct_access(container, facts.containers)
        yield from privilege_findings(Placement(subject.name, seen_as), key, devices)


def named_devices(fleet: Fleet, container: Container, key: str) -> frozenset[str]:
    """The devices, as globs, that a container may have: those that the inventory names for it, all where it names none.

    Of raw memory and disks it makes no difference.
    """
    policy = fleet.inventory.benchmark
    lines = policy.devices if isinstance(policy, Benchmark) else None
    if lines is None:
        return frozenset({"*"})
    names = (key, *placement.container_names(container, key))
    return frozenset(device for name in names for device in lines.get(name, ()))


def parts_that_do_not_apply(facts: Facts, node: str) -> Iterator[Part]:
    """A Part for each way that no container of the node can have: filters that the kernel lacks, users not mapped."""
    settings = [container.settings for container in facts.containers if container.settings]
    if settings and not any(each.apparmor for each in settings):
        yield Part(in_editions("5.2"), "the engine gives no container an AppArmor profile: it has no AppArmor", node)
    if settings and not any(each.selinux for each in settings):
        yield Part(in_editions("5.3"), "the engine gives no container a label of SELinux: it has no SELinux", node)
    if facts.containers and not any(container.isolation.engine_maps for container in facts.containers):
        yield Part(in_editions("5.31"), "the engine maps no users, so there is nothing to take out of it", node)


def ended_task(container: Container) -> bool:
    """Whether it is a task of the swarm that has ended: it is kept for its log only, and never started again."""
    return bool(container.swarm_service) and container.state in ("exited", "dead", "removing")


def privilege_findings(
    location: Placement, key: str, devices: Collection[str] = ("*",)
) -> Iterator[Finding | Unobservable]:
    """A finding for each way out of one container. `key` is the inventory's key of its service, or empty.

    `devices` are those that it may have, as globs.

    The key becomes `about` of the finding, so that waivers can name it. An Unobservable for what depends on processes
    that could not be seen; the other ways are judged all the same. Nothing where there is none. A finding is an error
    or a warning, as the way is.
    """
    name = location.container.name
    ways: list[Way] = [*WAYS, partial(device_paths, named=devices)]
    for look in ways:
        try:
            for escape in look(location.container):
                yield Finding(
                    saw=f"{name} {escape.saw}",
                    want=f"{escape.want} (CIS Docker {' and '.join((escape.cis, *escape.also))})",
                    why=escape.why,
                    node=location.node,
                    about=key or location.container.service,
                    severity=escape.severity,
                    cis=in_editions(escape.cis, *escape.also),
                )
        except Unobservable as why:
            yield replace(why, why=f"{name}: {why.why}", node=location.node)


def privileged_paths(container: Container) -> Iterator[Escape]:
    """The escape of a container that runs with `--privileged`."""
    if container.isolation.privileged:
        yield Escape(
            "5.5", "is privileged: nothing keeps it from the node", "not privileged, single capabilities at most"
        )


def added_capabilities(container: Container) -> Iterator[Escape]:
    """An escape for each added capability that amounts to root of the node, and a warning for the others.

    What a process can have by the kernel counts where it was seen; a privileged container is told otherwise.
    """
    names = capabilities_of(container)
    for name in sorted(names & DANGEROUS.keys()):
        yield Escape("5.4", f"has the capability {name}: it can {DANGEROUS[name]}", f"without {name}")
    others = sorted(names - DANGEROUS.keys() - DEFAULT_NAMES)
    if others:
        saw = f"has more capabilities than Docker gives: {', '.join(others)}"
        yield Escape("5.4", saw, "only those that it needs (`cap_add`)", "warning", "each is a right of root")


def host_namespaces(container: Container) -> Iterator[Escape]:
    """An escape for each namespace of the node that a container shares.

    The users of the node are shared by all where the engine maps none.
    """
    for kind, cis, what in HOST_NAMESPACES:
        if getattr(container.isolation, kind) == "host" and (kind != "userns" or container.isolation.engine_maps):
            yield Escape(cis, f"shares {what}", f"{'an' if kind == 'ipc' else 'a'} {kind} namespace of its own")


def device_paths(container: Container, named: Collection[str] = ("*",)) -> Iterator[Escape]:
    """An escape for each raw memory or disk device, and for each rule that allows block devices or all devices.

    A warning for each other device that the inventory does not name: `named` are globs.
    """
    for path in container.isolation.devices:
        if path.startswith(RAW) or path == "/dev":
            yield Escape("5.18", f"has the node's device {path}", "no raw memory or disk of the node")
    requested = container.settings.requested if container.settings else ()
    for path in (*container.isolation.devices, *requested):
        if not path.startswith(RAW) and path != "/dev" and not any(fnmatchcase(path, name) for name in named):
            want = "only devices that `benchmark: {devices: …}` names"
            yield Escape("5.18", f"has the node's device {path}", want, "warning", "a driver is part of the kernel")
    for rule in container.isolation.device_rules:
        if WIDE_RULE.fullmatch(rule.strip()):
            yield Escape(
                "5.18", f"may make and open devices of the node ({rule})", "no rule for all devices, disks or memory"
            )


WAYS: tuple[Way, ...] = (
    privileged_paths,
    added_capabilities,
    socket_paths,
    sensitive_mounts,
    spreading_mounts,
    host_namespaces,
    filter_paths,
    no_new_privileges,
)
