"""The machines: can they be asked, with the rights we are meant to have, and is their clock right."""

from fleetkeeper.pytest_plugin import Judged


def test_can_be_looked_at(verdict: Judged) -> None:
    verdict.expect()
