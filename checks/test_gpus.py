"""GPUs: a service that needs one has it, from the driver to the task that opens the device."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.gpus import rules


@promise(rules.have_a_driver)
def test_have_a_driver(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.are_given_to_containers)
def test_are_given_to_containers(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.are_where_the_service_may_run)
def test_are_where_the_service_may_run(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.reach_the_worker)
def test_reach_the_worker(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.are_computed_on)
def test_are_computed_on(verdict: JudgedPromise) -> None:
    assert verdict.holds
