"""All links of a run: one a node, opened when it is first needed, shared by all threads, closed together."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from fleetkeeper.imports import later
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.connections import CONNECT_LIMIT, ConnectionSlot, Register, close_at_once
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.local import LocalLink
from fleetkeeper.transport.ssh.openssh import OpenSSHLink

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.transport.ssh.routes import Routes


class Links:
    """The links to the nodes of one inventory. Use it as a context manager, or `close()` it; thread-safe."""

    def __init__(self, inventory: Inventory, ssh_config: str | None = None, limit: float = CONNECT_LIMIT) -> None:
        """`ssh_config` replaces the user's own configuration, as `ssh -F` does.

        `limit` is in seconds, for each connection. Nothing is connected yet.
        """
        self.inventory = inventory
        self.ssh_config = ssh_config
        self.limit = limit
        self.register = Register()
        self.slots: dict[str, ConnectionSlot[Link]] = {}
        self.guard = threading.Lock()

    def to(self, node: Node) -> Link:
        """The open link to a node.

        Raises Unobservable, with the node's name, when it cannot be reached within the limit. The same link again while
        it is alive; else it connects. Raises Unobservable too once the links are closed.
        """
        with self.guard:
            slot = self.slots.setdefault(node.name, ConnectionSlot())
        if self.register.closed:
            raise Unobservable("stopped", node=node.name)
        try:
            return slot.filled(lambda: self.register.keep(self.opened(node)))
        except Unobservable as why:
            raise replace(why, node=why.node or node.name) from None

    def opened(self, node: Node) -> Link:
        """A new link of the kind that the inventory names for the node. Libraries are imported when they are needed.

        Raises Unobservable when the node cannot be reached.
        """
        if node.connection == "local":
            return LocalLink(node.sudo)
        if node.connection == "ssh":
            return OpenSSHLink(node, self.inventory, self.ssh_config, self.limit, self.register.keep)
        if node.connection:
            from fleetkeeper.transport.testinfra import TestinfraLink

            return TestinfraLink(node.connection, node.sudo)
        return self.routes.link(node)

    @cached_property
    def routes(self) -> Routes:
        """The connections of our own SSH client. Imports paramiko (a quarter of a second). Made once."""
        with later("invoke"):  # paramiko wants it for `Match exec` of its own reader of ssh_config alone
            from fleetkeeper.transport.ssh.routes import Routes

        return Routes(self.inventory, self.register.keep, self.ssh_config, self.limit)

    def let_go(self, name: str) -> None:
        """Close the connection to the node of this name, unless it is a jump host for others; `to` opens a new one.

        An idle connection costs a thread and 75 KiB. That a node could not be reached stays known.
        """
        slot = self.slots.get(name)
        if slot is None or slot.held is None or name in self.jumps:
            return
        with self.guard:
            del self.slots[name]
        close_at_once(slot.held)
        if "routes" in self.__dict__ and not self.inventory.nodes[name].connection:
            self.routes.forget(self.inventory.nodes[name])

    @cached_property
    def jumps(self) -> frozenset[str]:
        """The names of the nodes that other nodes have as their `jump`."""
        return frozenset(node.jump for node in self.inventory.nodes.values() if node.jump)

    def close(self) -> None:
        """Close all links at once; a thread that waits for an answer gets none."""
        self.register.close()

    def __enter__(self) -> Self:
        """Itself; leaving the block closes all links."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all links; an exception goes through."""
        self.close()
