"""The containers and swarm services that run jobs of their own, and what those may do to the dumps. Pure.

A sidecar that dumps by a variable called SCHEDULE, a scheduler that reads labels, a shell loop: neither cron nor
systemd knows of them. What such a job does is not seen; whether it may reach the dumps is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.own_jobs import (
    SCHEDULERS,
    OwnJobs,
    speaks_of_dumps,
    speaks_of_retention,
    speaks_of_schedule,
)
from fleetkeeper.readers.shell.wrappers import SHELLS
from fleetkeeper.topics.backups.coverage.observe import SYSTEM, is_below
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Container, Mount, Process
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.containers.placement import container_names, declared_service, service_of
from fleetkeeper.topics.services.facts import Facts as Services
from fleetkeeper.topics.services.facts import SwarmService
from fleetkeeper.transport.commands import Unobservable

SOCKETS = ("docker.sock", "podman.sock")
"""How the paths of an engine's sockets end, also of a rootless one."""
INITS = frozenset({"tini", "docker-init", "dumb-init", "catatonit", "sleep"})
"""Processes that start a `sleep` and are no loop: their container only stays."""
STOPPED = frozenset({"created", "exited", "dead"})


@dataclass(frozen=True)
class JobRunner:
    """A container, or a service of the swarm, that may run jobs by itself; on `node` (for a service: a manager).

    `names` are those that an inventory may call it by, the first for messages. `main` is its scheduler, "loop", or
    empty. `mounts` are those through which it sees the dumps. `engine`: it may talk to the Docker engine.
    `of_database`: it is the database's own. `anywhere`: it is a service, whose tasks may run on any node. `busy`: it
    speaks of dumps, and a program runs in it, which may have a clock of its own.
    """

    node: str
    names: tuple[str, ...]
    jobs: OwnJobs
    main: str = ""
    mounts: tuple[Mount, ...] = ()
    engine: bool = False
    of_database: bool = False
    anywhere: bool = False
    busy: bool = False

    @property
    def scheduled(self) -> bool:
        """Whether it runs something by the clock."""
        return bool(self.main) or self.jobs.scheduled

    @property
    def writes(self) -> bool:
        """Whether it may write where the dumps are."""
        return any(mount.rw for mount in self.mounts)

    @property
    def signs(self) -> str:
        """What says that it runs jobs, for a message: at most four names of settings, and its main process."""
        names = [*self.jobs.settings[:4], *(["…"] if len(self.jobs.settings) > 4 else [])]
        signs = [*names, *([f"its main process is a {self.main}"] if self.main else [])]
        return ", ".join(signs) or "its name speaks of dumps, and it may write where they are"


def job_runners(fleet: Fleet, node: str, policy: Policy) -> Iterator[JobRunner]:
    """The containers of a node that run and that something says of that they run jobs by themselves.

    So do the services that a manager knows and whose own labels say so: between two jobs none of their containers runs.
    Throwaway servers of drills are left out. Raises Unobservable when the containers were not seen.
    """
    database = service_of(fleet, policy.service).name
    for container in fleet.of(node, Containers).containers:
        if container.drill or container.state in STOPPED:
            continue
        made = container_runner(container, node, declared_service(fleet, container), policy, database)
        if made.scheduled or made.jobs.settings or (made.busy and made.writes):
            yield made
    yield from service_runners(fleet, node, policy, database)


def container_runner(container: Container, node: str, key: str, policy: Policy, database: str) -> JobRunner:
    """What one container may do to the dumps. `key` is the inventory's key of its service, `database` Docker's name."""
    return JobRunner(
        node,
        container_names(container, key),
        container.jobs,
        container.jobs.main or main_of(container),
        tuple(mount for mount in container.mounts if shows_backups(mount, policy)),
        any(mount.source.endswith(SOCKETS) for mount in container.mounts),
        container.belongs_to(database),
        busy=container.jobs.dumps and is_busy(container),
    )


def main_of(container: Container) -> str:
    """The scheduler among the processes of a container, or "loop" where one that is no `init` waits in `sleep`.

    Empty for neither, and where processes were not seen: what is known of the container then is its settings.
    """
    seen = () if isinstance(container.processes, Unobservable) else container.processes
    own = [process for process in seen if not process.entered]
    scheduler = next((process.name for process in own if SCHEDULERS.fullmatch(process.name)), "")
    waits = not container.jobs.understood and any(
        process.name == "sleep" and waited_for(process, own) for process in own
    )
    return scheduler or ("loop" if waits else "")


def is_busy(container: Container) -> bool:
    """Whether a process of a container is more than an `init`, a shell or something that waits; True if unseen."""
    if isinstance(container.processes, Unobservable):
        return True
    return any(not process.entered and process.name not in INITS | SHELLS | {"tail"} for process in container.processes)


def waited_for(sleep: Process, own: Iterable[Process]) -> bool:
    """Whether a process that sleeps was started by another one of the container that is more than an `init`."""
    return any(process.pid == sleep.parent and process.name not in INITS for process in own)


