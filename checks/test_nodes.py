"""The machines: can they be asked, with the rights we are meant to have, and is their clock right."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.nodes import rules


@promise(rules.can_be_looked_at)
def test_can_be_looked_at(verdict: JudgedPromise) -> None:
    assert verdict.holds
