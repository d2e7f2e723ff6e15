"""Services: whether what was declared runs, and whether it can be moved away from its data."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.services.rules import deployed, drift, kept_data, members, pinning, running, stack_files


@promise(running.are_running)
def test_are_running(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(members.can_run_on_every_member)
def test_can_run_on_every_member(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(pinning.database_stops_first)
def test_database_stops_first(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(drift.have_their_own_settings)
def test_have_their_own_settings(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(kept_data.postgres_kept_its_data)
def test_postgres_kept_its_data(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(pinning.with_local_data_are_pinned)
def test_with_local_data_are_pinned(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(deployed.are_deployed_as_declared)
def test_are_deployed_as_declared(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(stack_files.have_sound_stack_files)
def test_have_sound_stack_files(verdict: JudgedPromise) -> None:
    assert verdict.holds
