"""Errors of services: what they report is kept, cannot fill a disk, and reaches somebody."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.errors import rules


@promise(rules.are_kept)
def test_are_kept(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.are_bounded)
def test_are_bounded(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.reach_somebody)
def test_reach_somebody(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.report_none)
def test_report_none(verdict: JudgedPromise) -> None:
    assert verdict.holds
