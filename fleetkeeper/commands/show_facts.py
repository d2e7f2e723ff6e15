"""`fleetkeeper facts NODE[/TOPIC]`: look, print the facts, and judge nothing."""

from __future__ import annotations

from pathlib import Path

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last


@click.command()
@click.argument("name", metavar="NODE[/TOPIC]")
@HOSTS
@STATE
def facts(name: str, hosts: str | None, state: Path | None) -> None:
    """Look, and show the facts of a node, or of one topic there. Nothing is judged, secrets are struck out."""
    from fleetkeeper.audit import open_audit
    from fleetkeeper.reports.facts_text import facts_named, known_node
    from fleetkeeper.reports.progress import Progress

    audit = open_audit(named_or_last(hosts, state), state=state)
    known_node(audit.only_inventory(), name)
    try:
        with Progress(len(audit.only_inventory().nodes)) as progress:
            audit.look(progress, keep=False)
    finally:
        audit.close()
    click.echo(facts_named(audit.fleets[audit.only_inventory().name], name))
