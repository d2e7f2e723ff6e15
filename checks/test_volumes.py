"""Volumes: within their budgets, with room left on their disks, and for long enough."""

from fleetkeeper.pytest_plugin import Judged


def test_are_within_budget(verdict: Judged) -> None:
    verdict.expect()


def test_will_last(verdict: Judged) -> None:
    verdict.expect()
