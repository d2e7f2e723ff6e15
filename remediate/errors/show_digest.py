"""`remediate errors digest`: what services reported in the last 24 hours, by kind, and the lines at a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from fleetkeeper.audit import open_audit
from fleetkeeper.errors import NotApplicable, UsageError
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import require_policy
from fleetkeeper.judging.rule import Subject
from fleetkeeper.judging.verdicts import judge_subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import all_placements
from fleetkeeper.topics.errors.digests import CUT_OFF
from fleetkeeper.topics.errors.policy import Policy
from fleetkeeper.topics.registry import RULES
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.pool import Links
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import one_line
from remediate.commands.fix import Call, inventory_name
from remediate.render.console import Screen
from remediate.session import Session
from remediate.sudo_mode import for_repairs, require_root

PRINT_ERRORS = "remediate/errors/scripts/print_errors.sh"
RULE = "errors.report_none"
TOPICS = ("nodes", "containers", "errors", "services")
MOST_LINES = 50
"""How many lines of one container are shown."""
END = "=end "


def show_digest(names: Sequence[str], hosts: str | None, given: Path | None, *, lines: bool) -> Exit:
    """Show the digest of the services `names` (empty: all); with `lines` also their last error lines. The exit code.

    Raises UsageError without `errors: {digest: true}`, for an unknown service, and for lines without a terminal: they
    may hold what nobody wants in a file.
    """
    if lines and not sys.stdout.isatty():
        hint = "run it at a terminal, without `|`, `>` or `tee`; without --show only kinds of errors are printed"
        raise UsageError("--show prints lines as they were logged, and only at a terminal", hint)
    inventory = for_repairs(open_audit(inventory_name(Call(hosts=hosts), Screen()), state=given).only_inventory())
    keys = chosen_services(inventory, names)
    with Links(inventory) as links:
        session = Session(inventory, links.to)
        fleet = session.look(TOPICS)
        return worst_exit([show_service(session, fleet, key, lines=lines) for key in keys])


def chosen_services(inventory: Inventory, names: Sequence[str]) -> list[str]:
    """The keys of services whose digest is shown. Raises UsageError as `show_digest`."""
    try:
        services = list(require_policy(inventory.services))
        policy = inventory.section(Policy)
    except NotApplicable as why:
        raise UsageError(f"{inventory.name} does not ask for errors of services: {why}") from None
    if not policy.digest:
        raise UsageError(f"{inventory.name} asks for no digest of errors", "`errors: {digest: true}` does")
    for name in names:
        if name not in services:
            raise UsageError(f"no service {one_line(name)}", f"the inventory has {', '.join(services)}")
    return list(names) or services


def show_service(session: Session, fleet: Fleet, key: str, *, lines: bool) -> Exit:
    """Print the digest of one service, and with `lines` what its containers logged. Returns the exit code."""
    verdict = judge_subject(RULES[RULE], fleet, Subject("service", key))
    reported = [*verdict.findings, *verdict.warnings]
    for finding in reported:
        click.echo(f"{key}: {one_line(finding.saw)}")
    for why in verdict.unknown:
        click.echo(f"{key}: unknown: {one_line(str(why))}")
    if not reported and not verdict.unknown:
        click.echo(f"{key}: {verdict.not_applicable or 'no error in the last 24 hours'}")
    codes = [Exit.NOT_ALL_SEEN] if verdict.unknown else []
    if lines and reported:
        codes.append(show_lines(session, fleet, key))
    return worst_exit(codes)


def show_lines(session: Session, fleet: Fleet, key: str) -> Exit:
    """Print the last error lines of each running container of a service. Returns the exit code."""
    code = Exit.NOTHING_LEFT
    try:
        places = [location for location in all_placements(fleet, key) if location.container.pid]
        require_root(fleet, {location.node for location in places})
        for location in places:
            click.echo(f"  {location.container.name} on {location.node}:")
            for line in error_lines(session.link_by_name(location.node), location):
                click.echo(f"    {line}")
    except Unobservable as why:
        click.echo(f"    unknown: {one_line(str(why))}")
        code = Exit.NOT_ALL_SEEN
    return code


def error_lines(link: Link, location: Placement) -> list[str]:
    """The last error lines of a container, each on one line and printable. Raises Unobservable where it has no log."""
    words = ("sh", "-c", load_script(PRINT_ERRORS), "print errors", location.container.id, str(MOST_LINES))
    [answer] = link.ask([Command(words, sudo=True, limit=60)])
    return lines_of_answer(answer)


def lines_of_answer(answer: Output) -> list[str]:
    """The lines that the script printed. Raises Unobservable where it did not end, or could not read the log.

    >>> lines_of_answer(Output(0, b" ERROR a\\x1b[31m\\n=end 0\\n"))
    ['ERROR a\\\\x1b[31m']
    """
    rows = answer.out.decode("utf-8", "replace").split("\n")
    status = rows[-2].removeprefix(END) if rows[-2:-1] and rows[-2].startswith(END) else ""
    if status != "0" and not (status in CUT_OFF and len(rows) > len((END, ""))):
        raise Unobservable("its log could not be read", hint="`docker logs` says why")
    return [one_line(row.removeprefix(" ")) for row in rows[:-2]]
