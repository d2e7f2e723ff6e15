"""The jump hosts on the way to a node: the inventory's `jump`, else ProxyJump of the user's configuration."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.ssh_config import resolve_target
from fleetkeeper.transport.ssh.ssh_target import SshRequest

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node

SPEC = re.compile(r"(?:ssh://)?(?:(?P<user>.+)@)?(?P<host>\[[^\]]+\]|[^:@\[\]]+)(?::(?P<port>\d+))?/?")


@dataclass(frozen=True)
class Hop:
    """A host on the way to a node. `before` is the hop that leads to it.

    Without `before`, the user's configuration may name jump hosts for it.
    """

    name: str
    asked: SshRequest
    before: Hop | None = None


def hop_to(node: Node, inventory: Inventory) -> Hop:
    """The node as the last hop of its route in the inventory (which is checked for circles when it is read).

    Raises Unobservable for a jump host that is not reached over SSH. A `jump` that is no node of the inventory is a
    list of addresses, with commas between them.
    """
    request = SshRequest(node.address or node.name, node.user, node.port, node.identity)
    if via := inventory.nodes.get(node.jump or ""):
        if via.connection not in ("", "ssh"):
            raise Unobservable(f"its jump host {via.name} is not reached over SSH (`connection: {via.connection}`)")
        return Hop(node.name, request, hop_to(via, inventory))
    return Hop(node.name, request, chain_hops(node.jump.split(",")) if node.jump else None)


def hops_to(hop: Hop, ssh_config: str | None) -> list[Hop]:
    """The hop and those before it, also by ProxyJump of the user's configuration; the one nearest to us is last.

    `ssh_config` is that configuration's file (None: those that ssh reads). Raises Unobservable when the jumps form a
    circle (ssh itself would try for ever), or the configuration cannot be read.
    """
    seen: list[Hop] = []
    here: Hop | None = hop
    while here:
        if here in seen:
            circle = " → ".join(item.name for item in [*seen, here])
            raise Unobservable(f"its jump hosts lead in a circle: {circle}", hint="see ProxyJump in ~/.ssh/config")
        seen.append(here)
        here = here.before or chain_hops(resolve_target(here.asked, ssh_config).jumps)
    return seen


def chain_hops(specs: Sequence[str]) -> Hop | None:
    """The last of these hops, linked to those before it; the first is nearest to us. None for an empty list.

    Raises Unobservable for one that is no host.

    >>> chain_hops(["ops@a", "b:2222"]).before.asked
    SshRequest(address='a', user='ops', port=None, identity=None)
    """
    hop = None
    for spec in specs:
        hop = Hop(spec, parse_hop(spec), hop)
    return hop


def parse_hop(spec: str) -> SshRequest:
    """The jump host `[user@]host[:port]`, IPv6 addresses in brackets. Raises Unobservable for other text.

    >>> parse_hop("ops@[2001:db8::1]:2222")
    SshRequest(address='2001:db8::1', user='ops', port=2222, identity=None)
    """
    match = SPEC.fullmatch(spec.strip())
    if not match or match["host"].startswith("-"):
        raise Unobservable(f"{spec!r} is no jump host", hint="write it as user@host:port")
    return SshRequest(match["host"].strip("[]"), match["user"], int(match["port"]) if match["port"] else None)
