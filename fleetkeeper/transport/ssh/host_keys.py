"""The host keys that a node shows, for a person to compare before trusting them. No login, nothing is stored.

As ssh-keyscan(1), which cannot follow a ProxyJump or the user's configuration.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.host_lookup import Target
from fleetkeeper.transport.ssh.known_hosts import fingerprint, kind_of, parse_presented

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node

FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)


@dataclass(frozen=True)
class HostKey:
    """One key that a host shows. `place` is its name in a known_hosts file, `key` the wire format."""

    place: str
    key: bytes

    @property
    def kind(self) -> str:
        """The key type, such as ssh-ed25519."""
        return kind_of(self.key)

    @property
    def fingerprint(self) -> str:
        """The SHA256 fingerprint, as `ssh-keygen -lf /etc/ssh/ssh_host_*_key.pub` on the node itself prints it."""
        return fingerprint(self.key)

    @property
    def line(self) -> str:
        """The known_hosts line that trusts this key, without its newline."""
        return f"{self.place} {self.kind} {base64.b64encode(self.key).decode()}"


def shown_keys(
    inventory: Inventory, node: Node, ssh_config: str | None = None, limit: float = 10.0
) -> tuple[HostKey, ...]:
    """All host keys of a node, one of each type, over the route of an audit (its jump hosts must be trusted already).

    `ssh_config` is the configuration file (None: those that ssh reads), `limit` in seconds, for each type. Raises
    Unobservable when the node cannot be reached, or shows no key.
    """
    from fleetkeeper.transport.connections import Register
    from fleetkeeper.transport.ssh.jump_hosts import hop_to
    from fleetkeeper.transport.ssh.routes import Routes
    from fleetkeeper.transport.ssh.ssh_config import resolve_target

    register = Register()
    routes = Routes(inventory, register.keep, ssh_config, limit)
    try:
        hop = hop_to(node, inventory)
        target = resolve_target(hop.asked, ssh_config)
        location = Target(target.host, target.port, 0.0, target.alias).names(target.port)
        dial = routes.dialler(hop, target)
        keys = tuple(HostKey(location, key) for kinds in FAMILIES for key in key_of(kinds, dial, limit))
    finally:
        register.close()
    if not keys:
        raise Unobservable("it shows no host key that we know how to use", node=node.name)
    return keys


def key_of(kinds: tuple[str, ...], dial: Callable[[float], Any], limit: float) -> Iterator[bytes]:
    """The host key (wire format) of one of these types; nothing if the host has none. Of a certificate, its plain key.

    `dial` returns a new socket; `limit` is in seconds. Raises Unobservable when there is no handshake; nothing is given
    when it takes longer. The connection is closed.
    """
    from paramiko.ssh_exception import IncompatiblePeer, SSHException

    from fleetkeeper.transport.sockets import describe_error
    from fleetkeeper.transport.ssh.algorithms import Algorithms
    from fleetkeeper.transport.ssh.handshake import Connection

    deadline = time.monotonic() + limit
    connection = Connection(dial(deadline), (), Algorithms(host_keys=kinds))
    try:
        connection.start_client(timeout=limit)
        if connection.initial_kex_done:
            yield parse_presented(connection.key).plain
    except IncompatiblePeer:
        return
    except (OSError, EOFError, SSHException) as error:
        raise Unobservable(f"no SSH handshake: {describe_error(error)}") from None
    finally:
        connection.close()