def makes_backups(container: Container) -> bool:
    """Whether a running container makes backups by the clock, as far as its settings, its image and processes tell."""
    running = container.running and not container.drill
    return running and container.jobs.dumps and (container.jobs.scheduled or bool(main_of(container)))


def copies_mount(container: Container, mount: Mount) -> bool:
    """Whether a container that makes backups by the clock has the same volume or directory to read only."""
    return makes_backups(container) and any(other.source == mount.source and not other.rw for other in container.mounts)


def is_archive(users: Iterable[Container]) -> bool:
    """Whether only containers that copy what others keep write a mount: it holds the copies."""
    return all(
        makes_backups(user) and any(not mount.rw and not is_below(mount.source, SYSTEM) for mount in user.mounts)
        for user in users
    )


def service_runners(fleet: Fleet, node: str, policy: Policy, database: str) -> Iterator[JobRunner]:
    """The services whose own labels speak of a schedule, as a manager on this node knows them; else none."""
    try:
        services = fleet.of(node, Services).services
    except Unobservable:
        return
    for service in services:
        if any(label for label in service.jobs.labels if not speaks_of_dumps(label)):
            mounts = tuple(mount for mount in mounts_of(service) if shows_backups(mount, policy))
            own = service.name == database
            yield JobRunner(node, (service.name,), service.jobs, service.jobs.main, mounts, False, own, anywhere=True)


def mounts_of(service: SwarmService) -> Iterator[Mount]:
    """The mounts that a service defines, as those of a container."""
    for mount in service.mounts:
        name = mount.source if mount.type == "volume" else ""
        yield Mount(mount.type, mount.source, mount.target, name, mount.driver, not mount.read_only)


def shows_backups(mount: Mount, policy: Policy) -> bool:
    """Whether a mount shows the directory of the dumps, or a part of it: their volume, or a directory of the node."""
    if mount.name and not policy.volume.path:
        return mount.name == policy.volume.name
    root = policy.volume.path or f"/var/lib/docker/volumes/{policy.volume.name}/_data"
    directory = f"{root}/{policy.path}".rstrip("/")
    near = is_below(mount.source, [directory]) or is_below(directory, [mount.source])
    return near and mount.source not in ("", "/")


def may_make_backups(runner: JobRunner) -> bool:
    """Whether a job of a container may make the policy's dumps.

    In the database's own: a label of a scheduler, a cron among its processes, or a setting that speaks of a schedule
    for dumps. In another: a schedule, together with a word about dumps or with the dumps' directory, or with the
    engine, through which a scheduler enters any container; and a program that speaks of dumps and may write where they
    are.
    """
    if runner.of_database:
        named = any(map(speaks_of_dumps, runner.jobs.settings)) and runner.jobs.scheduled
        return bool(runner.jobs.labels) or bool(runner.main) or named
    reaches = runner.jobs.dumps or runner.writes or (runner.engine and runner.main not in ("", "loop"))
    return (runner.scheduled and reaches) or (runner.busy and runner.writes)


def doubtful_jobs(fleet: Fleet, policy: Policy) -> Iterator[Unobservable]:
    """An Unobservable for each container and service that may make the dumps by a schedule of its own.

    Nodes whose containers were not seen are left out.
    """
    for node in fleet.inventory.nodes:
        try:
            runners = list(job_runners(fleet, node, policy))
        except Unobservable:
            continue
        for runner in runners:
            if may_make_backups(runner):
                yield Unobservable(f"{runner.names[0]} may make the backups by itself ({runner.signs})", MADE_BY, node)


MADE_BY = (
    "if it does, say so in the inventory: `backups.schedule: {none: WHO makes them}` (and `max_age`); if it does not, "
    "schedule the backup in cron: with an entry that works nothing is unknown"
)


def retention_of_runner(runner: JobRunner) -> tuple[str, ...]:
    """What says that a container removes dumps by itself: settings, or programs of its command line; () for nothing.

    Only for one that may write where the dumps are, and for labels on the database's own.
    """
    if runner.of_database:
        return tuple(label for label in runner.jobs.labels if speaks_of_retention(label))
    destinations = {mount.destination for mount in runner.mounts if mount.rw}
    removes = [program for program, destination in runner.jobs.removes if destination in destinations]
    if not runner.writes:
        return ()
    return tuple(dict.fromkeys([*removes, *(runner.jobs.retention if runner.scheduled or runner.jobs.dumps else ())]))


def may_remove(runner: JobRunner) -> bool:
    """Whether what a container does by the clock is not known, and may be to remove dumps."""
    if runner.of_database:
        return bool(runner.main) or any(map(is_other_job, runner.jobs.labels))
    if runner.engine and runner.main not in ("", "loop"):
        return True
    if not runner.writes or (runner.jobs.understood and runner.main in ("", "loop")):
        return False
    return runner.scheduled or bool(runner.jobs.retention)


def is_other_job(label: str) -> bool:
    """Whether a label schedules a job in its container that does not speak of dumps, and may be any."""
    return speaks_of_schedule(label) and not speaks_of_dumps(label) and not label.endswith(("enable", "enabled"))
