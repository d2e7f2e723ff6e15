"""Volumes: within their budgets, with room left on their disks, and for long enough."""

from fleetkeeper.promises import Judged, promise
from fleetkeeper.topics.volumes import rules as volumes


@promise(volumes.are_within_budget)
def test_are_within_budget(verdict: Judged) -> None:
    assert verdict.holds


@promise(volumes.will_last)
def test_will_last(verdict: Judged) -> None:
    assert verdict.holds
