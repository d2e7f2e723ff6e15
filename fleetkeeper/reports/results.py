"""results.json: the results of one audit, for machines. The schema is versioned and published in the docs."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from fleetkeeper.inventory.owners import Matter, Owners
from fleetkeeper.inventory.schema import Waiver
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.verdicts import Outcome, Verdict
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.untrusted import json_document

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Change, Found, Judged, NodeState, Results, Run

VERSION: Literal[1] = 1


NOBODY = Owners()


def result_item(verdict: Verdict, inventory: str, check: str, owners: Owners = NOBODY) -> Judged:
    """The item of results.json for one verdict. `check` is pytest's id of the item, `owners` are the inventory's.

    Findings first, then warnings, then waived ones with their waivers.
    """
    open_ = (*verdict.findings, *verdict.warnings)
    kind = verdict.subject.kind

    def owner_of(node: str) -> str:
        """The owner of what is seen on a node."""
        return owners.owner_of(Matter(verdict.rule.id, kind, verdict.subject.name, node))

    return {
        "check": check,
        "inventory": inventory,
        "rule": verdict.rule.id,
        "subject": verdict.subject.name,
        "kind": kind,
        "promise": verdict.rule.promise,
        "outcome": cast("Any", verdict.outcome.name.lower()),
        "owner": owner_of(verdict.subject.node),
        "findings": [
            finding_item(finding, waiver, owner_of(finding.node))
            for finding, waiver in (*((finding, None) for finding in open_), *verdict.waived)
        ],
        "unknown": [
            {"why": why.why, "hint": why.hint, "node": why.node, "cause": why.cause, "owner": owner_of(why.node)}
            for why in verdict.unknown
        ],
        "reason": verdict.not_applicable,
        "left_out": verdict.left_out,
    }


def finding_item(finding: Finding, waiver: Waiver | None, owner: str = "") -> Found:
    """The entry of results.json for one finding, with its owner and the waiver that accepts it, if any."""
    waived = waiver and {"owner": waiver.owner, "until": str(waiver.until), "because": waiver.because}
    return cast("Found", {**asdict(finding), "cis": list(finding.cis), "owner": owner, "waived": waived})


def node_states(fleet: Fleet) -> dict[str, NodeState]:
    """By node name, whether anything could be seen there, and the reason when nothing could.

    A node of which nothing was asked counts as looked at.
    """
    here: dict[str, list[object]] = {name: [] for name in fleet.inventory.nodes}
    for (node, _), fact in fleet.facts.items():
        here.setdefault(node, []).append(fact)
    return {name: node_state(here[name]) for name in fleet.inventory.nodes}


def node_state(here: Sequence[object]) -> NodeState:
    """The state of one node. `here` are all its facts and Unobservables."""
    lost = [fact for fact in here if isinstance(fact, Unobservable)]
    blind = bool(here) and len(lost) == len(here)
    return {"looked_at": not blind, "why": lost[0].why if blind else "", "hint": lost[0].hint if blind else ""}


def results_document(
    run: Run,
    fleets: Iterable[Fleet],
    items: Sequence[Judged],
    changes: Sequence[Change] = (),
) -> Results:
    """The whole content of results.json; `fleetkeeper.reports.results_schema` describes each key.

    `summary` counts the items by outcome.
    """
    outcomes = [outcome.name.lower() for outcome in Outcome]
    return {
        "schema": VERSION,
        "run": run,
        "inventories": [
            {
                "name": fleet.inventory.name,
                "path": fleet.inventory.path,
                "looked_at": fleet.looked_at.isoformat(),
                "nodes": node_states(fleet),
            }
            for fleet in fleets
        ],
        "summary": cast(
            "Any",
            {outcome: sum(typed_dict_type["outcome"] == outcome for typed_dict_type in items) for outcome in outcomes},
        ),
        "changes": list(changes),
        "items": list(items),
    }


def write_results(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON to a file in one step: a reader sees the old file or the new one, never half of one.

    Raises OSError. Folders above it are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json_document(content, plain) + "\n")
    os.replace(temporary, path)


def plain(value: object) -> str:
    """A date in ISO 8601, for JSON. Raises TypeError for anything else."""
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no place in results.json")
