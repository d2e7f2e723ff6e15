"""The lines that `fleetkeeper init` proposes for the section `backups`, from what it found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from fleetkeeper.inventory.survey_results import Backups, Findings, nothing
from fleetkeeper.inventory.units import count_of, exact_size, show_size
from fleetkeeper.inventory.yaml_lines import flow, scalar
from fleetkeeper.topics.backups.proposals import KEEP, propose_budget, propose_free
from fleetkeeper.untrusted import one_line


def init_lines(found: Findings) -> Iterator[str]:
    """The section, or why there is none."""
    one = found.backups
    if one is None:
        databases = ", ".join(service.key for service in found.services if service.database)
        why = f"no dumps of {databases} on a volume" if databases else nothing(found, "no database was found")
        yield f"backups: {flow({'none': f'{why}; docs/inventory.md says how to name one'})}"
        return
    yield "# The database dumps."
    yield from story(one)
    yield "backups:"
    yield from (f"  {key}: {value}" for key, value in policy(one).items())
    yield f"  # elsewhere: {{node: {other(one, found)}, path: /DIRECTORY}}   # a second place: one disk goes at once;"
    yield "  # or, where that is accepted: elsewhere: {none: why}"


def other(one: Backups, found: Findings) -> str:
    """A node for copies: one that does not see the backups, else one that is not theirs."""
    names = [machine.node.name for machine in found.machines if machine.node.name != one.node]
    return next((name for name in names if name not in one.nodes), names[0] if names else "ANOTHER_NODE")


def story(one: Backups) -> Iterator[str]:
    """What was found of the dumps, and what is only a proposal."""
    shared = [node for node in one.nodes if node != one.node]
    if one.number:
        number, each, used = count_of(one.number, "dump"), show_size(one.newest), show_size(one.used)
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
    least = propose_free(one)
    volume: dict[str, object] = {"name": one.volume, "node": one.node, "budget": exact_size(propose_budget(one))}
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
