"""What was seen of the swarm, the services that are defined in it, and the volumes of one node.

Nothing secret is kept: no environment, no arguments, no options of volume drivers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from fleetkeeper.readers.docker.own_jobs import NO_JOBS, OwnJobs
from fleetkeeper.transport.commands import Unobservable

LENT = "fleetkeeper.user"
"""The label of a service whose user fleetkeeper has changed. `docker stack deploy` takes it away again."""


@dataclass(frozen=True)
class Member:
    """One node of the swarm, as a manager sees it: `docker node inspect`. `address` is its IP address.

    `state` is ready, down, unknown or disconnected, `availability` active, pause or drain, `reachability` that of a
    manager (reachable, unreachable), empty for a worker.
    """

    id: str
    hostname: str
    role: str = "worker"
    address: str = ""
    state: str = "ready"
    availability: str = "active"
    labels: dict[str, str] = field(default_factory=dict)
    engine_labels: dict[str, str] = field(default_factory=dict)
    os: str = "linux"
    architecture: str = ""
    reachability: str = ""


@dataclass(frozen=True)
class ServiceMount:
    """One mount that a service defines. `remote` says that the stack file itself names a network file system.

    `mode` is that of a tmpfs, None where the stack file leaves it to Docker (1777).
    """

    type: str
    source: str
    target: str
    read_only: bool = False
    driver: str = ""
    remote: bool = False
    mode: int | None = None


@dataclass(frozen=True)
class Published:
    """A port that is published (`port`), and the port in the container that it leads to (`target`).

    `mode` is host (only on the nodes where its tasks run) or ingress (on every node of the swarm).
    """

    port: int
    target: int
    protocol: str = "tcp"
    mode: str = "ingress"


@dataclass(frozen=True)
class MountedSecret:
    """A secret or a config that the swarm puts into the containers as a file of `uid`:`gid` with these mode bits."""

    kind: Literal["secret", "config"]
    name: str
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True)
class SwarmService:
    """One service as it is defined in the swarm.

    `version` is its version index, which an update must name. `order` is the update order (stop-first, start-first).
    `replicas` is None for a global service. `helpers` are the programs among runuser, su, gosu, chown, … that its
    command line names; the command line itself is not kept. `lent` is the user that fleetkeeper gave it and that the
    stack file may not have: its label is gone once that file is deployed. `shape` is a digest of all other settings of
    its containers, without values of the environment: it differs when a person has changed one. `lent_updates` is
    "lent" while its own update settings are kept in a label and fleetkeeper's are in force, "changed" when somebody has
    set others since and the label is still there, else empty. `restart_delay` is how many seconds the swarm waits
    before it starts a task again that has ended, `restart` when it does (none, on-failure, any), `attempts` how often
    at most, 0 without an end. `jobs` is what its labels and settings say of a schedule or of retention. `exposed` are
    the names of variables of its environment that look as if their values were secret.
    """

    id: str
    name: str
    image: str = ""
    user: str = ""
    replicas: int | None = 1
    constraints: tuple[str, ...] = ()
    mounts: tuple[ServiceMount, ...] = ()
    version: int = 0
    order: str = "stop-first"
    update_state: str = ""
    has_healthcheck: bool = False
    stack: str = ""
    helpers: tuple[str, ...] = ()
    published: tuple[Published, ...] = ()
    handed: tuple[MountedSecret, ...] = ()
    lent: str = ""
    shape: str = ""
    lent_updates: Literal["", "lent", "changed"] = ""
    restart_delay: float = 5.0
    jobs: OwnJobs = NO_JOBS
    restart: str = "any"
    attempts: int = 0
    exposed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Task:
    """One task of a service, with the host name of its node (`member`).

    `state` is the present and `desired` the desired state, both in the swarm's words in lower case. `slot` is the
    number of the replica that it is or was, or the id of the node for a global service. `age` is for how many seconds
    it has been in this state, at least; None where that was not printed.
    """

    service: str
    member: str
    desired: str
    state: str
    error: str = ""
    slot: str = ""
    age: float | None = None


@dataclass(frozen=True)
class Volume:
    """A volume of this node. `remote`: its data are on the network or with another driver, not on this disk."""

    name: str
    driver: str = "local"
    mountpoint: str = ""
    remote: bool = False


@dataclass(frozen=True)
class Validity:
    """From when until when a certificate is valid, in epoch seconds."""

    begins: float
    ends: float


@dataclass(frozen=True)
class Facts:
    """One node. Members, services and tasks are only known to a manager. `node_id` is the swarm's id of this node.

    `remote_mounts` are the directories on which network file systems are mounted. `certificate` is that by which this
    node is known in the swarm; None where the node is in none, or where this account may not read it.
    """

    topic: ClassVar[str] = "services"
    swarm: Literal["manager", "worker", "inactive", "absent"]
    node_id: str = ""
    members: tuple[Member, ...] = ()
    services: tuple[SwarmService, ...] = ()
    tasks: tuple[Task, ...] = ()
    volumes: tuple[Volume, ...] = ()
    remote_mounts: tuple[str, ...] = ()
    certificate: Validity | Unobservable | None = None
