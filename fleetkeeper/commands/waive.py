"""`fleetkeeper waive`: accept open findings for a while, each with an owner, a reason and an end."""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.benchmark_ids import PREFIX, with_edition

if TYPE_CHECKING:
    from fleetkeeper.commands.waiver_lines import Selection
    from fleetkeeper.inventory.load import Inventory


@click.command()
@click.argument("rules", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Whatever stands, by any rule.")
@click.option("--until", metavar="DATE", required=True, help="Last day on which it is accepted: 2027-01-31.")
@click.option("--owner", metavar="WHO", required=True, help="Who answers for it.")
@click.option("--show", is_flag=True, help="Show the waivers; write nothing.")
@HOSTS
@STATE
def waive(rules: tuple[str, ...], **given: Any) -> None:
    """Look, and write a waiver into the inventory for each finding of RULES (ids, topics, globs), or of --all.

    `cis:5.26` is an id of the CIS Docker Benchmark: then the waivers name it, for warnings too, and leave the other ids
    of its rule. A finding that breaks two ids stays open for the one that is not named, and a line says so.

    Each waiver's reason is left to be filled in, and until then it accepts nothing. What could not be looked at is not
    waived, and stays unknown.
    """
    from fleetkeeper.audit import open_audit
    from fleetkeeper.commands.waiver_lines import Waiving, lines_about_left, new_waivers, verdicts_of_rules
    from fleetkeeper.inventory.units import count_of
    from fleetkeeper.judging.rule import named_rules
    from fleetkeeper.reports.progress import Progress
    from fleetkeeper.topics.registry import rules_of

    name = named_or_last(given["hosts"], given["state"])
    if bool(rules) == given["everything"]:
        raise UsageError("say which rules, or --all", hint="for example: fleetkeeper waive volumes --until … --owner …")
    until, owner = parse_last_day(given["until"]), as_words(given["owner"])
    audit = open_audit(name, state=given["state"])
    inventory = audit.only_inventory()
    only = named_rules(rules, rules_of(inventory), inventory.edition)
    selection = selection_of(rules, inventory)
    try:
        with Progress(len(inventory.nodes)) as progress:
            audit.look(progress)
        verdicts = verdicts_of_rules(audit, sorted(only))
    finally:
        audit.close()
    waivers = new_waivers(selection.findings_in(verdicts), inventory.waivers, selection)
    dark = sum(bool(verdict.unknown) for verdict in verdicts)
    if dark:
        click.echo(f"{count_of(dark, 'promise')} could not be judged, and cannot be waived", err=True)
    if waivers:
        Waiving(inventory, until, owner, click.echo).write(waivers, only_show=given["show"])
        for line in lines_about_left(selection, verdicts):
            click.echo(line)
    else:
        click.echo("nothing stands that could be waived")
    sys.exit(Exit.NOT_ALL_SEEN if dark else Exit.NOTHING_LEFT)


def selection_of(names: tuple[str, ...], inventory: Inventory) -> Selection:
    """What the names of rules and ids mean. Raises UsageError for a name that matches no rule."""
    from fleetkeeper.commands.waiver_lines import Selection
    from fleetkeeper.judging.rule import named_rules
    from fleetkeeper.topics.registry import rules_of

    ids = [name for name in names if name.startswith(PREFIX)]
    rules = named_rules([name for name in names if name not in ids], rules_of(inventory), inventory.edition)
    return Selection(rules, tuple(with_edition(name, inventory.edition) for name in ids), inventory.edition)


def parse_last_day(written: str) -> date:
    """The date in an option `--until`. Raises UsageError for text that is no date, and for a day that is over."""
    try:
        last = datetime.strptime(written, "%Y-%m-%d").date()
    except ValueError:
        raise UsageError(f"--until {written}: not a day", hint="days are written 2027-01-31") from None
    if last < date.today():
        raise UsageError(f"--until {written}: that day is over", hint="name the last day on which it is accepted")
    return last


def as_words(owner: str) -> str:
    """The owner without blanks around. Raises UsageError for an empty one."""
    if not owner.strip():
        raise UsageError("--owner is empty", hint="say who answers for it: an address that somebody reads")
    return owner.strip()
