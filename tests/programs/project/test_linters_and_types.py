"""Linters and types, as tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SOURCES = ("fleetkeeper", "remediate", "checks", "lab", "tests", "docs", "benchmarks", "conftest.py")


@pytest.mark.parametrize(
    "words",
    [("ruff", "check"), ("ruff", "format", "--check"), ("mypy",)],
    ids=["ruff_check", "ruff_format", "mypy_strict"],
)
def test_the_code_passes(words: tuple[str, ...]) -> None:
    tool, *arguments = words
    paths = [name for name in SOURCES if (ROOT / name).exists()] if tool == "ruff" else []
    ran = subprocess.run(
        [sys.executable, "-m", tool, *arguments, *paths], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
