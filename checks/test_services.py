"""Services: whether what was declared runs, and whether it can be moved away from its data."""

from fleetkeeper.pytest_plugin import Judged


def test_are_running(verdict: Judged) -> None:
    verdict.expect()


def test_have_their_own_settings(verdict: Judged) -> None:
    verdict.expect()


def test_postgres_kept_its_data(verdict: Judged) -> None:
    verdict.expect()


def test_with_local_data_are_pinned(verdict: Judged) -> None:
    verdict.expect()
