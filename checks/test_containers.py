"""Containers: as whom they run and are entered, and how far they are kept apart from their node."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.containers.rules import exec_user, privileges, users


@promise(users.run_as_their_own_user)
def test_run_as_their_own_user(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(exec_user.enter_as_their_own_user)
def test_enter_as_their_own_user(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(privileges.cannot_gain_privileges)
def test_cannot_gain_privileges(verdict: JudgedPromise) -> None:
    assert verdict.holds
