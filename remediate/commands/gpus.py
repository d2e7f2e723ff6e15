"""`remediate gpus …`: what an audit must not do, on request."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.group()
def gpus() -> None:
    """Check that programs compute on a GPU."""


@gpus.command()
@click.option("--hosts", metavar="NAME", help="Inventory: a name or a path (default: the last audited).")
@click.option("--state", type=click.Path(path_type=Path), help="State directory.")
@click.pass_context
def check(context: click.Context, hosts: str | None, state: Path | None) -> None:
    """Run the command of `gpus: {check: …}` in the containers that need a GPU, and write down whether it sees one."""
    from remediate.gpu_check import check_gpus

    before = context.obj or {}
    sys.exit(check_gpus(before.get("hosts") if hosts is None else hosts, state or before.get("state")))
