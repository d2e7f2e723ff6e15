"""The proof of a restore: the names that its databases have on the server."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fleetkeeper.transport.commands import Unobservable
from remediate.backups.context import Desk
from remediate.backups.database_contents import Name
from remediate.backups.database_swap import Swap
from remediate.plan_end import Proof
from remediate.steps import Stale, StepContext


@dataclass(frozen=True)
class Names:
    """The databases of a restore by their names, as the server has them at one moment."""

    live: Name
    new: Name
    aside: Name
    filling: Name


def names_of(desk: Desk, swap: Swap) -> Names:
    """Which database has which name now. Raises Unobservable, or Stale when the server runs on other data."""
    link = desk.session.link_to(desk.inventory.nodes[swap.placement.node])
    server = swap.server.where_it_runs(link, StepContext("", 0))
    return Names(*server.named_databases(link, swap.live, swap.new, swap.aside, swap.filling))


def proof_by_names(desk: Desk, swap: Swap, wrong: Callable[[Names], str]) -> tuple[Proof, str]:
    """Whether the names are as they should be, and the reason. `wrong` returns what is not, or "".

    UNKNOWN when the server could not be asked, or runs on other data.
    """
    try:
        why = wrong(names_of(desk, swap))
    except (Unobservable, Stale) as unseen:
        return Proof.UNKNOWN, f"could not be looked at again: {unseen}"
    return (Proof.FAILING, why) if why else (Proof.FIXED, "")


def not_filled(now: Names) -> str:
    """Why the dump is not restored beside the live database; empty when it is."""
    return "" if now.new.never_live else f"there is no restored database {now.new.name}"


def not_dropped(now: Names) -> str:
    """Why the restored database is not dropped; empty when it is."""
    return f"{now.new.name} is still there" if now.new.there else ""


def not_changed(now: Names, before: Names) -> str:
    """Why the restored database does not have the live name; empty when it has.

    `before` are the names before the change.
    """
    aside = now.aside.oid == before.live.oid
    if now.live.oid == before.new.oid and (aside or not before.live.there):
        return ""
    if now.live.oid == before.live.oid:
        return f"the names were not changed: {now.live.name} is what it was"
    return f"{now.live.name} is {'another database' if now.live.there else 'not there'}: look at the server"
