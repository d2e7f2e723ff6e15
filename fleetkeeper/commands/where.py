"""`fleetkeeper where [SERVICE]`: the node, the container, and the command to enter it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last
from fleetkeeper.exit_codes import Exit


def complete_services(context: click.Context, option: click.Parameter, begun: str) -> list[str]:
    """The services of the inventory of --hosts (else of the last audited) that begin with `begun`; none on an error.

    Errors are swallowed.
    """
    from fleetkeeper.inventory.search import find_inventory
    from fleetkeeper.topics.registry import load_inventory

    try:
        inventory = load_inventory(find_inventory(named_or_last(context.params.get("hosts"), None)))
    except Exception:  # noqa: BLE001 - a shell that completes a word shows no errors
        return []
    names = inventory.services if isinstance(inventory.services, dict) else ()
    return [name for name in names if name.startswith(begun)]


@click.command()
@click.argument("service", required=False, default="", shell_complete=complete_services)
@click.option("--wait", type=click.FloatRange(min=0.1), default=2.0, show_default=True, metavar="SECONDS",
              help="How long to reach a node, and each answer, may take; what is later is not seen.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@HOSTS
@STATE
def where(service: str, wait: float, as_json: bool, hosts: str | None, state: Path | None) -> None:
    """Say on which node a SERVICE runs (all without one), in which container, and the command that enters it.

    SERVICE is its name in the inventory or in Docker, a container's name or id, or the beginning of one. With it go its
    last proven backup and the last error of its tasks. One round trip; what could not be seen is named.
    """
    from datetime import UTC, datetime

    from fleetkeeper.audit import open_audit
    from fleetkeeper.commands import service_locations as locations
    from fleetkeeper.commands.enter_commands import EnterCommands, user_configuration
    from fleetkeeper.looking.look import look_at_fleet
    from fleetkeeper.transport.pool import Links
    from fleetkeeper.untrusted import json_document, printable_text

    inventory = open_audit(named_or_last(hosts, state), quick=True, state=state).only_inventory()
    with Links(inventory, limit=wait) as links:
        fleet = look_at_fleet(inventory, links.to, locations.observers_within(wait), datetime.now(UTC))
    entering = EnterCommands(inventory, user_configuration)
    entries, dark = locations.whereabouts(fleet, service, entering), locations.dark_nodes(fleet)
    if as_json:
        click.echo(json_document(locations.where_document(entries, dark)))
    else:
        for line in locations.where_lines(entries, dark):
            click.echo(printable_text(line))
    all_run = all(entry.runs for entry in entries)
    sys.exit(Exit.NOT_ALL_SEEN if dark else Exit.NOTHING_LEFT if all_run else Exit.FINDINGS_REMAIN)
