"""What the rules say about the recorded lab, unbroken and with its faults, changes on purpose only."""

from __future__ import annotations

import json

import pytest

from tests.recorded_lab import VERDICTS, recordings, verdicts_of

EXPECTED = json.loads(VERDICTS.read_text())


@pytest.mark.parametrize("name", recordings())
def test_every_verdict_about_the_recorded_lab_is_as_before(name: str) -> None:
    assert verdicts_of(name) == EXPECTED[name]


def test_the_recordings_show_every_outcome_but_a_waiver() -> None:
    outcomes = {verdict["outcome"] for verdicts in EXPECTED.values() for verdict in verdicts.values()}
    assert outcomes == {"passed", "failed", "error", "skipped"}
