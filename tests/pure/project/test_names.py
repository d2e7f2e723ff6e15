"""Names and arrows get better, never worse, until they reach their goals."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from tests.pure.project import names

GOALS = {"one_word": 44, "vague": 149, "many_homes": 10, "twins": 3, "circle": 0, "shell_strings": 5}
"""The most that each measure may be at the end."""
LIMITS = {
    "product": {"one_word": 44, "vague": 149, "many_homes": 10, "twins": 3, "circle": 0, "shell_strings": 5},
    "around": {"one_word": 44, "vague": 149, "many_homes": 28, "twins": 10, "circle": 0, "shell_strings": 15},
}
"""The most that each measure may be today. A number here only goes down; at its goal it stays."""
PACKAGES = {"product": names.PRODUCT, "around": names.AROUND}


@cache
def measured(part: str) -> names.Measures:
    return names.measure_names(PACKAGES[part])


@pytest.mark.parametrize(("part", "measure"), [(part, measure) for part in LIMITS for measure in GOALS])
def test_a_measure_stays_below_its_limit(part: str, measure: str) -> None:
    number, limit = measured(part).numbers()[measure], LIMITS[part][measure]
    assert number <= limit, (
        f"{measure} of {part} is {number}, and may be {limit} at most (its goal is {GOALS[measure]})\n"
        "hint: `python -m tests.pure.project.names --list` shows the names"
    )


def test_each_measure_finds_what_it_is_for() -> None:
    trees = {
        "a.x": ast.parse("from a import y\ndef told(one, two): ...\ndef parse_line(): ...\ndef observe(): ..."),
        "a.y": ast.parse("import a.z\nclass Place: ...\nSCRIPT = 'set -u\\nif x; then\\na\\nb\\nc\\nfi'"),
        "a.z": ast.parse("from a import x\nclass Place: ..."),
        "b.x": ast.parse("class Place: ..."),
    }
    assert [name for name in names.bound_names(trees["a.x"]) if name in names.VAGUE] == ["told", "one"]
    assert names.names_with_many_homes(trees) == ["Place"]
    assert names.shared_file_names(trees) == ["x"]
    assert names.largest_circle(names.import_graph(trees)) == ["a.x", "a.y", "a.z"]
    assert list(names.shell_lines(trees["a.y"])) == [3]


def test_functions_of_one_word_are_counted_without_verbs_of_a_protocol() -> None:
    code = "def told(): ...\ndef parse_line(): ...\ndef observe(): ...\ndef __init__(): ...\ndef test_a(): ..."
    assert list(names.function_names(ast.parse(code))) == ["told", "parse_line", "observe"]
    assert "observe" in names.PROTOCOL
