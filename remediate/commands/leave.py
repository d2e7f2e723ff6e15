"""`remediate leave NODE…`: show what fleetkeeper has left on nodes, and remove it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from fleetkeeper.errors import UsageError


@click.command()
@click.argument("nodes", nargs=-1, required=True)
@click.option("--hosts", metavar="NAME", help="Inventory: a name or a path (default: the last audited).")
@click.option("--fix", is_flag=True, help="Remove it; without it, it is only shown.")
@click.option("--yes", is_flag=True, help="Do not ask; needs --hosts.")
@click.option("--allow", multiple=True, metavar="KINDS", help="Agree to delete.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@click.option("--state", type=click.Path(path_type=Path), help="State directory.")
@click.pass_context
def leave(context: click.Context, /, nodes: tuple[str, ...], **given: Any) -> None:
    """Show what is left on NODES: kept old content, and marks in crontabs; with --fix, remove it.

    Lines that were scheduled stay scheduled, as ordinary lines. The account, its key and its sudoers entry are yours.
    """
    from remediate.commands.fix import Call
    from remediate.leave_nodes import leave_nodes

    before = context.obj or {}
    call = Call(
        hosts=given["hosts"] or before.get("hosts"),
        limit=nodes,
        fix=given["fix"],
        yes=given["yes"],
        allow=given["allow"],
        as_json=given["as_json"],
        state=given["state"] or before.get("state"),
    )
    if not nodes:
        raise UsageError("which nodes?", hint="remediate leave NODE --hosts=NAME")
    sys.exit(leave_nodes(call))
