"""`fleetkeeper init --update FILE`: the sections that an older inventory lacks, proposed at its end."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import click

from fleetkeeper.commands.init.inventory_text import proposed_sections
from fleetkeeper.commands.init.survey import NotTrusted, Survey
from fleetkeeper.commands.trust import ask_at_terminal
from fleetkeeper.errors import UsageError
from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Undecided, Unwritten
from fleetkeeper.inventory.survey_results import Findings
from fleetkeeper.local_files import write_file
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.registry import load_inventory, topics_of


def unwritten_topics(inventory: Inventory) -> list[Topic]:
    """The topics that can propose a section (`init_lines`) which the inventory lacks."""
    topics = topics_of(inventory).values()
    return [one for one in topics if one.init_lines and isinstance(inventory.sections.get(one.policy), Unwritten)]


def update_inventory(path: Path, fingerprints: Collection[str]) -> Exit:
    """Look at the nodes, and append the proposed sections to the inventory file. Returns the exit code.

    Nothing else in the file is changed; for a section that is undecided the proposal is only printed. Where a node
    could not be seen, nothing is written. Raises UsageError for a host key that is not trusted, and as `with_sections`.
    What is added is printed.
    """
    content = path.read_bytes()
    inventory = load_inventory(path, content)
    if not unwritten_topics(inventory) and not topics_to_decide(inventory):
        click.echo(f"{path} has every section: nothing was written")
        return Exit.NOTHING_LEFT
    try:
        found = Survey(path, click.echo, ask_at_terminal(), fingerprints).all(
            list(inventory.nodes.values()), follow=False
        )
    except NotTrusted as why:
        raise UsageError(f"the key of {why} is not trusted, so nothing was written", "fleetkeeper trust") from None
    if any(machine.trouble for machine in found.machines):
        click.echo("not every node could be seen: nothing was written", err=True)
        return Exit.NOT_ALL_SEEN
    for topic in topics_to_decide(inventory):
        proposal = "\n".join(proposed_sections(found, [topic]))
        click.echo(f"`{topic.key}` is undecided in {path}, which is left as it is; what was seen now:\n{proposal}")
    if unwritten_topics(inventory):
        longer = with_sections(path, content, found)
        write_file(path, longer)
        added = longer[len(content) :].decode("utf-8")
        click.echo(f"written to the end of {path}, for you to read:\n{added}", nl=False)
    return Exit.NOTHING_LEFT


def topics_to_decide(inventory: Inventory) -> list[Topic]:
    """The topics that can propose a section (`init_lines`) which the inventory leaves undecided."""
    topics = topics_of(inventory).values()
    return [one for one in topics if one.init_lines and isinstance(inventory.sections.get(one.policy), Undecided)]


def with_sections(path: Path, content: bytes, found: Findings) -> bytes:
    """The content of an inventory, followed by the sections that it lacks.

    Raises UsageError where nothing can be appended to it, such as after the end of a document (`...`).
    """
    lacking = unwritten_topics(load_inventory(path, content))
    added = "\n".join(("", *proposed_sections(found, lacking), ""))
    longer = content + b"\n" * (not content.endswith(b"\n")) + added.encode("utf-8")
    try:
        left = unwritten_topics(load_inventory(path, longer))
    except UsageError:
        left = lacking
    if left:
        raise UsageError(f"nothing can be added to the end of {path}", hint=f"write it where it fits:\n{added}")
    return longer
