"""The rules about the upkeep of an engine: its version, its disk, and what lies unused."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.units import count_of
from fleetkeeper.judging.finding import Finding, Part
from fleetkeeper.judging.number_checks import Wrong
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.rules.privileges import ended_task
from fleetkeeper.topics.engine.facts import Facts
from fleetkeeper.topics.engine.rules.parts import Checks, judge_parts
from fleetkeeper.transport.commands import Unobservable

VERSION = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){1,2}", re.ASCII)
WHY_SPRAWL = "they take the disk, and somebody starts an old one"


def is_current(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """The engine is no older than the inventory says.

    What is known to be broken in an older one is tried by everybody. By the version of the engine that runs, against
    `benchmark: {engine_at_least: …}`; does not apply without that line. A warning, unless enforced.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 1.2.2.
    """
    return judge_parts(fleet, subject, CURRENT)


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers at the beginning of a version. Raises Unobservable where it does not begin with any.

    >>> version_numbers("28.5.2+dfsg1"), version_numbers("29.1")
    ((28, 5, 2), (29, 1))
    """
    match = VERSION.match(text)
    if not match:
        raise Unobservable("the engine's version is none that can be compared")
    return tuple(map(int, match[0].split(".")))


def oldest_engine(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong where the engine is older than the inventory lets be."""
    if policy.engine_at_least is None:
        raise NotApplicable("no oldest engine is named (`benchmark: {engine_at_least: …}`)")
    if version_numbers(facts.info.version) < version_numbers(policy.engine_at_least):
        yield Wrong(f"the engine is {facts.info.version}", f"{policy.engine_at_least} at least")


CURRENT: Checks = {"1.2.2": oldest_engine}


def has_its_own_disk(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """The engine's data has a file system of its own.

    Images, logs and volumes grow; on the node's own disk they stop the node when it is full. The engine's root must be
    a mount point, and containerd's where images are kept there. A warning, unless enforced. Unknown where the node
    cannot say what is mounted.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 1.1.1.
    """
    return judge_parts(fleet, subject, DISK)


def own_file_systems(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
    """A Wrong for each root of the engine's data that is no mount point."""
    disks = facts.disks or {}
    if facts.info.root not in disks:
        raise Unobservable("the engine's root was not seen")
    for path, mounted in disks.items():
        if path != facts.info.root and not facts.info.snapshotter:
            continue
        if mounted is None:
            raise Unobservable(f"whether {path} is a file system of its own could not be seen (no `mountpoint`)")
        if not mounted:
            why = "when images, logs or volumes fill it, the node itself stops"
            yield Wrong(f"{path} is on the same file system as what is around it", "a file system of its own", why)


DISK: Checks = {"1.1.1": own_file_systems}


def is_tidy(fleet: Fleet, subject: Subject) -> Iterator[Finding | Part]:
    """No more images lie unused, and no more containers stopped, than the inventory says.

    They take the disk, and somebody starts an old one. Counted against `benchmark: {unused_images: …}` and
    `{stopped_containers: …}`; does not apply without those lines. Tasks of the swarm that have ended are not counted.
    Warnings, unless enforced. Unknown where the containers were not seen.

    Source: docs/runbook.md, "Docker's engine"; CIS Docker Benchmark 1.8, 6.1 and 6.2.
    """
    containers = fleet.of(subject.name, Containers).containers

    def unused_images(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
        """A Wrong where more images lie unused than may."""
        if policy.unused_images is None:
            raise NotApplicable("no number of unused images is named (`benchmark: {unused_images: …}`)")
        unused = facts.info.images - len({each.image_id for each in containers})
        if unused > policy.unused_images:
            saw = f"{count_of(unused, 'image')} that no container uses"
            yield Wrong(saw, f"{policy.unused_images} at most", WHY_SPRAWL)

    def stopped_containers(facts: Facts, policy: Benchmark) -> Iterator[Wrong]:
        """A Wrong where more containers lie stopped than may."""
        if policy.stopped_containers is None:
            raise NotApplicable("no number of stopped containers is named (`benchmark: {stopped_containers: …}`)")
        count = sum(map(is_left_over, containers))
        if count > policy.stopped_containers:
            yield Wrong(f"{count_of(count, 'stopped container')}", f"{policy.stopped_containers} at most", WHY_SPRAWL)

    return judge_parts(fleet, subject, {"6.1": unused_images, "6.2": stopped_containers})


def is_left_over(container: Container) -> bool:
    """Whether a container does not run and is not kept by the swarm for its log."""
    return container.state in ("created", "exited", "dead") and not ended_task(container)
