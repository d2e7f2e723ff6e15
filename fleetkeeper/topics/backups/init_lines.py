"""The lines that `fleetkeeper init` proposes for the section `backups`, from what it found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from fleetkeeper.inventory.survey_results import Backups, Findings, left_open
from fleetkeeper.inventory.units import count_of, exact_size, show_size
from fleetkeeper.inventory.yaml_lines import flow, scalar
from fleetkeeper.topics.backups.proposals import KEEP, propose_budget, propose_free
from fleetkeeper.untrusted import one_line


def init_lines(findings: Findings) -> Iterator[str]:
    """The lines of the section `backups`; where no dumps were found, one that leaves it open.

    Without a second place, a comment how to name one.
    """
    backups = findings.backups
    if backups is None:
        section = left_open(findings, "no database was found", databases_without_dumps(findings))
        yield f"backups: {flow(section)}"
        return
    yield "# The database dumps."
    yield from comment_lines(backups)
    yield "backups:"
    yield from (f"  {key}: {value}" for key, value in policy(backups).items())
    node = node_for_copies(backups, findings)
    yield from other_databases(backups, findings)
    yield f"  # elsewhere: {{node: {node}, path: /DIRECTORY}}   # a second place: one disk goes at once;"
    yield "  # or, where that is accepted: elsewhere: {none: why}"


def databases_without_dumps(findings: Findings) -> str:
    """The databases that were seen, that no dumps were, and what may make some, in words; empty without a database."""
    databases = [str(database) for database in findings.databases] or [
        f"{one_line(service.name)}" + (f" on {', '.join(service.nodes)}" if service.nodes else "")
        for service in findings.services
        if service.database
    ]
    if not databases:
        return ""
    jobs = [f"{one_line(job.where)} on {job.node} looks like a backup" for job in findings.scheduled]
    return "; ".join([f"postgres runs in {', '.join(databases)}; no dumps were seen on a volume", *jobs[:JOBS]])


def other_databases(backups: Backups, findings: Findings) -> Iterator[str]:
    """Comment lines about the databases that these backups are not made of, and how each can be excused; else none."""
    mine = next((service.name for service in findings.services if service.key == backups.service), "")
    for database in findings.databases:
        if database.name not in (mine, backups.service):
            yield f"  # {one_line(str(database))} runs postgres too, and nothing here backs it up: a finding until"
            yield "  # that is mended, or `not_backed_up: [{what: …, because: …, until: …}]` says why."


JOBS = 3
"""Scheduled jobs that one sentence names."""
NAMED = 5
"""Files that one comment names."""


def node_for_copies(backups: Backups, findings: Findings) -> str:
    """The name of a node for copies: one that does not see the backups, else any other.

    `ANOTHER_NODE` when there is none.
    """
    names = [machine.node.name for machine in findings.machines if machine.node.name != backups.node]
    return next((name for name in names if name not in backups.nodes), names[0] if names else "ANOTHER_NODE")


def comment_lines(backups: Backups) -> Iterator[str]:
    """Comment lines: the dumps that were found, and which values are only proposals.

    Also the others' files, nodes that share them, and what makes them: only what there is.
    """
    shared = [node for node in backups.nodes if node != backups.node]
    if backups.number:
        number, each, used = count_of(backups.number, "dump"), show_size(backups.newest), show_size(backups.used)
        yield f"# {number} of about {each} were found; the volume takes {used}."
    if backups.others:
        names = ", ".join(one_line(name) for name in backups.others[:NAMED])
        more = f" and {len(backups.others) - NAMED} more" if len(backups.others) > NAMED else ""
        unlike = "not named like `pattern`" if backups.number else "whose names or formats are not understood"
        yield f"# {count_of(len(backups.others), 'file')} there, {unlike}: {names}{more}."
    if shared:
        names = ", ".join(shared)
        yield f"# {names} see the same files; they are counted once, on {backups.node}: name the node whose disk it is."
    for name in map(one_line, backups.sidecars):
        yield f"# {name} may make them by a clock of its own, and remove some: `schedule: {{none: {name} makes them}}`,"
        yield "# or take it away. Until then no second schedule is added, and nothing is thinned."
    if backups.where:
        yield f"# They are made by {one_line(backups.where)}."
    yield f"# `keep` and `budget` are proposals: {sum(KEEP.values())} dumps and a week's more, twice over."
    yield "# While `guessed: true` stands here nothing is deleted: remove it once you have read them."
    unsure = [key for key in backups.guessed if not (makes_itself(backups) and key in ("schedule", "command"))]
    unsure += ["max_age"] if makes_itself(backups) else []
    if unsure:
        yield f"# Nothing on the servers says what is right for: {', '.join(unsure)}. See to these."


def makes_itself(backups: Backups) -> bool:
    """Whether another service than the database's has the dumps, and no schedule was seen that makes them."""
    return bool(backups.maker) and not backups.where


DAILY = "26 h"
"""The age that dumps of an unknown schedule may have: a day, and the time that they take."""


def schedule_value(backups: Backups) -> str:
    """The value of `schedule` as YAML text: five fields of cron, in quotes.

    Or `{none: why}` where another service makes the dumps itself.
    """
    if makes_itself(backups):
        return flow({"none": f"{one_line(backups.maker)} makes them by itself"})
    return json.dumps(backups.schedule)


def policy(backups: Backups) -> Mapping[str, str]:
    """The keys of the section `backups` with their values as YAML text, in their order.

    Keys for which nothing is to be said are left out; their defaults do.
    """
    least = propose_free(backups)
    volume: dict[str, object] = {
        "name": backups.volume,
        "node": backups.node,
        "budget": exact_size(propose_budget(backups)),
    }
    volume |= {"path": backups.path} if backups.path else {}
    volume |= {"free": exact_size(least)} if least else {}
    keys = {
        "guessed": "true" if backups.guessed else "",
        "service": backups.service,
        "schedule": schedule_value(backups),
        "max_age": DAILY if makes_itself(backups) else "",
        "command": "" if makes_itself(backups) else scalar(backups.command),
        "volume": flow(volume),
        "path": scalar(backups.below) if backups.below else "",
        "timezone": scalar(backups.timezone) if backups.timezone else "",
        "pattern": json.dumps(backups.pattern) if backups.pattern else "",
        "directory": scalar(backups.directory) if backups.directory != "/backups" else "",
        "keep": flow({**KEEP, "guessed": True}),
        "at_least": "3",
    }
    return {key: value for key, value in keys.items() if value}
