"""Faults that the CIS Docker Benchmark names: each breaks its ids in the lab, and no more of them once it is mended."""

from __future__ import annotations

import json

import pytest

from lab import faults
from tests.lab.conftest import Lab

BROKEN_IDS = {
    "engine-socket-open": "3.16",
    "engine-settings-open": "3.18",
    "engine-account": "1.1.2",
    "engine-insecure-registry": "2.5",
    "engine-debug": "2.3",
    "container-privileged": "5.5",
    "container-holds-socket": "5.32",
    "swarm-long-certificates": "7.7",
}


def reasons_of(lab: Lab, number: str) -> set[str]:
    """What is wrong by one number, on any node."""
    ran = lab.run("fleetkeeper", "cis", "--hosts=lab", "--level=2", "--json")
    rows = json.loads(ran.out)["ids"]
    return {row["why"] for row in rows if row["number"] == number and row["standing"] == "wrong"}


@pytest.mark.long
@pytest.mark.parametrize(("name", "number"), BROKEN_IDS.items())
def test_a_fault_breaks_its_id_until_it_is_mended(lab: Lab, name: str, number: str) -> None:
    before = reasons_of(lab, number)
    faults.break_(lab.engine, name)
    try:
        assert reasons_of(lab, number) - before
    finally:
        faults.mend(lab.engine, name)
    assert reasons_of(lab, number) == before
