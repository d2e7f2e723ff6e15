"""The right to change a node: `sudo: audit` limits what a look may run, and repairs need root."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.nodes.facts import Facts
from fleetkeeper.transport.commands import Unobservable

RIGHT = "set `sudo: true` for the node, or log in as root"


def for_repairs(inventory: Inventory) -> Inventory:
    """A copy of the inventory for a run that may change something: `sudo: audit` becomes `sudo: true`.

    Whether sudo grants that is up to its own configuration: to the account of the nightly audit it does not, to a
    person who logs in as themselves it does.
    """
    nodes = {name: node.model_copy(update={"sudo": bool(node.sudo)}) for name, node in inventory.nodes.items()}
    return inventory.model_copy(update={"nodes": nodes})


def nodes_without_root(fleet: Fleet, nodes: Iterable[str]) -> Iterator[Unobservable]:
    """For each of these nodes (names) where our account does not become root: the reason, with the hint that helps.

    A node that could not be looked at is left out: what is asked of it next tells that.
    """
    for node in sorted(set(nodes)):
        facts = fleet.facts.get((node, Facts.topic))
        if isinstance(facts, Facts) and (why := why_no_root(facts.root_uid, node)):
            yield why


def require_root(fleet: Fleet, nodes: Iterable[str]) -> None:
    """Check, before anybody is asked or anything is begun, that our account becomes root on these nodes (names).

    Raises Unobservable for the first where it does not.
    """
    for why in nodes_without_root(fleet, nodes):
        raise why


def why_no_root(uid: int | Unobservable, node: str) -> Unobservable | None:
    """Why nothing can be changed on a node, by the user id that sudo, or the account itself, gives there.

    None where that is 0.
    """
    if isinstance(uid, Unobservable):
        return Unobservable(f"it takes root there: {uid.why}", uid.hint or RIGHT, node)
    return Unobservable("it takes root there, and this account has none", RIGHT, node) if uid else None
