"""What was seen of the swarm that a node belongs to: how it is set up, and where it listens. Nothing secret is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable


@dataclass(frozen=True)
class Network:
    """A network between the nodes of a swarm. `encrypted` is its option of that name; `ingress` is the swarm's mesh."""

    name: str
    encrypted: bool
    ingress: bool = False


@dataclass(frozen=True)
class Cluster:
    """A swarm as a manager has it. `certificates` is how many seconds a node's certificate lasts.

    `autolock`: a manager waits for a key after a restart. `authority_since` is when its authority began, in epoch
    seconds; `rotating`: a new one is being spread. `networks` are those between nodes.
    """

    id: str
    autolock: bool
    certificates: float
    authority_since: float | Unobservable
    rotating: bool = False
    networks: tuple[Network, ...] | Unobservable = ()


@dataclass(frozen=True)
class Addresses:
    """The addresses of a node in its swarm, as the engine keeps them: `ADDRESS:PORT`, or the name of an interface.

    On `listen` a manager takes orders; `advertise` is how others reach it; `data` is for what services say to each
    other, empty where that takes the same way.
    """

    listen: str = ""
    advertise: str = ""
    data: str = ""


@dataclass(frozen=True)
class Facts:
    """The part of one node in a swarm. `cluster` is what a manager knows; None for any other node.

    `nodes` and `managers` are how many a manager counts, 0 in looks of before that was kept. `ports` are the sockets
    over TCP on which the engine listens, as /proc/net has them. `node_id` is what the swarm calls this node,
    `remote_managers` what it calls the managers that the node knows; both empty in looks of before that was kept.
    """

    topic: ClassVar[str] = "swarm"
    role: Literal["manager", "worker", "inactive", "absent"]
    cluster: Cluster | None = None
    nodes: int = 0
    managers: int = 0
    addresses: Addresses | Unobservable = Addresses()
    ports: tuple[str, ...] | Unobservable = ()
    node_id: str = ""
    remote_managers: tuple[str, ...] = ()

    @property
    def manager_ids(self) -> frozenset[str]:
        """What the swarm calls the managers that this node knows, itself among them if it is one."""
        return frozenset((*self.remote_managers, *([self.node_id] if self.role == "manager" else []))) - {""}
