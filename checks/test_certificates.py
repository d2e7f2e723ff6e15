"""The names that are served with TLS: accepted by clients, far from their end, and renewed by themselves."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.certificates.rules import declared, listening, protocols, renewal, serving, validity


@promise(validity.are_valid)
def test_are_valid(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(serving.are_far_from_expiry)
def test_are_far_from_expiry(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(serving.are_served_as_on_disk)
def test_are_served_as_on_disk(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(renewal.will_renew)
def test_will_renew(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(protocols.use_sound_tls)
def test_use_sound_tls(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(declared.are_in_the_inventory)
def test_are_in_the_inventory(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(listening.cover_every_tls_port)
def test_cover_every_tls_port(verdict: JudgedPromise) -> None:
    assert verdict.holds
