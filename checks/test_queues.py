"""Queues: a job that is sent to a declared queue is taken by the service that should."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.queues.rules import consumed, moving


@promise(consumed.exist_as_declared)
def test_exist_as_declared(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(consumed.are_consumed)
def test_are_consumed(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(moving.move)
def test_move(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(moving.answer)
def test_answer(verdict: JudgedPromise) -> None:
    assert verdict.holds
