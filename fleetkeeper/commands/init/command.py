"""`fleetkeeper init HOST…`: look at hosts, and write the inventory of what is there."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings


@click.command()
@click.argument("hosts", nargs=-1, metavar="HOST...")
@click.option(
    "--name", metavar="NAME", help="Name of the inventory: NAME.yml is written here (default: the first host)."
)
@click.option("--follow", is_flag=True, help="Look at the other members of the swarm, too.")
@click.option("--identity", type=click.Path(path_type=Path, exists=True), help="Private key (default: as ssh would).")
@click.option("--jump", metavar="USER@HOST", default="", help="Host through which these are reached.")
@click.option(
    "--fingerprint", "fingerprints", multiple=True, metavar="SHA256:…", help="Host key to trust (repeatable)."
)
@click.option(
    "--update",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE",
    help="Look at the nodes of an inventory, and write the sections that it lacks to its end.",
)
@click.option("--force", is_flag=True, help="Write over an inventory that is there.")
def init(hosts: tuple[str, ...], update: Path | None, **given: Any) -> None:
    """Look at HOSTS (ops@host, ops@host:2222, local), and write a commented inventory of what was found there.

    Nothing is changed on them. A host key that is not known is shown, and kept beside the inventory once you have
    compared it. What could not be seen is written down with the right that is missing. With --update, an inventory that
    is older than this fleetkeeper gets the sections that it lacks; what stands in it is not touched.
    """
    from fleetkeeper.commands.init.update import update_inventory

    if bool(hosts) == bool(update):
        raise UsageError("name HOSTS, or an inventory with --update", hint="fleetkeeper init ops@host")
    if update:
        sys.exit(update_inventory(update, given["fingerprints"]))
    write_new(hosts, given)


def write_new(hosts: tuple[str, ...], given: Mapping[str, Any]) -> None:
    """Look at hosts, and write their inventory. `given` are the options of the command, by name.

    Exits with `NOTHING_LEFT`, or `NOT_ALL_SEEN` when a host could not be seen. Raises UsageError, also for a host key
    that is not trusted; then nothing is written.
    """
    from fleetkeeper.commands.init.hosts import Login, each_once, node_of
    from fleetkeeper.commands.init.survey import NotTrusted, Survey
    from fleetkeeper.commands.trust import ask_at_terminal

    login = Login(given["identity"] and given["identity"].absolute(), given["jump"])
    nodes = each_once(node_of(host, login) for host in hosts)
    path = path_to_write(given["name"] or nodes[0].name, force=given["force"])
    looking = Survey(path, click.echo, ask_at_terminal(), given["fingerprints"])
    try:
        findings = looking.all(nodes, follow=given["follow"])
    except NotTrusted as why:
        raise UsageError(
            f"the key of {why} is not trusted, so nothing was asked there, and nothing was written",
            hint="at a terminal you are asked; else add --fingerprint SHA256:… once you have compared it",
        ) from None
    if all(machine.trouble for machine in findings.machines):
        click.echo("nothing could be seen anywhere: nothing was written", err=True)
        sys.exit(Exit.NOT_ALL_SEEN)
    write_inventory(path, findings)
    sys.exit(Exit.NOT_ALL_SEEN if any(machine.trouble for machine in findings.machines) else Exit.NOTHING_LEFT)


def path_to_write(name: str, *, force: bool) -> Path:
    """The path of the new inventory.

    Raises UsageError for an invalid name, or for a file that exists, unless `force`. It is NAME.yml in the working
    directory.
    """
    from fleetkeeper.inventory.search import NAME

    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name an inventory", hint="use letters, digits, `_`, `.` and `-`")
    path = Path(f"{name}.yml")
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="choose another --name, or --force to write over it")
    return path


def without_words(findings: Findings) -> Findings:
    """The same findings without any text that comes from servers and might look like a secret."""
    return replace(
        findings,
        services=tuple(replace(service, note="") for service in findings.services),
        sites=tuple(replace(site, issuer="somebody", note="") for site in findings.sites),
        backups=findings.backups and replace(findings.backups, where=""),
        scheduled=(),
        databases=(),
        tls=(),
        unseen=("what could not be seen is not written here, since it looked like a secret",)
        if findings.unseen
        else (),
    )


def write_inventory(path: Path, findings: Findings) -> None:
    """Write the inventory, after loading it once, and print a summary. Raises UsageError when it cannot be loaded.

    Where words of a server look like a secret, all such words are left out. A file that is there is replaced.
    """
    from fleetkeeper.commands.init.inventory_text import inventory_text
    from fleetkeeper.commands.init.summary import summary
    from fleetkeeper.local_files import write_file
    from fleetkeeper.topics.registry import load_inventory

    today, base = date.today().isoformat(), path.absolute().parent
    written = inventory_text(findings, today, base)
    try:
        load_inventory(path, written)
    except UsageError:  # words of a server, in a comment, that look like a secret
        written = inventory_text(without_words(findings), today, base)
        load_inventory(path, written)
    write_file(path, written.encode("utf-8"))
    for line in summary(findings, path):
        click.echo(line)
