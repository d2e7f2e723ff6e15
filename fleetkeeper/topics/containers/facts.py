"""What was seen of the containers on one node.

Nothing secret is kept: no value of the environment, no arguments, and of the labels only those of Docker itself and of
our drills. What speaks of jobs is kept by its name alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.looking.fleet import raise_if_unobservable
from fleetkeeper.readers.docker.labels import COMPOSE_ONEOFF, COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE
from fleetkeeper.readers.docker.own_jobs import NO_JOBS, OwnJobs
from fleetkeeper.transport.commands import Unobservable

DOCKER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+", re.ASCII)
"""What Docker takes as the name of a container (daemon/names)."""
DRILL = "fleetkeeper"


@dataclass(frozen=True)
class Mount:
    """One mount of a container. `type` is volume, bind, tmpfs, …; `name` is the volume's; `source` is on the node.

    `propagation` is Docker's word for where mounts below it spread to, such as rprivate or rshared. `bound` is what a
    local volume binds by its options, `real` where either leads behind links, empty where that is the same. `engine`:
    an engine's socket is there, or below it. `unfollowed` is why that could not be seen.
    """

    type: str
    source: str
    destination: str
    name: str = ""
    driver: str = ""
    rw: bool = True
    propagation: str = ""
    bound: str = ""
    real: str = ""
    engine: bool = False
    unfollowed: Unobservable | None = None

    @property
    def node_paths(self) -> tuple[str, ...]:
        """The paths of the node that it shows, as they are written and behind links; none for a volume that is one."""
        foreign = self.type == "volume" and self.driver not in ("", "local")
        written = self.bound or (self.source if self.type == "bind" or foreign else "")
        return tuple(path for path in (written, self.real) if path)


@dataclass(frozen=True)
class Port:
    """A port that a container exposes. `host` is the node's port; None where it is not published.

    `host_ip` is the address of the node that it is published on; empty for all. `chosen`: it is published on a port
    that the engine chooses when the container starts.
    """

    container: int
    protocol: str = "tcp"
    host_ip: str = ""
    host: int | None = None
    chosen: bool = False


@dataclass(frozen=True)
class Process:
    """One process of a container.

    `pid`, `parent` and `host_uid` are as the node sees them; `uid` is as the container sees it, through its user
    namespace (None when that namespace has no such user). `entered`: it does not descend from the container's first
    process; a person or a health check started it with `docker exec`. `no_new_privileges` is the flag of the kernel,
    None where that has none. `gid` is its group as the container sees it, `groups` are all of its groups, the first
    and the supplementary ones, as the node sees them; `gid` is None and `groups` empty in looks of before. `seccomp` is
    the kernel's mode (0 is none, 2 a filter), `bounding` the mask of the capabilities that it can ever have, `confined`
    what AppArmor says of it; None, None and empty where the kernel has none of that.
    """

    pid: int
    uid: int | None
    host_uid: int
    name: str
    parent: int = 0
    entered: bool = False
    no_new_privileges: bool | None = None
    gid: int | None = None
    groups: tuple[int, ...] = ()
    seccomp: int | None = None
    bounding: int | None = None
    confined: str = ""


@dataclass(frozen=True)
class Isolation:
    """How a container is isolated from its node: fields of `docker inspect` under HostConfig.

    Capabilities are in upper case without `CAP_`. Of a profile of seccomp, `security_opt` has the default action alone,
    `?` where that could not be read. `network` to `cgroupns` are modes, such as "host". `engine_maps`: the
    engine gives its containers other users of the node (`userns-remap`), unless one says `userns: host`.
    """

    privileged: bool = False
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    security_opt: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    device_rules: tuple[str, ...] = ()
    network: str = ""
    pid: str = ""
    ipc: str = ""
    uts: str = ""
    userns: str = ""
    cgroupns: str = ""
    engine_maps: bool = False


@dataclass(frozen=True)
class Limits:
    """What the kernel lets the control group of a container take, of memory, CPU and processes.

    Each is whether there is a limit; None where the kernel does not say so.
    """

    memory: bool | None = None
    cpu: bool | None = None
    processes: bool | None = None


@dataclass(frozen=True)
class Settings:
    """What else a container was made with: fields of `docker inspect`, most of them under HostConfig.

    `memory` and `processes` are limits, 0 without one; `cpu` says whether any share or limit of the CPU is set.
    `ulimits` are names of limits that it overrides. `restart` is the policy (no, always, unless-stopped, on-failure),
    `attempts` how often at most, 0 without an end. `networks` are the names of its networks. `requested` are devices
    that a driver brings, such as graphics cards. `apparmor` and `selinux` are the profile and the label that the engine
    gives it, empty where the engine has none of that.
    """

    read_only: bool = False
    memory: int = 0
    cpu: bool = False
    processes: int = 0
    ulimits: tuple[str, ...] = ()
    cgroup_parent: str = ""
    restart: str = ""
    attempts: int = 0
    networks: tuple[str, ...] = ()
    requested: tuple[str, ...] = ()
    apparmor: str = ""
    selinux: str = ""


@dataclass(frozen=True)
class Denied:
    """The files of one mount that a user could not use as needed: how many, and examples.

    `more`: there are more than `count`. `examples` are owner, mode and path, as `0:0 644 /srv/data/x`. `destination` is
    the mount's place in the container, `source` that on the node.
    """

    destination: str
    source: str
    count: int
    more: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preflight:
    """The obstacles to running a container as `user`, found without changing anything.

    `helpers` are the programs that need root and are named in its start path; `low_ports` those it listens on and the
    user could not; `unsaved` the paths that it wrote outside volumes and that a new container would not have; `listens`
    the TCP ports it serves today, without short-lived ones. Each is complete or Unobservable.
    """

    user: str
    uid: int
    gid: int
    denied: tuple[Denied, ...] | Unobservable
    helpers: tuple[str, ...] | Unobservable
    low_ports: tuple[int, ...] | Unobservable
    unsaved: tuple[str, ...] | Unobservable
    listens: tuple[int, ...] | Unobservable = ()


@dataclass(frozen=True)
class Container:
    """One container, running or not.

    `name` has no leading slash. `state` is Docker's: created, running, paused, restarting, removing, exited, dead.
    `health` is healthy, unhealthy, starting, or empty without a health check. `user` is the user of `docker exec`
    (Config.User: the image's or the service's, may be empty). `started_at` is ISO 8601, UTC: in the year 1 for one that
    never was. `patience` is how long (seconds) its health check may fail after a start before the engine gives it up.
    `pid` is its first process on the node, 0 when stopped. `accounts` are the uids in its own /etc/passwd, by name,
    `group_names` the gids in its /etc/group. `processes` is empty for a container that does not run. `preflight` is
    only there where its processes run as another user than the inventory says. `jobs` is what says that it runs
    something by itself. `settings` is None in looks of before they were kept. `limits` are the kernel's. `restart` is
    its restart policy (no, always, unless-stopped, on-failure, on-failure:3); empty in an older recording. Its label
    with Compose's hash of its settings has a digest of that hash instead, with the key of the run: values of variables
    are in the hash.
    """

    id: str
    name: str
    image: str = ""
    image_id: str = ""
    labels: dict[str, str] | None = None
    state: str = "running"
    health: str = ""
    restarts: int = 0
    exit_code: int = 0
    started_at: str = ""
    user: str = ""
    pid: int = 0
    has_healthcheck: bool = False
    patience: float = 0.0
    mounts: tuple[Mount, ...] = ()
    ports: tuple[Port, ...] = ()
    isolation: Isolation = Isolation()
    processes: tuple[Process, ...] | Unobservable = ()
    accounts: dict[str, int] | Unobservable | None = None
    group_names: dict[str, int] | None = None
    preflight: Preflight | Unobservable | None = None
    jobs: OwnJobs = NO_JOBS
    settings: Settings | None = None
    limits: Limits = Limits()
    restart: str = ""

    @property
    def remapped(self) -> bool:
        """Whether a user namespace (userns-remap, a rootless engine) gives its users other uids on the node.

        Raises Unobservable when its processes could not be seen.
        """
        return any(process.uid != process.host_uid for process in raise_if_unobservable(self.processes))

    @property
    def running(self) -> bool:
        """Whether its state is "running": not while it is paused or restarting."""
        return self.state == "running"

    @property
    def drill(self) -> bool:
        """Whether it is fleetkeeper's own throwaway server of a drill: labelled so, and without any network."""
        return self.label(DRILL) == "drill" and self.isolation.network == "none"

    def label(self, key: str) -> str:
        """The value of a label; empty without it. Only Docker's own labels and those of drills are kept."""
        return (self.labels or {}).get(key, "")

    @property
    def swarm_service(self) -> str:
        """The name of the swarm service that it is a task of; empty for any other container.

        The label may come from the image. The name does not: that of a task is SERVICE.SLOT.ID. A name that Docker
        would not give to a container proves nothing about the label.
        """
        service = self.label(SWARM_SERVICE)
        other = DOCKER_NAME.fullmatch(self.name) and self.name != service and not self.name.startswith(f"{service}.")
        return "" if other else service

    @property
    def service(self) -> str:
        """The name that people know it by: its swarm service, else its compose service, else its own name."""
        return self.swarm_service or self.label(COMPOSE_SERVICE) or self.name

    def belongs_to(self, service: str) -> bool:
        """Whether it belongs to that swarm service, compose service or `project/service`, or has exactly that name.

        A container made by `docker compose run` is a person's own, not the service's: only its name counts.
        """
        if self.label(COMPOSE_ONEOFF).lower() == "true":
            return self.name == service
        compose = self.label(COMPOSE_SERVICE)
        names = {self.swarm_service, compose, self.name}
        if compose:
            names.add(f"{self.label(COMPOSE_PROJECT)}/{compose}")
        return service in names


@dataclass(frozen=True)
class Facts:
    """The containers of one node. `docker` is "absent" where there is neither a client nor an engine.

    `clock` is the time by the node's own clock at the look, in epoch seconds. `engine_groups` are the numbers of the
    groups that own the engine's sockets, empty where none was seen; `engine_group` is that of one, in looks of before.
    """

    topic: ClassVar[str] = "containers"
    docker: Literal["present", "absent"]
    containers: tuple[Container, ...] = ()
    clock: float = 0.0
    engine_group: int | None = None
    engine_groups: tuple[int, ...] = ()

    @property
    def groups_of_engine(self) -> frozenset[int]:
        """The groups that own the engine's sockets; empty where none was seen."""
        return frozenset((*self.engine_groups, *([] if self.engine_group is None else [self.engine_group])))


@dataclass(frozen=True)
class Placement:
    """One container, and the name of its node."""

    node: str
    container: Container
