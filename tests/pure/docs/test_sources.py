"""Every numbered case and every source that tests, code and pages name can be found."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("fleetkeeper", "remediate", "checks", "lab", "tests", "docs", "benchmarks")
CASES = ROOT / "docs" / "cases.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
CASE = re.compile(r"(?<![a-z])cases?[ _](\d+(?:(?:_and_|, | and )\d+)*)(?!\d)", re.IGNORECASE)
ROW = re.compile(r"^\| (\d+) \| .", re.MULTILINE)
SOURCE = re.compile(r"\bSource:\s(.*?)(?=\n\s*\n|\"\"\"|\Z)", re.DOTALL)
HEADING = re.compile(r'docs/runbook\.md,\s+"([^"]+)"')
KINDS = (
    re.compile(r"\b[a-z][\w.-]*\(\d\)"),  # a man page
    re.compile(r"\bRFC \d+"),
    re.compile(r"\bCIS Docker Benchmark \d\.\d,\s+(section )?\d"),
    re.compile(r"\bhttps://\S+\.\S+/"),
    HEADING,
)


def texts_in() -> Iterator[tuple[str, str]]:
    """Every module and page but this one: its path and its text."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md", ".sh"} and path != Path(__file__):
                yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")


def numbers_in(text: str) -> set[int]:
    """The numbers of the cases that a text names."""
    return {int(number) for match in CASE.findall(text) for number in re.findall(r"\d+", match)}


def headings(page: Path) -> set[str]:
    return set(re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE))


def is_resolved(source: str) -> bool:
    """Whether a source is of a kind that a reader can look up, and its headings of the runbook exist."""
    named = set(HEADING.findall(re.sub(r"\s+", " ", source)))
    return any(kind.search(source) for kind in KINDS) and named <= headings(RUNBOOK)


def test_cases_are_exactly_those_that_are_named() -> None:
    listed = [int(number) for number in ROW.findall(CASES.read_text(encoding="utf-8"))]
    named = {number for path, text in texts_in() if path != "docs/cases.md" for number in numbers_in(text)}
    assert listed == sorted(named)


def test_every_source_can_be_looked_up() -> None:
    lost = [
        f"{path}: {source}" for path, text in texts_in() for source in SOURCE.findall(text) if not is_resolved(source)
    ]
    assert lost == []


@pytest.mark.parametrize(
    ("source", "resolved"),
    [
        ("crontab(5)", True),
        ("RFC 5280", True),
        ("CIS Docker Benchmark 1.6, 4.1.", True),
        ('docs/runbook.md,\n    "Renewing certificates".', True),
        ('docs/runbook.md, "Renewing nothing"; RFC 5280', False),
        ("the runbook", False),
        ("somebody said so", False),
    ],
)
def test_what_counts_as_a_source(source: str, resolved: bool) -> None:
    assert is_resolved(source) is resolved


def test_several_cases_in_one_name_are_all_named() -> None:
    assert numbers_in("test_case_63_and_77_x, Case 5, cases 12 and 13, showcase 9") == {63, 77, 5, 12, 13}
