"""The database dumps: young, whole, of a likely size, honest about their time, and no more than `keep` asks for."""

from fleetkeeper.pytest_plugin import Judged


def test_are_fresh(verdict: Judged) -> None:
    verdict.expect()


def test_are_complete(verdict: Judged) -> None:
    verdict.expect()


def test_have_plausible_size(verdict: Judged) -> None:
    verdict.expect()


def test_tell_their_time(verdict: Judged) -> None:
    verdict.expect()


def test_exist_elsewhere(verdict: Judged) -> None:
    verdict.expect()


def test_come_back(verdict: Judged) -> None:
    verdict.expect()


def test_are_thinned(verdict: Judged) -> None:
    verdict.expect()
