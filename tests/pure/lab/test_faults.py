"""The table of what can be broken in the lab, and the pure parts of breaking."""

from __future__ import annotations

import pytest

from lab import faults, setup
from lab.faults import schedules


@pytest.mark.parametrize("name", faults.FAULTS)
def test_each_fault_is_described_in_sentences(name: str) -> None:
    assert faults.FAULTS[name].description.endswith(".")
    assert len(faults.FAULTS[name].description) < 120


def test_the_demo_makes_five_faults_of_the_table() -> None:
    assert len(set(faults.DEMO) & set(faults.FAULTS)) == len(faults.DEMO) == 5


def test_losing_the_entry_keeps_every_other_byte() -> None:
    before = "# m h\n\n30 5 * * 1\tdf  -h\n"
    assert schedules.without_entry(f"{before}{setup.ENTRY}\n# end") == f"{before}# end"


def test_an_entry_that_a_remedy_wrote_counts_as_an_entry() -> None:
    assert schedules.has_backup("0 0,12 * * * docker exec $(docker ps -q) backup\n")
    assert not schedules.has_backup(f"# {setup.ENTRY}\n")
