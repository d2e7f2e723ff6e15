"""GitHub's annotations: complete, escaped, and deaf to what a server says."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.reports.annotations import MOST, annotation_lines, in_workflow, runner_command, silence

UNKNOWN = {"node": "data", "why": "no route to host", "hint": "", "cause": ""}


def make_item(severity: str = "error", outcome: str = "finding", **more: object) -> dict:
    match = {"saw": "3 d old", "want": "under 13 h", "node": "data", "severity": severity, "waived": None, **more}
    return {"rule": "backups.are_fresh", "subject": "postgres", "outcome": outcome, "findings": [match], "unknown": []}


def test_only_a_step_of_a_workflow_is_annotated() -> None:
    assert in_workflow({"GITHUB_ACTIONS": "true"})
    assert not in_workflow({})
    assert not in_workflow({"GITHUB_ACTIONS": "false"})


def test_a_finding_is_an_error_and_a_warning_a_warning() -> None:
    assert annotation_lines([make_item()]) == [
        "::error title=backups.are_fresh [postgres]::on data: 3 d old; wanted: under 13 h"
    ]
    assert annotation_lines([make_item("warning", "holds")])[0].startswith("::warning title=")


def test_a_waived_finding_is_not_annotated() -> None:
    assert annotation_lines([make_item(outcome="waived", waived={"owner": "ada"})]) == []


def test_a_dark_node_is_one_error_however_much_it_hides() -> None:
    dark = {**make_item(outcome="unknown"), "findings": [], "unknown": [UNKNOWN]}
    assert annotation_lines([dark, dark]) == ["::error title=could not be looked at::data: no route to host"]


def test_more_than_github_shows_are_counted_in_the_last() -> None:
    text = annotation_lines([make_item(node=f"n{number}") for number in range(25)])
    assert len(text) == MOST
    assert text[-1] == "::error title=fleetkeeper::16 more of this kind: see the log of this step"


@given(st.text(), st.text())
def test_case_73_nothing_that_a_server_says_can_end_or_begin_a_command(title: str, message: str) -> None:
    text = runner_command("error", title, message)
    assert not set(text) & set("\r\n")
    inside = text.removeprefix("::error title=")
    properties, _, rest = inside.partition("::")
    assert not set(properties) & set(",:\n")
    assert re.fullmatch(r"([^%]|%25|%0A|%0D|%2C|%3A)*", properties + rest, re.DOTALL)


def test_case_73_the_runner_is_deaf_until_a_word_that_nobody_can_guess() -> None:
    element, two = silence(), silence()
    assert element[0].removeprefix("::stop-commands::") == element[1].strip(":")
    assert element != two
