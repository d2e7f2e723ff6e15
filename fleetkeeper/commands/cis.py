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
    from collections.abc import Iterable

    from fleetkeeper.audit import Audit
    from fleetkeeper.judging.rule import Rule
    from fleetkeeper.topics.benchmark.states import State


FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@HOSTS
@STATE
@click.option("--edition", type=click.Choice(EDITIONS), help="Edition (default: as the inventory says, else 1.8).")
@click.option("--level", type=click.Choice(["1", "2"]), help="Level (default: as the inventory says, else 1).")
@click.option("--node", metavar="NODE", help="Only the ids of this node.")
@click.option("--replay", type=click.Path(path_type=Path, exists=True), help="Judge a saved look instead of looking.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--stack", "stacks", type=FILE, multiple=True, help="Judge a file for `docker stack deploy` instead of looking."
)
@click.option("--compose", "composes", type=FILE, multiple=True, help="Judge a file for `docker compose up`.")
@click.option("--dockerfile", "dockerfiles", type=FILE, multiple=True, help="Judge a Dockerfile.")
@click.option("--strict", is_flag=True, help="With files: count warnings as findings.")
@click.option("--sarif", type=click.Path(path_type=Path), help="With files: also write what is open as SARIF.")
def cis(**given: Any) -> None:
    """Look, and print how each id of the CIS Docker Benchmark stands: holds, wrong, unknown, not applicable …

    With --stack, --compose or --dockerfile, each of which may be given several times, sections 4 and 5 are judged by
    those files, and no server is asked. An inventory is then only read where --hosts names it: for its `benchmark` and
    its waivers.
    """
    if given["stacks"] or given["composes"] or given["dockerfiles"]:
        sys.exit(judge_files_of_call(given))
    if given["strict"] or given["sarif"]:
        raise UsageError("--strict and --sarif belong to files", "for nodes: `pytest --strict --sarif FILE`")
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
            audit.look(progress, keep=False, only=facts_needed(rules_with_ids(audit)))
    finally:
        audit.close()
    states = judged_states(audit, policy, given["node"])
    if given["as_json"]:
        looked_at = audit.fleets[inventory.name].looked_at.isoformat()
        click.echo(json_document(table_document(states, policy, inventory.name, looked_at)))
    else:
        click.echo("\n".join(table_lines(states, policy, inventory.name)))
    sys.exit(exit_code(states))


def judge_files_of_call(given: dict[str, Any]) -> Exit:
    """Judge the files of a call, print what is wrong and the table, and return the exit code. Raises UsageError."""
    from fleetkeeper.commands import cis_files
    from fleetkeeper.reports.benchmark_table import table_document, table_lines
    from fleetkeeper.topics.benchmark.files.file_states import file_states
    from fleetkeeper.untrusted import json_document

    if given["node"] or given["replay"]:
        raise UsageError("--node and --replay belong to a look at nodes, not to files")
    files = cis_files.GivenFiles(given["stacks"], given["composes"], given["dockerfiles"])
    request = cis_files.request_about_files(given["hosts"], given["edition"], given["level"], strict=given["strict"])
    judged = cis_files.judge_files(files, request)
    if given["sarif"]:
        cis_files.write_sarif(given["sarif"], files, judged, request.now)
    states = file_states(judged, request.policy, request.now.date())
    if given["as_json"]:
        document = table_document(states, request.policy, cis_files.FILES, request.now.isoformat())
        click.echo(json_document(document))
    else:
        click.echo(
            "\n".join((*cis_files.finding_lines(judged), "", *table_lines(states, request.policy, cis_files.FILES)))
        )
    return cis_files.exit_code_of_files(judged)


def set_policy(audit: Audit, edition: str | None, level: str | None) -> Benchmark:
    """The policy of the audit's inventory, with another edition and level where they are given; set in the inventory.

    Raises UsageError where the inventory does without the benchmark. The defaults count where it has no such section.
    """
    inventory = audit.only_inventory()
    policy = inventory.wanted_benchmark.asked_for(edition, level)
    audit.inventories = {inventory.name: inventory.model_copy(update={"benchmark": policy})}
    return policy


def rules_with_ids(audit: Audit) -> list[Rule]:
    """The rules of the audit's inventory that judge ids of the benchmark."""
    from fleetkeeper.topics.registry import rules_of

    return [rule for rule in rules_of(audit.only_inventory()).values() if rule.cis]


def facts_needed(rules: Iterable[Rule]) -> set[str]:
    """The keys of the facts that rules read; those about the nodes themselves are always among them."""
    from fleetkeeper.topics.nodes.facts import Facts as Nodes

    return {Nodes.topic, *(kind.topic for rule in rules for kind in rule.looks_at)}


def judged_states(audit: Audit, policy: Benchmark, node: str | None) -> list[State]:
    """The states of all ids after a look; of one node where it is named."""
    from fleetkeeper.judging.verdicts import judge_rules
    from fleetkeeper.topics.benchmark.catalog import load_catalog
    from fleetkeeper.topics.benchmark.states import states_of

    inventory = audit.only_inventory()
    today = audit.fleets[inventory.name].looked_at.date()
    nodes = [node] if node else list(inventory.nodes)
    verdicts = judge_rules(rules_with_ids(audit), audit.fleets[inventory.name])
    states = states_of(load_catalog(), verdicts, nodes, policy, today)
    return [state for state in states if state.node] if node else states


def exit_code(states: list[State]) -> Exit:
    """The exit code: something was not seen, something is wrong that counts, or neither.

    What no promise judges yet, and what nobody answers for, is unknown in the table alone.
    """
    reasons = [Exit.FINDINGS_REMAIN for state in states if state.error]
    return worst_exit([*reasons, *(Exit.NOT_ALL_SEEN for state in states if state.unseen)])
