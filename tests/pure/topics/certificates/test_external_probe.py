"""The name as the world sees it: real handshakes from this machine, and what is made of them."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from fleetkeeper.judging.verdicts import Outcome
from fleetkeeper.looking.fleet import HERE
from fleetkeeper.topics.certificates import external_probe
from fleetkeeper.topics.certificates.external_probe import from_here, resolve_name
from fleetkeeper.topics.certificates.facts import Facts, ServedCertificate
from fleetkeeper.topics.certificates.policy import Policy
from fleetkeeper.transport.commands import Unobservable
from remediate.plan import ForAPerson
from remediate.remedies import REMEDIES
from tests.example_fleets import certificates as made
from tests.example_fleets.certificates import (
    FACTS,
    GOOD,
    LEAF,
    MIDDLE,
    NAME,
    SERVED,
    Wish,
    certificate_fleet,
    make_certificate,
    verdict_of,
)

ASKED_HERE = ("are_valid", "are_far_from_expiry", "are_served_as_on_disk")
OUTSIDE = ServedCertificate(NAME, "", 443, "203.0.113.7", protocol="TLSv1.3", chain=GOOD)
OTHER = make_certificate(Wish(days=(-1, 89)), MIDDLE)


def test_a_name_resolves_to_its_addresses_or_says_why_not() -> None:
    assert "127.0.0.1" in resolve_name("localhost").addresses or "::1" in resolve_name("localhost").addresses
    assert resolve_name("no-such-name.invalid").addresses == ()
    assert resolve_name("no-such-name.invalid").why
    assert resolve_name("a" * 64 + ".example").addresses == ()


# the look


def example_inventory(outside: str) -> object:
    return made.make_inventory(f", outside: {outside}")


def test_a_certificate_that_is_not_asked_from_outside_is_not_asked() -> None:
    assert from_here(example_inventory("{none: only inside}")) == Facts()


def test_a_name_that_does_not_resolve_is_said_in_the_facts() -> None:
    [text] = from_here(example_inventory("{address: no-such-name.invalid}")).outside
    assert (text.host, text.refused, text.chain) == ("no-such-name.invalid", "unresolved", ())
    assert text.said


def test_the_ports_are_those_of_the_world_else_those_of_the_node_else_https() -> None:
    def ports(policy: str) -> list[int]:
        [certificate] = made.make_inventory(policy).section(Policy).certificates
        return [external_address.port for external_address in external_probe.external_addresses(certificate)]

    assert ports("") == [443]
    assert ports(", ports: [443, 5671]") == [443, 5671]
    assert ports(", ports: [443, 5671], outside: {ports: [8443]}") == [8443]


def test_a_resolver_that_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_probe, "LIMIT", 0.1)
    monkeypatch.setattr(external_probe, "resolve_name", lambda host: threading.Event().wait(5))
    [text] = from_here(made.make_inventory()).outside
    assert text.refused == "unresolved"
    assert "no answer from the resolver" in text.said


# what is made of it


def facts_seen(rule: str, *outside: ServedCertificate, policy: str = "", facts: Facts = FACTS) -> list[str]:
    return [
        finding.saw for finding in verdict_of(rule, certificate_fleet(facts, policy=policy, outside=outside)).findings
    ]


@pytest.mark.parametrize("rule", ASKED_HERE)
def test_a_name_that_leads_to_the_service_s_own_certificate_holds(rule: str) -> None:
    assert verdict_of(rule, certificate_fleet(outside=[OUTSIDE])).outcome is Outcome.HOLDS
    assert verdict_of(rule, certificate_fleet(outside=[])).outcome is Outcome.HOLDS


@pytest.mark.parametrize("rule", ASKED_HERE)
def test_while_nobody_looked_from_here_it_is_unknown(rule: str) -> None:
    whole = certificate_fleet()
    blind = replace(whole, facts={key: fact for key, fact in whole.facts.items() if key[0] != HERE})
    assert verdict_of(rule, blind).outcome is Outcome.UNKNOWN
    off = certificate_fleet(policy=", outside: {none: only inside}")
    blind = replace(off, facts={key: fact for key, fact in off.facts.items() if key[0] != HERE})
    assert verdict_of(rule, blind).outcome is Outcome.HOLDS


@pytest.mark.parametrize("rule", ASKED_HERE)
def test_what_could_not_be_told_from_here_is_unknown_and_says_how_to_leave_it_out(rule: str) -> None:
    late = replace(OUTSIDE, chain=Unobservable("no handshake within 5 s"))
    [why] = verdict_of(rule, certificate_fleet(outside=[late])).unknown
    assert why.why == "asked from here, 203.0.113.7:443: no handshake within 5 s"
    assert "outside: {none: why}" in why.hint


@pytest.mark.parametrize("rule", ASKED_HERE)
def test_a_name_that_does_not_resolve_is_unknown_only_where_the_inventory_asks_for_it(rule: str) -> None:
    nowhere = replace(OUTSIDE, host=NAME, chain=(), refused="unresolved", said="Name or service not known")
    assert verdict_of(rule, certificate_fleet(outside=[nowhere])).outcome is Outcome.HOLDS
    question = certificate_fleet(outside=[nowhere], policy=", outside: {ports: [443]}")
    assert verdict_of(rule, question).outcome is Outcome.UNKNOWN


def test_an_address_without_a_way_counts_only_while_no_other_answers() -> None:
    six = replace(OUTSIDE, host="2001:db8::7", chain=(), refused="unreachable", said="network is unreachable")
    assert verdict_of("are_valid", certificate_fleet(outside=[six, OUTSIDE])).outcome is Outcome.HOLDS
    [why] = verdict_of("are_valid", certificate_fleet(outside=[six])).unknown
    assert why.why == "asked from here, [2001:db8::7]:443 cannot be reached: network is unreachable"


def test_a_name_that_leads_to_another_certificate_is_a_finding_that_names_address_and_issuer() -> None:
    proxy = replace(OUTSIDE, chain=(OTHER.pem, MIDDLE.pem))
    [match] = verdict_of("are_served_as_on_disk", certificate_fleet(outside=[proxy])).findings
    assert match.saw == (
        "203.0.113.7:443 serves the world another certificate than the service: "
        "one of Good Intermediate that ends 2026-09-12 12:00 (UTC)"
    )
    assert (match.node, match.about) == ("", f"{NAME} at 203.0.113.7:443")
    assert verdict_of("are_valid", certificate_fleet(outside=[proxy])).outcome is Outcome.HOLDS


def test_one_of_two_addresses_that_is_old_is_found() -> None:
    old = replace(OUTSIDE, host="203.0.113.8", chain=(make_certificate(Wish(days=(-90, -1)), MIDDLE).pem, MIDDLE.pem))
    [match] = facts_seen("are_valid", OUTSIDE, old)
    assert match == "served to the world at 203.0.113.8:443: it expired 1 d ago, on 2026-06-14 12:00 UTC"
    [match] = facts_seen("are_far_from_expiry", OUTSIDE, old)
    assert match == "served to the world at 203.0.113.8:443: it ended on 2026-06-14 12:00 UTC"


def test_a_proxy_that_is_meant_may_serve_its_own_but_a_good_one() -> None:
    proxy = replace(OUTSIDE, chain=(OTHER.pem, MIDDLE.pem))
    soon = replace(OUTSIDE, chain=(make_certificate(Wish(days=(-85, 5)), MIDDLE).pem, MIDDLE.pem))
    policy = ", outside: {proxy: the campus proxy}"
    assert facts_seen("are_served_as_on_disk", proxy, policy=policy) == []
    assert len(facts_seen("are_far_from_expiry", soon, policy=policy)) == 1


def test_a_proxy_that_leaves_the_intermediate_out_is_told_although_the_leaf_is_our_own() -> None:
    [match] = facts_seen("are_valid", replace(OUTSIDE, chain=(LEAF.pem,)))
    assert "does not send the intermediate certificate" in match
    assert facts_seen("are_served_as_on_disk", replace(OUTSIDE, chain=(LEAF.pem,))) == []


def test_what_the_service_s_own_node_told_is_not_told_again() -> None:
    chain = (make_certificate(Wish(days=(-90, -1)), MIDDLE).pem, MIDDLE.pem)
    both = replace(FACTS, served=(replace(SERVED, chain=chain),))
    assert len(facts_seen("are_valid", replace(OUTSIDE, chain=chain), facts=both)) == 1


def test_while_the_service_s_own_node_is_dark_the_world_s_view_is_judged_all_the_same() -> None:
    expired = replace(OUTSIDE, chain=(make_certificate(Wish(days=(-90, -1)), MIDDLE).pem, MIDDLE.pem))
    dark = certificate_fleet(Unobservable("lost", node="web"), outside=[expired])
    verdict = verdict_of("are_valid", dark)
    assert [finding.saw.partition(": ")[0] for finding in verdict.findings] == [
        "served to the world at 203.0.113.7:443"
    ]
    assert verdict.unknown


@pytest.mark.parametrize(
    ("refused", "said", "words"),
    [
        ("closed", "connection refused", "nothing listens there"),
        ("not TLS", "wrong version number", "it does not speak TLS"),
        ("alert", "tlsv1 unrecognized name", "it refused the handshake: tlsv1 unrecognized name"),
    ],
)
def test_an_address_that_gives_the_world_no_certificate_is_a_finding(refused: str, said: str, words: str) -> None:
    served = replace(OUTSIDE, chain=(), refused=refused, said=said)
    assert facts_seen("are_valid", served) == [f"the world gets no certificate at 203.0.113.7:443: {words}"]


def test_a_service_on_another_port_owes_the_world_nothing_on_443_unless_it_is_said() -> None:
    elsewhere = replace(FACTS, served=(replace(SERVED, port=8443),))
    closed = replace(OUTSIDE, chain=(), refused="closed", said="connection refused")
    late = replace(OUTSIDE, chain=Unobservable("no handshake within 5 s"))
    assert facts_seen("are_valid", closed, facts=elsewhere) == []
    assert verdict_of("are_valid", certificate_fleet(elsewhere, outside=[late])).outcome is Outcome.HOLDS
    assert len(facts_seen("are_valid", closed, facts=elsewhere, policy=", outside: {ports: [443]}")) == 1
    expired = replace(OUTSIDE, chain=(make_certificate(Wish(days=(-90, -1)), MIDDLE).pem, MIDDLE.pem))
    assert len(facts_seen("are_valid", expired, facts=elsewhere)) == 1, (
        "what the world gets there is judged all the same"
    )


def test_what_answers_elsewhere_is_for_a_person() -> None:
    proxy = certificate_fleet(
        outside=[replace(OUTSIDE, chain=(make_certificate(Wish(days=(-90, -1)), MIDDLE).pem, MIDDLE.pem))]
    )
    for rule in ASKED_HERE:
        [match] = verdict_of(rule, proxy).findings
        answer = REMEDIES[f"certificates.{rule}"](match, proxy)
        assert isinstance(answer, ForAPerson)
        assert "no container of this fleet" in answer.why
        assert "compare DNS" in answer.what_to_do
