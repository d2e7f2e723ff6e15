"""Mail: what cron writes to people is delivered."""

from fleetkeeper.promises import Judged, promise
from fleetkeeper.topics.mail import rules


@promise(rules.is_delivered)
def test_is_delivered(verdict: Judged) -> None:
    assert verdict.holds
