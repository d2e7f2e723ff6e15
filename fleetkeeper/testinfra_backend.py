"""The testinfra backend `fleet`: every node is a testinfra host, for a team's own tests over our connections.

Registered as `fleet` in testinfra's BACKENDS. What `host.run` does is what testinfra's ssh backend does (quoting,
sudo, exit statuses), with verified host keys, one connection a node, and a time limit; 255 is a command's own status
like any other. Commands run in the login shell, or in /bin/sh where that is no relative of it (fish, csh), with
LC_ALL=C and the usual folders on the PATH. tests/programs/test_testinfra_parity.py compares the two.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from testinfra.backend import base

from fleetkeeper.transport.commands import Command, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.transport.pool import Links

LIMIT = 300.0
"""Seconds for one command of a team's own test (testinfra itself has no limit)."""

IN_LOGIN_SHELL = """\
case ${SHELL##*/} in bash|zsh|ksh|mksh|dash|ash) exec "$SHELL" -c "$1" ;; esac
exec /bin/sh -c "$1"
"""


@dataclass(frozen=True)
class Using:
    """The inventory and the connections of this run."""

    inventory: Inventory
    links: Links


CURRENT: dict[str, Using] = {}


def use(inventory: Inventory, links: Links) -> None:
    """Add an inventory to those that `fleet://` host names refer to, with the links to its nodes.

    One of the same name is replaced.
    """
    CURRENT[inventory.name] = Using(inventory, links)


def forget() -> None:
    """Remove all inventories and their links; their hosts can no longer run commands."""
    CURRENT.clear()


def host_names() -> list[str]:
    """The host name of every node in use: NODE, or INVENTORY:NODE when several inventories are in use."""
    several = len(CURRENT) > 1
    return [f"{name}:{node}" if several else node for name, using in CURRENT.items() for node in using.inventory.nodes]


def using(hostspec: str) -> tuple[Using, str]:
    """The inventory with its links, and the node's name, of a host name: NODE or INVENTORY:NODE.

    Without an inventory that is in use the node is looked for in the first. Raises RuntimeError when it is not there.
    It is RuntimeError too while none is in use.
    """
    if not CURRENT:
        raise RuntimeError("no inventory is in use: give one with --hosts=NAME")
    inventory, _, node = hostspec.rpartition(":")
    match = CURRENT.get(inventory) or next(iter(CURRENT.values()))
    if node not in match.inventory.nodes:
        raise RuntimeError(unknown(node, match.inventory))
    return match, node


class FleetBackend(base.BaseBackend):  # type: ignore[misc]
    """Testinfra's backend for one node of an inventory in use. `timeout` is in seconds, for each command."""

    NAME = "fleet"
    encoding = "utf-8"
    """Fixed: to detect it would take a python3 on the node, and another round trip."""

    def __init__(self, hostspec: str, timeout: float | str = LIMIT, *args: Any, **kwargs: Any) -> None:
        """The backend for one node, by its host name; `timeout` is in seconds, for each command.

        Raises RuntimeError when there is no such node.
        """
        self.using, node = using(hostspec)
        self.node = self.using.inventory.nodes[node]
        self.limit = float(timeout)
        super().__init__(hostspec, *args, **kwargs)

    @classmethod
    def get_hosts(cls, host: str, **kwargs: Any) -> list[str]:
        """The host names that a host specification stands for: itself, or all nodes for an empty one or `all`."""
        names = host_names()
        return [host] if host not in ("", "all") or host in names else names

    def get_pytest_id(self) -> str:
        """The host name, as part of a test id."""
        return str(self.hostname)

    def decode(self, data: bytes) -> str:
        """Bytes as text; those that are no UTF-8 become surrogates, so that they do not stop a test."""
        return data.decode("utf-8", "surrogateescape")

    def encode(self, data: str) -> bytes:
        """The bytes that `decode` made this text of."""
        return data.encode("utf-8", "surrogateescape")

    def run(self, command: str, *args: str, **kwargs: Any) -> base.CommandResult:
        """Run a command line in the account's login shell; on the local machine in /bin/sh, as testinfra does.

        The exit status is in the result, whatever it is. Raises RuntimeError when the node cannot be reached, or the
        command did not end within the limit. `args` are quoted into `command`.
        """
        line = self.get_command(command, *args)
        shell = () if self.node.connection == "local" else (IN_LOGIN_SHELL, "sh")
        question = Command(("/bin/sh", "-c", *shell, line), limit=self.limit, most=MOST_OUTPUT)
        try:
            [answer] = self.using.links.to(self.node).ask([question])
        except Unobservable as why:
            raise RuntimeError(f"{why} ({why.hint})" if why.hint else str(why)) from None
        if answer.rc is None:
            raise RuntimeError(f"{self.hostname}: `{line}` gave no answer: {answer.lost}")
        return self.result(answer.rc, self.encode(line), answer.out, answer.err)


def unknown(name: str, inventory: Inventory) -> str:
    """The message about a node that the inventory does not have, with the nearest name or all of them."""
    near = difflib.get_close_matches(name, inventory.nodes, 1)
    hint = f"did you mean {near[0]}?" if near else f"its nodes are {', '.join(inventory.nodes)}"
    return f"the inventory {inventory.name} has no node {name!r}: {hint}"
