"""`fleetkeeper trust NODE…`: show host keys, and write those that a person has compared to a known_hosts file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit

if TYPE_CHECKING:
    from fleetkeeper.commands.host_key_trust import Ask
    from fleetkeeper.inventory.load import Inventory


@click.command()
@click.argument("nodes", nargs=-1)
@HOSTS
@click.option("--yes", is_flag=True, help="Do not ask; needs --fingerprint, once for each key.")
@click.option("--fingerprint", "fingerprints", multiple=True, metavar="SHA256:…", help="Trust this key (repeatable).")
@STATE
def trust(nodes: tuple[str, ...], **given: Any) -> None:
    """Show the host keys of NODES (default: all) and keep them beside the inventory, once you have compared them.

    Hosts that no inventory has yet are written as user@host: their keys are kept in ./known_hosts, beside the inventory
    that `fleetkeeper init` will write here. Nothing is sent to a node whose key is not known. A key that has changed is
    shown with the one that is known, and is only replaced when you type the node's name.
    """
    from fleetkeeper.commands.host_key_trust import TrustSession
    from fleetkeeper.inventory.search import find_inventory
    from fleetkeeper.topics.registry import load_inventory

    if given["yes"] and not given["fingerprints"]:
        raise UsageError("--yes without --fingerprint would trust whoever answers", hint="name the key: SHA256:…")
    if any("@" in name for name in nodes):
        inventory = inventory_of_hosts(nodes)
        nodes = tuple(inventory.nodes)
    else:
        inventory = load_inventory(find_inventory(named_or_last(given["hosts"], given["state"])))
    trusting = TrustSession(inventory, click.echo, ask_at_terminal(), given["fingerprints"])
    sys.exit(Exit.NOTHING_LEFT if trusting.all(nodes) else Exit.FINDINGS_REMAIN)


def inventory_of_hosts(hosts: tuple[str, ...]) -> Inventory:
    """A provisional inventory of hosts (`user@host`), in the current directory.

    Raises UsageError for an invalid host. Names that would be alike get a number. Nothing is written.
    """
    from fleetkeeper.commands.init.hosts import Login, node_of, provisional_inventory, unique_node_name

    names: list[str] = []
    nodes = []
    for host in hosts:
        node = node_of(host, Login())
        names.append(unique_node_name(node.name, names))
        nodes.append(node.model_copy(update={"name": names[-1]}))
    return provisional_inventory(nodes, Path("new.yml"))


def ask_at_terminal() -> Ask | None:
    """A function that asks a question at the terminal ("no" for an empty answer); None when standard input is none."""
    if not sys.stdin.isatty():
        return None
    return lambda question: str(click.prompt(question, default="no", show_default=False))
