"""`remediate certificates …`: what an audit must not do, on request."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def certificates() -> None:
    """Rehearse the renewal of certificates."""


@certificates.command()
@click.argument("names", nargs=-1)
@click.option("--hosts", metavar="NAME", help="Inventory: a name or a path (default: the last audited).")
@click.option("--yes", is_flag=True, help="Do not ask: hooks of certbot may stop the server for a moment.")
@click.option("--state", type=click.Path(path_type=Path), help="State directory.")
@click.pass_context
def rehearse(context: click.Context, names: tuple[str, ...], hosts: str | None, yes: bool, state: Path | None) -> None:
    """Try to renew, all certificates or those NAMES, without keeping what comes (certbot renew --dry-run)."""
    from remediate.rehearse import rehearse_renewals as run

    before = context.obj or {}
    hosts = before.get("hosts") if hosts is None else hosts
    sys.exit(run(names, hosts, state or before.get("state"), yes=yes or bool(before.get("yes"))))
