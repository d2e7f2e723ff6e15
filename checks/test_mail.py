"""Mail: what cron writes to people is delivered."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.mail import rules


@promise(rules.is_delivered)
def test_is_delivered(verdict: JudgedPromise) -> None:
    assert verdict.holds
