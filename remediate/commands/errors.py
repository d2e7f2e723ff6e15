"""`remediate errors …`: what services reported."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from fleetkeeper.commands.command_options import HOSTS, STATE


@click.group()
def errors() -> None:
    """Show what services reported."""


@errors.command()
@click.argument("services", nargs=-1)
@click.option("--show", is_flag=True, help="Print the lines too, at a terminal alone; nothing keeps them.")
@HOSTS
@STATE
@click.pass_context
def digest(
    context: click.Context, services: tuple[str, ...], show: bool, hosts: str | None, state: Path | None
) -> None:
    """The kinds of errors that all services, or those SERVICES, logged in the last 24 hours, with their counts."""
    from remediate.errors.show_digest import show_digest

    before = context.obj or {}
    hosts = before.get("hosts") if hosts is None else hosts
    sys.exit(show_digest(services, hosts, state or before.get("state"), lines=show))
