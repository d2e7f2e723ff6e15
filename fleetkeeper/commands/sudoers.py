"""`fleetkeeper sudoers ACCOUNT`: a script for root on a node, which lets an account look as root and change nothing."""

from __future__ import annotations

import re

import click

from fleetkeeper.errors import UsageError
from fleetkeeper.inventory.fields import USER

PAGE = "docs/on-your-servers.md"


@click.command()
@click.argument("account")
@click.option("--hosts", metavar="NAME", multiple=True, help="Inventory: a name or a path; may be given several times.")
def sudoers(account: str, hosts: tuple[str, ...]) -> None:
    """Print a script for root on a node: ACCOUNT may then ask there, as root, what an audit asks, and nothing else.

    It puts a helper beside a line for sudoers that allows only this helper; the inventory says `sudo: audit`. The
    helper holds the places and names of the dumps of the inventories that are named: without one it answers nothing
    about dumps. Nothing is sent anywhere. After an upgrade, and after a change of `backups:`, print it again.
    """
    from fleetkeeper.commands.sudoers_lines import digest_of, helper, installer
    from fleetkeeper.inventory.search import find_inventory
    from fleetkeeper.topics.registry import load_inventory

    if not re.fullmatch(USER, account):
        raise UsageError(f"{account!r} is no name of an account", hint="fleetkeeper sudoers fleetkeeper > look.sh")
    named = [load_inventory(find_inventory(name)) for name in hosts]
    click.echo(installer(account, named), nl=False)
    click.echo(f"SHA-256 of fleetkeeper-look: {digest_of(helper(named))}", err=True)
    click.echo(f"what it lets through, form by form: {PAGE}", err=True)
    if not named:
        click.echo("it answers nothing about dumps: name the inventory with --hosts", err=True)
