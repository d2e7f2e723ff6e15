"""An inventory as text: what was found, with a comment wherever a person has to decide. Pure."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from fleetkeeper.inventory.survey_results import Findings, FoundService, Machine, nothing
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


def inventory_text(found: Findings, day: str, base: Path) -> str:
    """The whole file. `day` is today's date, `base` the folder that the file will be in."""
    parts = (
        head_lines(found, day),
        node_lines(found, base),
        service_lines(found),
        proposed_sections(found, TOPICS.values()),
        split_lines(TAIL),
    )
    return "\n".join(line.rstrip() for part in parts for line in part) + "\n"


def proposed_sections(found: Findings, topics: Iterable[Topic]) -> Lines:
    """The sections of topics that propose one, with an empty line between them."""
    proposals = [list(topic.init_lines(found)) for topic in topics if topic.init_lines]
    for number, lines in enumerate(proposals):
        yield from ("", *lines) if number else lines


def head_lines(found: Findings, day: str) -> Lines:
    yield f"# {found.name}: written by `fleetkeeper init` on {day}, from what was found. Mend what is not meant."
    yield "# Every key is explained in docs/inventory.md. Secrets never stand in an inventory."
    rights = [f"{machine.node.name}: {right}" for machine in found.machines for right in machine.missing]
    lost = [f"{one.node.name}: {one.trouble}" for one in found.machines if one.trouble]
    if rights or lost or found.unseen:
        yield "#"
        yield "# What could not be seen, and the right that is missing:"
        yield from (comment_line(line) for line in (*lost, *rights, *found.unseen))
    yield ""


def comment_line(said: str) -> str:
    """A line of comment. What a server said is shortened; the end of a line cannot get out of it."""
    return f"#   {one_line(said)[:300]}"


def node_lines(found: Findings, base: Path) -> Lines:
    yield "# The machines. Each is reached as `ssh` would reach it: your keys, your agent and your ~/.ssh/config count."
    yield "nodes:"
    for machine in found.machines:
        yield f"  {machine.node.name}: {flow(pairs(machine, found, base))}"
    if found.strangers:
        yield "  # The swarm has more members, which were not looked at (`fleetkeeper init --follow` does):"
        yield from (f"  # {one_line(stranger.hostname)}: {one_line(stranger.address)}" for stranger in found.strangers)
    yield ""


def pairs(machine: Machine, found: Findings, base: Path) -> dict[str, object]:
    """The keys of a node."""
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
        "roles": roles(machine, found),
    }
    return {key: value for key, value in keys.items() if value}


def relative(path: Path, base: Path) -> str:
    """A path as the inventory writes it: below its own folder or the home, else whole."""
    for root, sign in ((base.absolute(), "."), (Path.home(), "~")):
        if path.absolute().is_relative_to(root):
            return f"{sign}/{path.absolute().relative_to(root)}"
    near = os.path.relpath(path.absolute(), base.absolute())
    return near if not near.startswith("../..") else str(path.absolute())


def roles(machine: Machine, found: Findings) -> list[str]:
    name = machine.node.name
    there = {
        "manager": machine.swarm == "manager",
        "worker": machine.swarm == "worker",
        "web": any(service.web and name in service.nodes for service in found.services),
        "database": any(one.database and name in one.nodes for one in found.services),
        "storage": found.backups is not None and found.backups.node == name,
    }
    return [role for role, is_so in there.items() if is_so]


def service_lines(found: Findings) -> Lines:
    if not found.services:
        yield f"services: {flow({'none': nothing(found, 'no container was seen on these machines')})}"
        yield ""
        return
    yield "# What runs in containers, wherever it runs today: the nodes are searched for it."
    yield "#   user    who its processes may be: today's are written here, root is not"
    yield "#   master  who its first process may be besides (nginx binds its ports as root, its workers are www-data)"
    yield "services:"
    for service in found.services:
        note = f"   # {one_line(service.note)[:WIDTH]}" if service.note else ""
        yield f"  {service.key}: {flow(service_keys(service))}{note}"
    yield ""


def service_keys(one: FoundService) -> dict[str, object]:
    users: object = list(one.users) if len(one.users) > 1 else "".join(one.users)
    keys = {"name": one.name, "user": users, "master": one.master}
    return {key: value for key, value in keys.items() if value}
