"""`fleetkeeper cis`: look, and print how each id of the CIS Docker Benchmark stands."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from fleetkeeper.commands.command_options import HOSTS, STATE, named_or_last
from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.exit_codes import Exit, worst_exit
from fleetkeeper.inventory.benchmark_ids import EDITIONS
from fleetkeeper.inventory.benchmark_policy import Benchmark

if TYPE_CHECKING:
    from fleetkeeper.audit import Audit
    from fleetkeeper.topics.benchmark.states import State


@click.command()
@HOSTS
@STATE
@click.option("--edition", type=click.Choice(EDITIONS), help="Edition (default: as the inventory says, else 1.8).")
@click.option("--level", type=click.Choice(["1", "2"]), help="Level (default: as the inventory says, else 1).")
@click.option("--node", metavar="NODE", help="Only the ids of this node.")
@click.option("--replay", type=click.Path(path_type=Path, exists=True), help="Judge a saved look instead of looking.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def cis(**given: Any) -> None:
    """Look, and print how each id of the CIS Docker Benchmark stands: holds, wrong, unknown, not applicable …"""
    from fleetkeeper.audit import open_audit
    from fleetkeeper.reports.benchmark_table import table_document, table_lines
    from fleetkeeper.reports.progress import Progress
    from fleetkeeper.untrusted import json_document

    audit = open_audit(named_or_last(given["hosts"], given["state"]), state=given["state"])
    policy = set_policy(audit, given["edition"], given["level"])
    inventory = audit.only_inventory()
    if given["node"] and given["node"] not in inventory.nodes:
        raise UsageError(f"no node {given['node']!r}", nearest_name(given["node"], inventory.nodes, "nodes"))
    try:
        if given["replay"]:
            audit.replay(given["replay"])
        with Progress(len(inventory.nodes)) as progress:
            audit.look(progress, keep=False)
    finally:
        audit.close()
    states = judged_states(audit, policy, given["node"])
    if given["as_json"]:
        looked_at = audit.fleets[inventory.name].looked_at.isoformat()
        click.echo(json_document(table_document(states, policy, inventory.name, looked_at)))
    else:
        click.echo("\n".join(table_lines(states, policy, inventory.name)))
    sys.exit(exit_code(states))


def set_policy(audit: Audit, edition: str | None, level: str | None) -> Benchmark:
    """The policy of the audit's inventory, with another edition and level where they are given; set in the inventory.

    Raises UsageError where the inventory does without the benchmark.
    """
    inventory = audit.only_inventory()
    if not isinstance(inventory.benchmark, Benchmark):
        raise UsageError(f"{inventory.name} does without the benchmark: {inventory.benchmark.none}")
    changes = {"edition": edition, "level": int(level) if level else None}
    policy = inventory.benchmark.model_copy(update={key: value for key, value in changes.items() if value})
    audit.inventories = {inventory.name: inventory.model_copy(update={"benchmark": policy})}
    return policy


def judged_states(audit: Audit, policy: Benchmark, node: str | None) -> list[State]:
    """The states of all ids after a look; of one node where it is named."""
    from fleetkeeper.topics.benchmark.catalog import load_catalog
    from fleetkeeper.topics.benchmark.states import states_of

    inventory = audit.only_inventory()
    today = audit.fleets[inventory.name].looked_at.date()
    nodes = [node] if node else list(inventory.nodes)
    states = states_of(load_catalog(), audit.verdicts(inventory.name), nodes, policy, today)
    return [state for state in states if state.node] if node else states


def exit_code(states: list[State]) -> Exit:
    """The exit code: something was not seen, something is wrong that counts, or neither.

    What no promise judges yet, and what nobody answers for, is unknown in the table alone.
    """
    reasons = [Exit.FINDINGS_REMAIN for state in states if state.error]
    return worst_exit([*reasons, *(Exit.NOT_ALL_SEEN for state in states if state.unseen)])
