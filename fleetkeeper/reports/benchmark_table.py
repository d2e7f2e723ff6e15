"""The table of `fleetkeeper cis`: each id of the benchmark by section, and totals; for a person, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.topics.benchmark.states import STANDINGS, State, number_of
from fleetkeeper.untrusted import one_line

VERSION = 1
TOLD = 3
"""How many reasons of one id are shown."""


def table_lines(states: Sequence[State], policy: Benchmark, name: str) -> Iterator[str]:
    """The table: a line for each id and each way in which it stands, with the nodes, its title and its rule."""
    yield f"CIS Docker Benchmark {policy.edition}, level {policy.level}: {name}"
    for _, section in groupby(states, key=lambda state: state.entry.section):
        rows = list(section)
        yield ""
        yield f"{rows[0].entry.section}  {rows[0].entry.section_title}"
        for _, same in groupby(rows, key=lambda state: state.entry.number):
            yield from id_lines(list(same), policy.edition)
        yield f"    {totals_text(rows)}"
    yield ""
    yield f"all: {totals_text(states)}"
    if any(state.standing == "unknown" for state in states):
        yield "No score: what is unknown is neither right nor wrong."


def id_lines(states: Sequence[State], edition: str) -> Iterator[str]:
    """The lines about one id: one for each standing, and the reasons below it."""
    entry = states[0].entry
    number = number_of(entry, edition)
    for standing in STANDINGS:
        mine = [state for state in states if state.standing == standing]
        if not mine:
            continue
        nodes = ", ".join(state.node for state in mine if state.node)
        where = f" on {nodes}" if nodes and len(mine) < len(states) else ""
        yield f"  {number:<7} {standing:<14} {entry.title}{where} ({entry.rule})"
        reasons = dict.fromkeys(state.why for state in mine if state.why)
        for reason in list(reasons)[:TOLD]:
            yield f"          {one_line(reason)}"
        if len(reasons) > TOLD:
            yield f"          and {len(reasons) - TOLD} more"


def totals_of(states: Sequence[State]) -> dict[str, int]:
    """How many of the states have each standing."""
    return {standing: sum(state.standing == standing for state in states) for standing in STANDINGS}


def totals_text(states: Sequence[State]) -> str:
    """The totals in one line; they add up to all states."""
    counts = totals_of(states)
    return f"{len(states)}: " + ", ".join(f"{count} {standing}" for standing, count in counts.items() if count)


def table_document(states: Sequence[State], policy: Benchmark, name: str, looked_at: str) -> dict[str, Any]:
    """The table as JSON: every state, and the totals by section."""
    sections = groupby(states, key=lambda state: state.entry.section)
    return {
        "schema": VERSION,
        "inventory": name,
        "looked_at": looked_at,
        "edition": policy.edition,
        "level": policy.level,
        "totals": {section: totals_of(list(rows)) for section, rows in sections},
        "ids": [
            {
                "number": number_of(state.entry, policy.edition),
                "ids": list(state.entry.ids),
                "title": state.entry.title,
                "section": state.entry.section,
                "node": state.node,
                "standing": state.standing,
                "error": state.error,
                "why": state.why,
                "rule": state.entry.rule,
            }
            for state in states
        ],
    }
