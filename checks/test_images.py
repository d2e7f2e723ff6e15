"""Images: where those that containers use come from, how old they are, and how they were built."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.images import rules


@promise(rules.are_trusted)
def test_are_trusted(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.are_recent)
def test_are_recent(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.are_built_well)
def test_are_built_well(verdict: JudgedPromise) -> None:
    assert verdict.holds
