"""Faults that the CIS Docker Benchmark names: each breaks exactly its numbers, and none once it is mended."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab import faults
from tests.lab.conftest import Lab, portable_inventory

TASK = re.compile(r"\.[a-z0-9]{25}\b")
NAMED = [name for name, fault in faults.FAULTS.items() if fault.numbers]
IN_EVERY_RUN = "container-host-name"
ASKED = "benchmark:\n  level: 2\n  ulimits: {}\n  restarts: 5\n"
"""All of the benchmark, with a line of policy for each fault that needs one."""


def wrong_by_number(lab: Lab, inventory: Path) -> set[tuple[str, str, str]]:
    """What is wrong by the benchmark: number, node and what was seen, sorted and without ids of tasks."""
    ran = lab.run("fleetkeeper", "cis", f"--hosts={inventory}", "--json")
    rows = [row for row in json.loads(ran.out)["ids"] if row["standing"] == "wrong"]
    return {(row["number"], row["node"], "; ".join(sorted(TASK.sub("", row["why"]).split("; ")))) for row in rows}


@pytest.mark.parametrize(
    "name", [name if name == IN_EVERY_RUN else pytest.param(name, marks=pytest.mark.long) for name in NAMED]
)
def test_a_fault_breaks_its_numbers_and_no_other_until_it_is_mended(lab: Lab, name: str) -> None:
    inventory = lab.place / "asked.yml"
    inventory.write_text(portable_inventory().replace("benchmark:\n", ASKED))
    before = wrong_by_number(lab, inventory)
    faults.break_(lab.engine, name)
    try:
        faults.break_(lab.engine, name)
        broken = {number for number, _, _ in wrong_by_number(lab, inventory) - before}
    finally:
        faults.mend(lab.engine, name)
    faults.mend(lab.engine, name)
    assert broken == set(faults.FAULTS[name].numbers)
    assert wrong_by_number(lab, inventory) == before
