"""The comparison of one run with the history: what is new, gone and old in each of its inventories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.reports.finding_intervals import FindingHistory, InventoryFile, open_history
from fleetkeeper.reports.history import Changes, Extent, Memory, compare_findings, file_of, recall_findings

if TYPE_CHECKING:
    from fleetkeeper.reports.results_schema import Judged


@dataclass(frozen=True)
class JudgedRun:
    """What one run judged, when it began and ended, and how much of its inventories that was."""

    items: Sequence[Judged]
    began: datetime
    ended: datetime
    extent: Extent


def compare_audits(
    state: Path, inventories: Mapping[str, Inventory], run: JudgedRun, notes: list[str]
) -> list[Changes]:
    """The open findings of each inventory of a run, compared with its last whole audit, in the order of `inventories`.

    `state` is the state directory, which exists. A whole run is remembered, another one only compared. What has to be
    said about the memory is added to `notes`. Raises OSError and UsageError where nothing can be compared; then nothing
    is remembered either.
    """
    with open_history(state, run.began, notes, write=run.extent.whole) as memory:
        compared = []
        for name, inventory in inventories.items():
            identity = InventoryFile(name, inventory.path)
            before = recall_memory(state, memory, identity)
            changes = compare_findings(name, run.items, before, run.began.isoformat(timespec="seconds"), run.extent)
            if memory is not None and run.extent.whole:
                memory.remember(identity, changes, run.began, run.ended)
            compared.append(changes)
    for name, inventory in inventories.items() if run.extent.whole else ():
        with suppress(OSError):  # it is never read again, as the history has an audit now
            file_of(state, name, inventory.path).unlink(missing_ok=True)
    return compared


def recall_memory(state: Path, history: FindingHistory | None, inventory: InventoryFile) -> Memory:
    """What is remembered of an inventory: by the history, else by the file of an older fleetkeeper."""
    remembered = history.recall(inventory) if history is not None else None
    if remembered is not None:
        return remembered
    return recall_findings(file_of(state, inventory.name, inventory.file))
