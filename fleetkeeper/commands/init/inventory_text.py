"""An inventory as text: what was found, with a comment wherever a person has to decide. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleetkeeper.inventory.survey_results import Findings, FoundService, Machine, left_open
from fleetkeeper.inventory.yaml_lines import flow
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.registry import TOPICS
from fleetkeeper.untrusted import one_line

Lines = Iterator[str]
WIDTH = 110
TAIL = """
# What follows may be left out.

# heartbeat: NAME_OF_A_VARIABLE   # whoever must notice when the nightly audit falls silent: see docs/nightly.md
# waivers:                        # findings that are accepted for a while; `fleetkeeper waive` writes them
#   - {rule: containers.run_as_their_own_user, subject: redis, until: 2027-01-31, owner: you@example.org, because: why}
"""


def inventory_text(findings: Findings, day: str, base: Path) -> str:
    """The whole file. `day` is today's date (2026-11-22), `base` the folder that the file will be in.

    In this order: head, nodes, services, the sections of the topics, tail.
    """
    parts = (
        head_lines(findings, day),
        node_lines(findings, base),
        service_lines(findings),
        proposed_sections(findings, TOPICS.values()),
        split_lines(TAIL),
    )
    return "\n".join(line.rstrip() for part in parts for line in part) + "\n"


def proposed_sections(findings: Findings, topics: Iterable[Topic]) -> Lines:
    """The lines of the sections that topics propose, with an empty line between sections."""
    proposals = [list(topic.init_lines(findings)) for topic in topics if topic.init_lines]
    for number, lines in enumerate(proposals):
        yield from ("", *lines) if number else lines


def head_lines(findings: Findings, day: str) -> Lines:
    """The comment at the top of the file: where it comes from, and what could not be seen.

    And which right is missing.
    """
    yield f"# {findings.name}: written by `fleetkeeper init` on {day}, from what was found. Correct what is wrong."
    yield "# Every key is explained in docs/inventory.md. Secrets never stand in an inventory."
    rights = [f"{machine.node.name}: {right}" for machine in findings.machines for right in machine.missing]
    lost = [f"{machine.node.name}: {machine.trouble}" for machine in findings.machines if machine.trouble]
    if rights or lost or findings.unseen:
        yield "#"
        yield "# What could not be seen, and the right that is missing:"
        yield from (comment_line(line) for line in (*lost, *rights, *findings.unseen))
    yield ""


def comment_line(text: str) -> str:
    """A comment line. Text from a server is shortened to 300 characters, and cannot end the line."""
    return f"#   {one_line(text)[:300]}"


def node_lines(findings: Findings, base: Path) -> Lines:
    """The section `nodes`."""
    yield "# The machines. Each is reached as `ssh` would reach it: your keys, your agent and your ~/.ssh/config count."
    yield "nodes:"
    for machine in findings.machines:
        yield f"  {machine.node.name}: {flow(pairs(machine, findings, base))}"
    if findings.strangers:
        yield "  # The swarm has more members, which were not looked at (`fleetkeeper init --follow` does):"
        yield from (
            f"  # {one_line(stranger.hostname)}: {one_line(stranger.address)}" for stranger in findings.strangers
        )
    yield ""


def pairs(machine: Machine, findings: Findings, base: Path) -> dict[str, object]:
    """The keys of a node and their values, without empty ones. Paths are relative to `base` where they are below it."""
    node = machine.node
    identity = relative(Path(node.identity), base) if node.identity else None
    keys = {
        "connection": node.connection,
        "address": node.address,
        "user": node.user,
        "port": node.port,
        "identity": identity,
        "jump": node.jump,
        "sudo": node.sudo or None,
        "roles": roles(machine, findings),
    }
    return {key: value for key, value in keys.items() if value}


def relative(path: Path, base: Path) -> str:
    """A path as the inventory has it: `./…` in its own folder, `~/…` at home, `../…` just above, else absolute."""
    for root, sign in ((base.absolute(), "."), (Path.home(), "~")):
        if path.absolute().is_relative_to(root):
            return f"{sign}/{path.absolute().relative_to(root)}"
    near = os.path.relpath(path.absolute(), base.absolute())
    return near if not near.startswith("../..") else str(path.absolute())


def roles(machine: Machine, findings: Findings) -> list[str]:
    """The roles of a machine in the fleet.

    In this order: manager, worker, web, database, storage; empty without any.
    """
    name = machine.node.name
    present = {
        "manager": machine.swarm == "manager",
        "worker": machine.swarm == "worker",
        "web": any(service.web and name in service.nodes for service in findings.services),
        "database": any(service.database and name in service.nodes for service in findings.services),
        "storage": findings.backups is not None and findings.backups.node == name,
    }
    return [role for role, is_so in present.items() if is_so]


def service_lines(findings: Findings) -> Lines:
    """The section `services`. Without services, why there are none."""
    if not findings.services:
        yield f"services: {flow(left_open(findings, 'no container was seen on these machines'))}"
        yield ""
        return
    yield "# What runs in containers, wherever it runs today: the nodes are searched for it."
    yield "#   user    who its processes may be: today's are written here, root is not"
    yield "#   master  who its first process may be besides (nginx binds its ports as root, its workers are www-data)"
    yield "services:"
    for service in findings.services:
        note = f"   # {one_line(service.note)[:WIDTH]}" if service.note else ""
        yield f"  {service.key}: {flow(service_keys(service))}{note}"
    yield ""


def service_keys(service: FoundService) -> dict[str, object]:
    """The keys of a service and their values, without empty ones. One user alone is a text, several are a list."""
    users: object = list(service.users) if len(service.users) > 1 else "".join(service.users)
    keys = {"name": service.name, "user": users, "master": service.master}
    return {key: value for key, value in keys.items() if value}
