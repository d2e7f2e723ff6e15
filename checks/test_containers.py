"""Containers: as whom they run and are entered, how far they are kept apart from their node, and what they may take."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.containers.rules import exec_user, groups, limits, privileges, publishing, upkeep, users


@promise(users.run_as_their_own_user)
def test_run_as_their_own_user(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(exec_user.enter_as_their_own_user)
def test_enter_as_their_own_user(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(privileges.cannot_gain_privileges)
def test_cannot_gain_privileges(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(groups.run_in_their_own_groups)
def test_run_in_their_own_groups(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(limits.have_limits)
def test_have_limits(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(upkeep.are_health_checked)
def test_are_health_checked(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(upkeep.cannot_change_themselves)
def test_cannot_change_themselves(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(upkeep.run_no_sshd)
def test_run_no_sshd(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(publishing.publish_what_is_meant)
def test_publish_what_is_meant(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(publishing.restart_as_meant)
def test_restart_as_meant(verdict: JudgedPromise) -> None:
    assert verdict.holds
