"""Benchmark: somebody answers for what no look can judge."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.benchmark import rules


@promise(rules.is_attested)
def test_is_attested(verdict: JudgedPromise) -> None:
    assert verdict.holds
