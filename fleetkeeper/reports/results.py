"""results.json: what one audit saw, for machines. The schema is versioned and published in the docs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.verdicts import Outcome, Verdict
from fleetkeeper.looking.facts import Fleet
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import json_document

VERSION = 1
Item = dict[str, Any]


def item(verdict: Verdict, inventory: str) -> Item:
    """One judged promise: its outcome, and everything that led to it."""
    open_ = (*verdict.findings, *verdict.warnings)
    return {
        "inventory": inventory,
        "rule": verdict.rule.id,
        "subject": verdict.subject.name,
        "kind": verdict.subject.kind,
        "promise": verdict.rule.promise,
        "outcome": verdict.outcome.name.lower(),
        "findings": [found(f, None) for f in open_] + [found(f, w) for f, w in verdict.waived],
        "unknown": [asdict(why) for why in verdict.unknown],
        "reason": verdict.not_applicable,
    }


def found(finding: Finding, waiver: Waiver | None) -> Item:
    """One finding, with the waiver that accepts it, if any."""
    waived = waiver and {"owner": waiver.owner, "until": str(waiver.until), "because": waiver.because}
    return {**asdict(finding), "waived": waived}


def node_states(fleet: Fleet) -> Item:
    """For every node whether anything could be seen there, and the reason when nothing could."""
    here: dict[str, list[object]] = {name: [] for name in fleet.inventory.nodes}
    for (node, _), fact in fleet.facts.items():
        here.setdefault(node, []).append(fact)
    return {name: node_state(here[name]) for name in fleet.inventory.nodes}


def node_state(here: Sequence[object]) -> Item:
    """`here` is all that was seen, or not, on one node."""
    lost = [fact for fact in here if isinstance(fact, Unobservable)]
    blind = bool(here) and len(lost) == len(here)
    return {"looked_at": not blind, "why": lost[0].why if blind else "", "hint": lost[0].hint if blind else ""}


def document(
    run: Mapping[str, Any],
    fleets: Iterable[Fleet],
    items: Sequence[Item],
    exit_status: int,
    changes: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The whole of results.json; `fleetkeeper.reports.results_schema` says what each key means."""
    outcomes = [outcome.name.lower() for outcome in Outcome]
    return {
        "schema": VERSION,
        "run": {**run, "exit_status": exit_status},
        "inventories": [
            {
                "name": fleet.inventory.name,
                "path": fleet.inventory.path,
                "looked_at": fleet.looked_at.isoformat(),
                "nodes": node_states(fleet),
            }
            for fleet in fleets
        ],
        "summary": {outcome: sum(one["outcome"] == outcome for one in items) for outcome in outcomes},
        "changes": list(changes),
        "items": list(items),
    }


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the document in one step: a reader sees the old file or the new one, never half of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json_document(content, plain) + "\n")
    os.replace(temporary, path)


def plain(value: object) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in results.json")
