"""Volumes: within their budgets, with room left on their disks, and for long enough."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.volumes import rules as volumes


@promise(volumes.are_within_budget)
def test_are_within_budget(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(volumes.will_last)
def test_will_last(verdict: JudgedPromise) -> None:
    assert verdict.holds
