"""`remediate backups …`: the runbook's three commands, and the ones that it lacks."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

HOSTS = click.option("--hosts", metavar="NAME", help="Inventory: a name or a path (default: the last audited).")
STATE = click.option("--state", type=click.Path(path_type=Path), help="State directory.")


def common_options(context: click.Context, hosts: str | None, state: Path | None) -> dict[str, Any]:
    """`hosts` and `given` (the state directory), from the options behind the command, else from those before it.

    Each is None where it is not given, also in `hosts` and `state`.
    """
    before = context.obj or {}
    return {"hosts": before.get("hosts") if hosts is None else hosts, "given": state or before.get("state")}


@click.group()
def backups() -> None:
    """List, make, verify, try and restore backups of the database."""


@backups.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
@HOSTS
@STATE
@click.pass_context
def list_them(context: click.Context, as_json: bool, hosts: str | None, state: Path | None) -> None:
    """Every backup: age, size, whether it is complete, and why it stays or may go."""
    from remediate.backups import context as opening
    from remediate.backups import list_backups

    with opening.open_context(**common_options(context, hosts, state), looks=True, as_json=as_json) as opened:
        sys.exit(list_backups.show(opened))


@backups.command()
@HOSTS
@STATE
@click.pass_context
def create(context: click.Context, hosts: str | None, state: Path | None) -> None:
    """Make a backup now, and verify it."""
    from remediate.backups import context as opening
    from remediate.backups import create

    with opening.open_context(**common_options(context, hosts, state)) as opened:
        sys.exit(create.create(opened))


@backups.command()
@click.argument("names", nargs=-1)
@click.option("--again", is_flag=True, help="Also those that were proven before, and the copies.")
@HOSTS
@STATE
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...], again: bool, hosts: str | None, state: Path | None) -> None:
    """Stream backups on their node, all that are not known or those NAMES, and remember what is proven."""
    from remediate.backups import context as opening
    from remediate.backups import verify

    with opening.open_context(**common_options(context, hosts, state), looks=True) as opened:
        sys.exit(verify.run_verify(opened, names, again=again))


@backups.command()
@click.argument("name", required=False)
@HOSTS
@STATE
@click.pass_context
def drill(context: click.Context, name: str | None, hosts: str | None, state: Path | None) -> None:
    """Restore a backup (the newest, or NAME) into a throwaway server, and compare it with the live database."""
    from remediate.backups import context as opening
    from remediate.backups import drill

    with opening.open_context(**common_options(context, hosts, state)) as opened:
        sys.exit(drill.drill(opened, name))


@backups.command()
@click.argument("name")
@click.option("--yes-restore", default="", metavar="DATABASE", help="The database's name, instead of typing it.")
@HOSTS
@STATE
@click.pass_context
def restore(context: click.Context, name: str, yes_restore: str, hosts: str | None, state: Path | None) -> None:
    """Bring the backup NAME back: beside the live database first, then in its place; the old one is kept aside."""
    from remediate.backups import context as opening
    from remediate.backups import restore

    with opening.open_context(**common_options(context, hosts, state)) as opened:
        sys.exit(restore.restore(opened, name, yes_restore))


@backups.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--because", default="", metavar="TEXT", help="Why dumps of the newest one's size are right from now on.")
@HOSTS
@STATE
@click.pass_context
def accept(context: click.Context, yes: bool, because: str, hosts: str | None, state: Path | None) -> None:
    """Write down that the database that runs now is the right one: whatever comes later is compared with it.

    With a reason also the size of the newest complete dump, after an intended clean-up: others are compared with it
    from then on. Where that size is implausible, a reason is asked for.
    """
    from remediate.backups import accept
    from remediate.backups import context as opening

    with opening.open_context(**common_options(context, hosts, state)) as opened:
        sys.exit(accept.accept(opened, yes=yes, because=because))
