"""Swarm: how the swarm as a whole is set up, judged once by what its managers say."""

from fleetkeeper.promises import JudgedPromise, promise
from fleetkeeper.topics.swarm import rules


@promise(rules.managers_are_few_and_odd)
def test_managers_are_few_and_odd(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.listens_narrowly)
def test_listens_narrowly(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.networks_are_encrypted)
def test_networks_are_encrypted(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.keeps_secrets)
def test_keeps_secrets(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.is_locked_as_meant)
def test_is_locked_as_meant(verdict: JudgedPromise) -> None:
    assert verdict.holds


@promise(rules.certificates_are_short)
def test_certificates_are_short(verdict: JudgedPromise) -> None:
    assert verdict.holds
