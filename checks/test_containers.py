"""Containers: as whom they run and are entered, and how far they are kept apart from their node."""

from fleetkeeper.pytest_plugin import Judged


def test_run_as_their_own_user(verdict: Judged) -> None:
    verdict.expect()


def test_enter_as_their_own_user(verdict: Judged) -> None:
    verdict.expect()


def test_cannot_gain_privileges(verdict: Judged) -> None:
    verdict.expect()
