"""The catalog of the CIS Docker Benchmark has every id of both editions once, and says everything about each."""

from __future__ import annotations

from collections import Counter

import pytest

from fleetkeeper.inventory.benchmark_ids import EDITIONS, LEVEL_2, NUMBERS, ids_of_edition, in_editions
from fleetkeeper.topics.benchmark.catalog import (
    ATTESTED,
    SECTIONS,
    CatalogError,
    Entry,
    entry_of,
    load_catalog,
    section_content,
    section_entries,
)
from fleetkeeper.topics.registry import RULES

NOT_BUILT_YET = frozenset[str]()
"""Promises that the catalog names and no code keeps yet: what they judge is unknown until then."""


@pytest.mark.parametrize(("edition", "count"), [("1.6", 117), ("1.8", 118)])
def test_every_id_of_an_edition_is_in_the_catalog_once(edition: str, count: int) -> None:
    ids = [name for entry in load_catalog() for name in entry.ids if name.startswith(f"{edition}:")]
    assert ids == list(ids_of_edition(edition))
    assert len(set(ids)) == len(ids) == count


def test_the_numbers_of_both_editions_differ_behind_2_6_alone() -> None:
    assert [entry.number for entry in load_catalog()] == list(NUMBERS)
    for entry in load_catalog():
        assert entry.ids == in_editions(entry.number)
    moved = [entry.number for entry in load_catalog() if entry.before != entry.number]
    assert moved == [f"2.{number}" for number in range(7, 20)]


def test_sections_and_profiles_have_the_benchmark_s_sizes() -> None:
    assert Counter(entry.section for entry in load_catalog()) == {
        "1": 20, "2": 19, "3": 24, "4": 12, "5": 32, "6": 2, "7": 9,
    }  # fmt: skip
    assert Counter((entry.profile, entry.level) for entry in load_catalog()) == {
        ("linux", 1): 78, ("swarm", 1): 9, ("linux", 2): 31,
    }  # fmt: skip
    assert {entry.number for entry in load_catalog() if entry.level == 2} == LEVEL_2


def test_what_takes_a_policy_or_a_person_is_counted() -> None:
    """87 of 1.6 by looking alone, and 2.7 of 1.8."""
    assert Counter(entry.needs for entry in load_catalog()) == {"looking": 88, "policy": 24, "person": 6}
    assert {entry.rule for entry in load_catalog() if entry.needs == "person"} == {ATTESTED}


def test_each_promise_that_the_catalog_names_is_built_or_said_not_to_be() -> None:
    named = {entry.rule for entry in load_catalog()}
    assert named - RULES.keys() == NOT_BUILT_YET


NOT_JUDGED_YET: set[str] = set()
"""Ids of a promise that is built, which it does not look at yet: they are unknown until then."""


def test_each_promise_has_the_ids_that_the_catalog_gives_it() -> None:
    for rule in RULES.values():
        named = [name for entry in load_catalog() if rule.id in (entry.rule, entry.also) for name in entry.ids]
        left = {name for name in named if name.partition(":")[2] in NOT_JUDGED_YET}
        assert sorted({*rule.cis, *left}) == sorted(named), rule.id


def test_swarm_ids_are_judged_once_for_the_fleet() -> None:
    assert {entry.of for entry in load_catalog() if entry.section == "7"} == {"fleet"}


def test_an_entry_is_found_by_the_id_of_either_edition() -> None:
    first, second = entry_of("1.6:2.14"), entry_of("1.8:2.15")
    assert first is second is not None
    assert entry_of("1.6:2.19") is entry_of("1.8:8.1") is None


@pytest.mark.parametrize("entry", load_catalog(), ids=lambda entry: entry.number)
def test_texts_are_sentences(entry: Entry) -> None:
    for text in (entry.what, entry.why, entry.judged, entry.docker_bench, entry.danger):
        assert text == text.strip()
        assert not text or text[-1] in ".;"
    assert not entry.title.endswith(".")
    assert "Ensure" not in entry.title


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"section:", b"section: x\nsection:", "stands here again"),
        (b'"6.2":', b'"6.1":', "stands here again"),
        (b"needs: policy", b"needs: luck", "6.1: needs"),
        (b"    why: They take the disk, and somebody starts an old one.\n", b"", "6.1: why"),
        (b"rule: engine.is_tidy", b"shared: nowhere", "nothing is shared under nowhere"),
        (b"title: Images", b"titel: Images", "6.1: title: Field required"),
        (b"entries:", b"entries: &a", "anchor"),
    ],
)
def test_a_broken_file_is_named_with_what_is_wrong(old: bytes, new: bytes, message: str) -> None:
    broken = section_content("6_operations").replace(old, new)
    with pytest.raises(CatalogError, match=message) as why:
        list(section_entries("6_operations", broken))
    assert "6_operations.yml" in str(why.value)


def test_every_section_has_a_file() -> None:
    assert [load_catalog()[0].section, load_catalog()[-1].section] == ["1", "7"]
    assert len(SECTIONS) == 7
    assert EDITIONS == ("1.6", "1.8")
