"""The section `benchmark`, and ids of the CIS Docker Benchmark where rules are named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from fleetkeeper.inventory.benchmark_policy import Benchmark
from fleetkeeper.inventory.load import Inventory, InventoryError
from fleetkeeper.inventory.schema import Unwritten
from fleetkeeper.topics.registry import load_inventory

OLDER = """
nodes: {here: {connection: local}}
services: {none: a test}
backups: {none: a test}
certificates: {none: a test}
"""
WAIVED = "waivers: [{rule: 'ID', until: 2099-01-01, owner: me, because: so}]\n"


def load(more: str = "") -> Inventory:
    return load_inventory(Path("mine.yml"), OLDER + more)


def policy(more: str) -> Benchmark:
    benchmark = load(f"benchmark: {{{more}}}\n").benchmark
    assert isinstance(benchmark, Benchmark)
    return benchmark


def test_an_older_inventory_asks_for_nothing_and_the_command_for_edition_1_8_and_level_1() -> None:
    assert isinstance(load().benchmark, Unwritten)
    benchmark = load().wanted_benchmark
    assert benchmark == policy("")
    assert (benchmark.edition, benchmark.level, benchmark.enforced) == ("1.8", 1, ())


@pytest.mark.parametrize("written", ["1.6", '"1.6"'])
def test_an_edition_is_written_as_a_number_or_as_text(written: str) -> None:
    assert policy(f"edition: {written}").edition == "1.6"


def test_what_is_enforced_is_of_the_edition_that_is_named() -> None:
    assert policy('edition: 1.6, enforce: ["2.*", cis:5.26]').enforced == ("cis:1.6:2.*", "cis:1.6:5.26")
    assert load('enforce: [cis:5.11]\nbenchmark: {enforce: ["7.3"]}\n').enforced == ("cis:1.8:5.11", "cis:1.8:7.3")


@pytest.mark.parametrize(
    ("edition", "written", "loaded"),
    [
        ("", "cis:2.15", "cis:1.8:2.15"),
        ("benchmark: {edition: 1.6}\n", "cis:2.15", "cis:1.6:2.15"),
        ("benchmark: {edition: 1.6}\n", "cis:1.8:2.15", "cis:1.8:2.15"),
        ("", "cis:3.*", "cis:1.8:3.*"),
        ("", "containers.*", "containers.*"),
    ],
)
def test_a_waiver_of_an_id_means_the_inventory_s_edition(edition: str, written: str, loaded: str) -> None:
    assert load(edition + WAIVED.replace("ID", written)).waivers[0].rule == loaded


@pytest.mark.parametrize("written", ["cis:9.1", "cis:2.20", "cis:1.9:5.1", "cis:", "cis:x"])
def test_an_id_that_no_edition_has_is_refused(written: str) -> None:
    with pytest.raises(InventoryError, match="no id of the CIS Docker Benchmark"):
        load(WAIVED.replace("ID", written))


@pytest.mark.parametrize(
    ("more", "edition", "other"),
    [
        ("benchmark: {edition: 1.6}\n" + WAIVED.replace("ID", "cis:2.19"), "1.8", "1.6"),
        (WAIVED.replace("ID", "cis:1.6:2.19"), "1.8", "1.6"),
        ("enforce: [cis:1.6:2.19]\n", "1.8", "1.6"),
        ('benchmark: {edition: 1.6, enforce: ["2.19"]}\n', "1.8", "1.6"),
        ('benchmark: {edition: 1.6, attested: {"2.19": {by: A, until: 2099-01-01, because: so}}}\n', "1.8", "1.6"),
        ('benchmark: {attested: {"1.6:2.19": {by: A, until: 2099-01-01, because: so}}}\n', "1.8", "1.6"),
    ],
)
def test_a_number_that_only_the_other_edition_has_is_refused_with_that_and_its_line(
    more: str, edition: str, other: str
) -> None:
    text = rf"mine\.yml:[67]: .*2\.19 exists only in edition {edition} of the CIS Docker Benchmark, not in {other}"
    with pytest.raises(InventoryError, match=text):
        load(more)


@pytest.mark.parametrize(
    "wrong",
    [
        "edition: 1.7",
        "level: 3",
        "enforce: [9.9.9]",
        'attested: {"4.3": {by: me, until: 2027-01-01}}',
        'attested: {"10.1": {by: me, until: 2027-01-01, because: x}}',
        "engine_at_least: new",
        "score: 100",
    ],
)
def test_a_policy_that_is_not_one_is_refused_with_its_line(wrong: str) -> None:
    with pytest.raises(InventoryError, match=r"mine\.yml:6"):
        policy(wrong)


def test_an_attestation_is_found_by_the_number_of_its_edition_and_ends() -> None:
    benchmark = policy('edition: 1.6, attested: {"2.14": {by: me, until: 2027-01-31, because: the ticket}}')
    attested = benchmark.attestation_of(("1.6:2.14", "1.8:2.15"))
    assert attested is not None
    assert attested.holds_on(date(2027, 1, 31))
    assert not attested.holds_on(date(2027, 2, 1))
    assert benchmark.attestation_of(("1.6:2.13", "1.8:2.14")) is None


def test_an_inventory_may_do_without_the_benchmark() -> None:
    inventory = load("benchmark: {none: another team looks after the engines}\n")
    assert not isinstance(inventory.benchmark, Benchmark)
    assert (inventory.edition, inventory.enforced) == ("1.8", ())


def test_numbers_keep_their_meaning_when_another_edition_is_asked_for() -> None:
    """2.10 of 1.8 is 2.9 of 1.6, where 2.10 is something else."""
    written = 'edition: 1.8, enforce: ["2.2", "2.10"], attested: {"2.10": {by: A, until: 2099-01-01, because: so}}'
    older = policy(written).asked_for("1.6", "2")
    assert (older.edition, older.level) == ("1.6", 2)
    assert older.attestation_of(("1.6:2.9", "1.8:2.10")) is not None
    assert older.attestation_of(("1.6:2.10", "1.8:2.11")) is None
    assert older.enforced == ("cis:1.8:2.2", "cis:1.8:2.10")
    assert policy(written).asked_for(None, None).enforced == ("cis:1.8:2.2", "cis:1.8:2.10")


def test_a_glob_and_a_number_with_its_edition_are_attested_too() -> None:
    who = "{by: A, until: 2099-01-01, because: so}"
    assert policy(f'attested: {{"1.1.*": {who}}}').attestation_of(("1.6:1.1.3", "1.8:1.1.3")) is not None
    assert policy(f'attested: {{"1.6:2.9": {who}}}').attestation_of(("1.6:2.9", "1.8:2.10")) is not None
