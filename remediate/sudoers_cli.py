"""`remediate sudoers ACCOUNT`: what root runs on a node, so that an account may look as root and change nothing."""

from __future__ import annotations

import re

import click

from fleet.errors import UsageError
from fleet.fields import USER


@click.command()
@click.argument("account")
def sudoers(account: str) -> None:
    """Print a script for root on a node: ACCOUNT may then ask there, as root, what an audit asks, and nothing else.

    It puts a helper beside a line for sudoers that allows only this helper; the inventory says `sudo: audit`. Nothing
    is sent anywhere. After an upgrade that asks more, print it again.
    """
    from remediate.audit_rights import installer

    if not re.fullmatch(USER, account):
        raise UsageError(f"{account!r} is no name of an account", hint="remediate sudoers fleetkeeper > look.sh")
    click.echo(installer(account), nl=False)
