"""Connections of our own SSH to nodes, through their jump hosts."""

from __future__ import annotations

import resource
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from paramiko.ssh_exception import SSHException

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.connections import ConnectionSlot
from fleetkeeper.transport.sockets import Destination, ProxyCommand, connect_tcp, describe_error, seconds_left
from fleetkeeper.transport.ssh.client_keys import Keyring
from fleetkeeper.transport.ssh.handshake import Connection, connect
from fleetkeeper.transport.ssh.host_key_check import Server
from fleetkeeper.transport.ssh.host_lookup import Target
from fleetkeeper.transport.ssh.jump_hosts import Hop, hop_to, hops_to
from fleetkeeper.transport.ssh.known_hosts import KnownHost, KnownHosts, known_hosts_beside, read_files
from fleetkeeper.transport.ssh.paramiko_link import ParamikoLink
from fleetkeeper.transport.ssh.ssh_config import resolve_target
from fleetkeeper.transport.ssh.ssh_target import SshTarget

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node

T = TypeVar("T")
FORBIDDEN = (
    "its sshd forbids it: see AllowTcpForwarding and PermitOpen there, or `restrict` before the key (port-forwarding)"
)


class Routes:
    """The connections by hop: a jump host is connected to once for all hosts behind it.

    `known` holds the known_hosts lines by the paths of the files.
    """

    def __init__(self, inventory: Inventory, keep: Callable[[Any], Any], ssh_config: str | None, limit: float) -> None:
        """`keep` gets each new connection, so that another thread can close it; `limit` is seconds for each connection.

        `ssh_config` replaces the user's configuration, as `ssh -F` does. Raises the limit of open files of this process
        for so many nodes, if it may.
        """
        self.inventory = inventory
        self.keep = keep
        self.ssh_config = ssh_config
        self.limit = limit
        self.keys = Keyring()
        self.slots: dict[Hop, ConnectionSlot[Connection]] = {}
        self.known: dict[tuple[str, ...], KnownHosts] = {}
        self.guard = threading.Lock()
        make_room(len(inventory.nodes))

    def link(self, node: Node) -> ParamikoLink:
        """A link to a node. Raises Unobservable when the node, or a host on the way to it, cannot be reached."""
        return ParamikoLink(self.reached(hop_to(node, self.inventory), time.monotonic() + self.limit), node.sudo)

    def reached(self, hop: Hop, deadline: float) -> Connection:
        """The open connection to a hop; a new one is made, until `deadline` (`time.monotonic`), if there is none.

        Raises Unobservable when it cannot be reached, or could not be shortly before.
        """
        with self.guard:
            slot = self.slots.setdefault(hop, ConnectionSlot())
        return slot.filled(lambda: self.connected(hop, deadline))

    def forget(self, node: Node) -> None:
        """Drop the connection to a node, which the caller has closed, so that `link` makes a new one.

        Nothing when there is none. Raises Unobservable for a jump host that is not reached over SSH.
        """
        with self.guard:
            self.slots.pop(hop_to(node, self.inventory), None)

    def connected(self, hop: Hop, deadline: float) -> Connection:
        """A new connection to a hop.

        Raises Unobservable when it cannot be made, or our own SSH cannot follow the configuration.
        """
        target = resolve_target(hop.asked, self.ssh_config)
        if target.beyond:
            raise replace(target.beyond)
        server = Server(hop.name, target, self.entries(target))
        return connect(server, self.keys, self.dialler(hop, target), deadline, self.keep)

    def dialler(self, hop: Hop, target: SshTarget) -> Callable[[float], Any]:
        """A function that returns a new socket to a host; called again for each try. Its argument is the deadline.

        It raises Unobservable when there is none. Here Unobservable is raised for jump hosts that cannot be followed. A
        ProxyCommand is started by it; OSError when that fails.
        """
        if hop.before or target.jumps:
            return partial(self.through, hops_to(hop, self.ssh_config)[1], target)
        if target.proxy_command:
            return lambda deadline: self.keep(ProxyCommand.started(target.proxy_command))
        destination = Destination(target.host, target.port, target.family, target.bind)
        return lambda deadline: connect_tcp(destination, deadline, self.keep)

    def through(self, before: Hop, route: SshTarget, deadline: float) -> Any:
        """A channel of the connection to the hop `before` that leads to a host.

        Raises Unobservable when there is none.
        """
        try:
            upstream = self.reached(before, deadline)
        except Unobservable as why:
            raise replace(why, why=f"its jump host {before.name} cannot be used: {why.why}") from None
        try:
            target, origin = (route.host, route.port), ("127.0.0.1", 0)
            return upstream.open_channel("direct-tcpip", target, origin, timeout=seconds_left(deadline))
        except (SSHException, EOFError, OSError) as error:
            reason = getattr(error, "text", "") or describe_error(error)
            text = f"its jump host {before.name} cannot reach {route.host} port {route.port}: {reason}"
            raise Unobservable(text, hint=FORBIDDEN if "prohibited" in reason else "") from None

    def entries(self, route: SshTarget) -> tuple[KnownHost, ...]:
        """The known_hosts lines of a host: from the user's files, the system's, and the inventory's.

        All lines with CheckHostIP, since those of the host's address, which is not known yet, are needed too. Files are
        read once.
        """
        files = (*route.known_hosts, *known_hosts_beside(self.inventory))
        with self.guard:
            if files not in self.known:
                self.known[files] = KnownHosts(read_files(files))
        if route.check_ip:  # lines about its address count too, which is not known yet
            return tuple(self.known[files].entries)
        target = Target(route.host, route.port, 0.0, route.alias)
        return self.known[files].about((target.names(route.port), target.names(0)))


def make_room(connections: int) -> None:
    """Raise this process' soft limit of open files where it is too low for so many connections (1024 is usual)."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    expected = 2 * connections + 256
    if soft != resource.RLIM_INFINITY and soft < expected:
        room = expected if hard == resource.RLIM_INFINITY else min(expected, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (room, hard))
