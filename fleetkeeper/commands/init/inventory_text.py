"""An inventory as text: what was found, with a comment wherever a person has to decide. Pure."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from fleetkeeper.commands.init.proposals import KEEP, budget, free
from fleetkeeper.commands.init.results import Backups, Findings, FoundService, Machine, ServedSite
from fleetkeeper.inventory.units import exact_size, show_size
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.reports.text import count
from fleetkeeper.untrusted import one_line, yaml_text

Lines = Iterator[str]
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./@-]*|[0-9]{1,3}(\.[0-9]{1,3}){3}", re.ASCII)
WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "none"})
WIDTH = 110
TAIL = """
# What follows may be left out.

# heartbeat: NAME_OF_A_VARIABLE   # whoever must notice when the nightly audit falls silent: see docs/nightly.md
# waivers:                        # findings that are accepted for a while; `fleetkeeper waive` writes them
#   - {rule: containers.run_as_their_own_user, subject: redis, until: 2027-01-31, owner: you@example.org, because: why}
"""


def text(found: Findings, day: str, base: Path) -> str:
    """The whole file. `day` is today's date, `base` the folder that the file will be in."""
    parts = (
        head(found, day),
        nodes(found, base),
        services(found),
        backups(found.backups, found),
        certificates(found),
        split_lines(TAIL),
    )
    return "\n".join(line.rstrip() for part in parts for line in part) + "\n"


def head(found: Findings, day: str) -> Lines:
    yield f"# {found.name}: written by `fleetkeeper init` on {day}, from what was found. Mend what is not meant."
    yield "# Every key is explained in docs/inventory.md. Secrets never stand in an inventory."
    rights = [f"{machine.node.name}: {right}" for machine in found.machines for right in machine.missing]
    lost = [f"{one.node.name}: {one.trouble}" for one in found.machines if one.trouble]
    if rights or lost or found.unseen:
        yield "#"
        yield "# What could not be seen, and the right that is missing:"
        yield from (comment(line) for line in (*lost, *rights, *found.unseen))
    yield ""


def comment(said: str) -> str:
    """A line of comment. What a server said is shortened; the end of a line cannot get out of it."""
    return f"#   {one_line(said)[:300]}"


def nodes(found: Findings, base: Path) -> Lines:
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


def services(found: Findings) -> Lines:
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
        yield f"  {service.key}: {flow(described(service))}{note}"
    yield ""


def nothing(found: Findings, seen: str) -> str:
    """Why a section is left out: that there is nothing may only be said where everything was seen."""
    dark = [*found.blind, *(stranger.hostname for stranger in found.strangers)]
    again = "run `fleetkeeper init` again once that is mended"
    return f"{', '.join(dark)} could not be looked at: {again}" if dark else seen


def described(one: FoundService) -> dict[str, object]:
    users: object = list(one.users) if len(one.users) > 1 else "".join(one.users)
    keys = {"name": one.name, "user": users, "master": one.master}
    return {key: value for key, value in keys.items() if value}


def backups(one: Backups | None, found: Findings) -> Lines:
    if one is None:
        databases = ", ".join(service.key for service in found.services if service.database)
        why = f"no dumps of {databases} on a volume" if databases else nothing(found, "no database was found")
        yield f"backups: {flow({'none': f'{why}; docs/inventory.md says how to name one'})}"
        yield ""
        return
    yield "# The database dumps."
    yield from story(one)
    yield "backups:"
    yield from (f"  {key}: {value}" for key, value in policy(one).items())
    yield f"  # elsewhere: {{node: {other(one, found)}, path: /DIRECTORY}}   # a second place: one disk goes at once;"
    yield "  # or, where that is accepted: elsewhere: {none: why}"
    yield ""


def other(one: Backups, found: Findings) -> str:
    """A node for copies: one that does not see the backups, else one that is not theirs."""
    names = [machine.node.name for machine in found.machines if machine.node.name != one.node]
    return next((name for name in names if name not in one.nodes), names[0] if names else "ANOTHER_NODE")


def story(one: Backups) -> Lines:
    """What was found of the dumps, and what is only a proposal."""
    shared = [node for node in one.nodes if node != one.node]
    if one.number:
        number, each, used = count(one.number, "dump"), show_size(one.newest), show_size(one.used)
        yield f"# {number} of about {each} were found; the volume takes {used}."
    if shared:
        names = ", ".join(shared)
        yield f"# {names} see the same files; they are counted once, on {one.node}: name the node whose disk it is."
    if one.where:
        yield f"# They are made by {one_line(one.where)}."
    yield f"# `keep` and `budget` are proposals: {sum(KEEP.values())} dumps and a week's more, twice over."
    if one.guessed:
        yield f"# Nothing on the servers says what is right for: {', '.join(one.guessed)}. See to these."


def policy(one: Backups) -> Mapping[str, str]:
    """The keys of `backups`, as they are written. What is the default is left out."""
    least = free(one)
    volume: dict[str, object] = {"name": one.volume, "node": one.node, "budget": exact_size(budget(one))}
    volume |= {"path": one.path} if one.path else {}
    volume |= {"free": exact_size(least)} if least else {}
    keys = {
        "service": one.service,
        "schedule": json.dumps(one.schedule),
        "command": scalar(one.command),
        "volume": flow(volume),
        "timezone": scalar(one.timezone) if one.timezone else "",
        "pattern": json.dumps(one.pattern) if one.pattern else "",
        "directory": scalar(one.directory) if one.directory != "/backups" else "",
        "keep": flow(KEEP),
        "at_least": "3",
    }
    return {key: value for key, value in keys.items() if value}


def certificates(found: Findings) -> Lines:
    if not found.sites:
        yield f"certificates: {flow({'none': nothing(found, 'no name was seen that is served with TLS')})}"
        return
    yield "# The names that are served with TLS, and the service that serves them."
    yield "certificates:"
    for site in found.sites:
        yield f"  - {flow({'name': site.name, 'service': site.service})}   # {about(site)}"
    yield "# A private or a test authority is a finding until you say that it is meant: `ca: ./authority.pem` for all,"
    yield "# `allow_issuer: [its name]` for one name."


def about(site: ServedSite) -> str:
    said = site.note or f"issued by {site.issuer}, until {site.until}"
    return one_line(said)[:WIDTH]


def flow(keys: Mapping[str, object]) -> str:
    """A mapping on one line."""
    return "{" + ", ".join(f"{key}: {scalar(value)}" for key, value in keys.items()) + "}"


def scalar(value: object) -> str:
    """A value as YAML, in quotes unless it can only mean itself.

    >>> scalar("ops"), scalar("10:22"), scalar(["a", "b c"]), scalar(True), scalar("60 GiB")
    ('ops', '"10:22"', '[a, "b c"]', 'true', '60 GiB')
    """
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return f"[{', '.join(scalar(one) for one in value)}]"
    said = str(value)
    plain = PLAIN.fullmatch(said) and said.lower() not in WORDS
    size = re.fullmatch(r"[0-9.]+ [kMGT]?i?B", said)
    return said if plain or size else yaml_text(said)
