"""Options that several commands have, and the values that a shell completes for them."""

from __future__ import annotations

from pathlib import Path

import click

from fleetkeeper.errors import UsageError


def complete_inventories(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """The names of the inventories that begin with `begun`, sorted. Raises OSError for a folder that cannot be read."""
    from fleetkeeper.inventory.search import available_inventories

    return sorted(name for name in available_inventories() if name.startswith(begun))


def complete_rules(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """The ids of our own rules that begin with `begun`."""
    from fleetkeeper.topics.registry import RULES

    return [rule for rule in RULES if rule.startswith(begun)]


HOSTS = click.option(
    "--hosts",
    metavar="NAME",
    shell_complete=complete_inventories,
    help="Inventory: a name or a path (default: the last audited).",
)
STATE = click.option(
    "--state", type=click.Path(path_type=Path), help="State directory (default: $FLEETKEEPER_STATE, else XDG's)."
)


def named_or_last(hosts: str | None, state: Path | None) -> str:
    """The inventory given as `--hosts` (`hosts`, None or ""), else the name of the last one audited.

    `state` is the state directory that remembers it (None: the usual one).
    Raises UsageError when there is neither.
    """
    from fleetkeeper.state import last_audited

    name = hosts or last_audited(state)
    if not name:
        raise UsageError("which inventory?", hint="say --hosts=NAME")
    return name
