"""The names that are served with TLS: accepted by clients, far from their end, and renewed by themselves."""

from fleetkeeper.pytest_plugin import Judged


def test_are_valid(verdict: Judged) -> None:
    verdict.expect()


def test_are_far_from_expiry(verdict: Judged) -> None:
    verdict.expect()


def test_are_served_as_on_disk(verdict: Judged) -> None:
    verdict.expect()


def test_will_renew(verdict: Judged) -> None:
    verdict.expect()


def test_use_sound_tls(verdict: Judged) -> None:
    verdict.expect()


def test_are_in_the_inventory(verdict: Judged) -> None:
    verdict.expect()
