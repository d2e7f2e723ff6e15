"""What was seen of the containers on one node.

Nothing secret is kept: no environment, no arguments, and of the labels only those of Docker itself and of our drills.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.looking.fleet import raise_if_unobservable
from fleetkeeper.readers.docker.labels import COMPOSE_ONEOFF, COMPOSE_PROJECT, COMPOSE_SERVICE, SWARM_SERVICE
from fleetkeeper.transport.commands import Unobservable

DOCKER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]+", re.ASCII)
"""What Docker takes as the name of a container (daemon/names)."""
DRILL = "fleetkeeper"


@dataclass(frozen=True)
class Mount:
    """One mount of a container. `type` is volume, bind, tmpfs, …; `name` is the volume's; `source` is on the node."""

    type: str
    source: str
    destination: str
    name: str = ""
    driver: str = ""
    rw: bool = True


@dataclass(frozen=True)
class Port:
    """A port the container listens on by declaration. `host` is None where it is not published on this node."""

    container: int
    protocol: str = "tcp"
    host_ip: str = ""
    host: int | None = None


@dataclass(frozen=True)
class Process:
    """One process of a container.

    `pid`, `parent` and `host_uid` are as the node sees them; `uid` is as the container sees it, through its user
    namespace (None when that namespace has no such user). `entered` says that it does not descend from the container's
    first process: somebody, or a health check, came in with `docker exec`. `no_new_privileges` is the kernel's word.
    """

    pid: int
    uid: int | None
    host_uid: int
    name: str
    parent: int = 0
    entered: bool = False
    no_new_privileges: bool | None = None


@dataclass(frozen=True)
class Isolation:
    """How a container is kept apart from its node, as `docker inspect` has it under HostConfig."""

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


@dataclass(frozen=True)
class Denied:
    """Files of one mount that a user could not use as needed: how many (`more` when counting stopped), and examples.

    `examples` are owner, mode and path, as `0:0 644 /srv/data/x`. `source` is the mount's place on the node.
    """

    destination: str
    source: str
    count: int
    more: bool = False
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preflight:
    """What would stand in the way of running a container as `user`; nothing was changed to find out.

    `helpers` are the programs that need root and are named in its start path; `low_ports` those it listens on and the
    user could not; `unsaved` what it holds outside volumes and would lose when it is made anew; `listens` the TCP ports
    it serves today, without short-lived ones. Each is whole or Unobservable.
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
    `health` is healthy, unhealthy, starting, or empty without a health check. `user` is what `docker exec` would be
    (Config.User: the image's or the service's, may be empty). `patience` is how long (seconds) its health check may
    fail after a start before the engine gives it up. `pid` is its first process on the node, 0 when stopped.
    `accounts` are the names and uids of its own /etc/passwd. `processes` is empty for a container that does not run.
    `preflight` is only there where its processes run as somebody else than the inventory says.
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
    preflight: Preflight | Unobservable | None = None

    @property
    def remapped(self) -> bool:
        """Whether a user namespace (userns-remap, a rootless engine) makes its users others on the node.

        Raises Unobservable when its processes could not be seen.
        """
        return any(process.uid != process.host_uid for process in raise_if_unobservable(self.processes))

    @property
    def running(self) -> bool:
        return self.state == "running"

    @property
    def drill(self) -> bool:
        """Whether it is our own throwaway server for trying a backup: labelled so, and cut off from every network."""
        return self.label(DRILL) == "drill" and self.isolation.network == "none"

    def label(self, key: str) -> str:
        return (self.labels or {}).get(key, "")

    @property
    def swarm_service(self) -> str:
        """The swarm service that it is a task of; empty for any other container.

        Its label may come from the image. Its name does not: that of a task is SERVICE.SLOT.ID. A name that Docker
        would not give anything says nothing about the label.
        """
        service = self.label(SWARM_SERVICE)
        other = DOCKER_NAME.fullmatch(self.name) and self.name != service and not self.name.startswith(f"{service}.")
        return "" if other else service

    @property
    def service(self) -> str:
        """The name people know it by: its swarm service, its compose service, else its own name."""
        return self.swarm_service or self.label(COMPOSE_SERVICE) or self.name

    def belongs_to(self, service: str) -> bool:
        """Whether it belongs to that swarm service, compose service or `project/service`, or has exactly that name.

        A container made by `docker compose run` is somebody's visit, not the service.
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
    """The containers of one node. `docker` is absent where there is neither a client nor an engine.

    `clock` is the node's own at the time of the look, in epoch seconds.
    """

    topic: ClassVar[str] = "containers"
    docker: Literal["present", "absent"]
    containers: tuple[Container, ...] = ()
    clock: float = 0.0


@dataclass(frozen=True)
class Placement:
    """One container, and the node it is on."""

    node: str
    container: Container
