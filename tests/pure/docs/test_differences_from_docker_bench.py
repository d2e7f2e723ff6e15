"""Two results about one node are compared by id, and no difference is passed over."""

from __future__ import annotations

from typing import Any

import pytest

from docs.bench_differences import AGREED, FALSE_WARNINGS, GENERAL, differences, unexplained
from fleetkeeper.inventory.benchmark_ids import NUMBERS
from fleetkeeper.topics.benchmark.catalog import load_catalog
from fleetkeeper.topics.benchmark.states import STANDINGS


def log_of(results: dict[str, str]) -> dict[str, Any]:
    every = {entry.before: "PASS" for entry in load_catalog() if entry.before} | results
    rows = [{"id": number, "desc": "", "result": result} for number, result in every.items()]
    return {"dockerbenchsecurity": "1.6.0", "tests": [{"id": "1", "desc": "", "results": rows}]}


def table_of(standings: dict[str, str]) -> dict[str, Any]:
    every = {entry.before: "holds" for entry in load_catalog() if entry.before} | standings
    return {"ids": [{"number": number, "standing": each, "why": "", "node": "here"} for number, each in every.items()]}


def test_where_both_say_the_same_there_is_no_difference() -> None:
    assert list(differences(log_of({}), table_of({}), "here")) == []
    assert list(differences(log_of({"2.2": "WARN"}), table_of({"2.2": "wrong"}), "here")) == []


def test_a_warning_about_what_is_green_here_needs_a_reason_of_its_own() -> None:
    [each] = differences(log_of({"5.5": "WARN"}), table_of({"5.5": "holds"}), "here")
    assert (each.number, each.theirs, each.ours, each.why) == ("5.5", "WARN", "holds", "")
    assert unexplained(log_of({"5.5": "WARN"}), table_of({"5.5": "holds"}), "here") == [each]
    assert unexplained(log_of({"5.5": "WARN"}), table_of({"5.5": "not applicable"}), "here") != []
    assert unexplained(log_of({"2.16": "WARN"}), table_of({"2.16": "not applicable"}), "here") == []


@pytest.mark.parametrize("theirs", ["PASS", "WARN", "INFO", "NOTE"])
@pytest.mark.parametrize("ours", STANDINGS)
def test_every_pair_is_agreed_or_explained_or_a_false_warning(theirs: str, ours: str) -> None:
    assert ((theirs, ours) in AGREED) + ((theirs, ours) in GENERAL) == (theirs != "WARN" or ours not in GREEN)


GREEN = ("holds", "not applicable")


def test_an_id_that_one_of_both_lacks_is_told() -> None:
    log = log_of({})
    log["tests"][0]["results"].pop()
    assert [each.number for each in unexplained(log, table_of({}), "here")] == ["7.9"]
    section_8 = {"id": "8", "desc": "", "results": [{"id": "8.1.1", "desc": "", "result": "NOTE"}]}
    log = log_of({})
    log["tests"].append(section_8)
    assert unexplained(log, table_of({}), "here") == []


def test_reasons_are_about_ids_that_there_are() -> None:
    assert set(FALSE_WARNINGS) <= set(NUMBERS)
