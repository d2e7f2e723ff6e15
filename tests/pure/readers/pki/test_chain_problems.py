"""Chains: a good one has no problem, each way of being wrong has its own, and `openssl verify` is the oracle."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from fleetkeeper.readers.pki import roots
from fleetkeeper.readers.pki.chain_problems import chain_problems, load_chain
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets import certificates as made
from tests.example_fleets.certificates import (
    DAY,
    GOOD,
    LEAF,
    MIDDLE,
    NAME,
    NOW,
    ROOT,
    Made,
    Wish,
    chain_case,
    make_authority,
    make_certificate,
)


def kinds_in(*chain: Made, **changes: object) -> list[str]:
    return [
        chain_problem.kind
        for chain_problem in chain_problems([item.certificate for item in chain], chain_case(**changes))
    ]


def test_a_good_chain_has_no_problem() -> None:
    assert kinds_in(LEAF, MIDDLE) == []


def test_a_chain_that_sends_the_root_too_or_sends_it_in_another_order_is_fine() -> None:
    assert kinds_in(LEAF, MIDDLE, ROOT) == []
    assert kinds_in(LEAF, ROOT, MIDDLE) == []


OTHER = make_authority("Somebody Else's Root")
BROKEN: dict[str, tuple[list[Made], list[str]]] = {
    "expired": ([make_certificate(Wish(days=(-90, -1)), MIDDLE), MIDDLE], ["expired"]),
    "not yet valid": ([make_certificate(Wish(days=(1, 90)), MIDDLE), MIDDLE], ["not yet valid"]),
    "another name": ([make_certificate(Wish(names=["example.org"]), MIDDLE), MIDDLE], ["wrong name"]),
    "a wildcard one label too deep": (
        [make_certificate(Wish(names=["*.org", "*.rodan2.example.org"]), MIDDLE), MIDDLE],
        ["wrong name"],
    ),
    "no names but the common name": ([make_certificate(Wish(names=()), MIDDLE), MIDDLE], ["wrong name"]),
    "a missing intermediate": ([LEAF], ["incomplete"]),
    "self-signed": ([make_certificate(Wish())], ["self-signed"]),
    "an unknown root": (
        [
            make_certificate(Wish(), make_authority("Their Intermediate", OTHER)),
            make_authority("Their Intermediate", OTHER),
            OTHER,
        ],
        ["untrusted"],
    ),
    "an RSA key of 1024 bits": ([make_certificate(Wish(key="rsa1024"), MIDDLE), MIDDLE], ["weak key"]),
    "a curve that nobody takes": ([make_certificate(Wish(key="p192"), MIDDLE), MIDDLE], ["weak key"]),
    "for clients only": (
        [make_certificate(Wish(usage=ExtendedKeyUsageOID.CLIENT_AUTH), MIDDLE), MIDDLE],
        ["not for servers"],
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_case_52_each_way_of_being_wrong_has_its_own_finding(what: str) -> None:
    chain, expected = BROKEN[what]
    assert kinds_in(*chain) == expected


def test_case_52_an_expired_certificate_for_another_name_has_both_findings() -> None:
    both = make_certificate(Wish(names=["example.org"], days=(-90, -1)), MIDDLE)
    assert kinds_in(both, MIDDLE) == ["expired", "wrong name"]


def test_case_52_a_wildcard_covers_exactly_one_label() -> None:
    wild = make_certificate(Wish(names=["*.example.org"]), MIDDLE)
    assert kinds_in(wild, MIDDLE) == []
    assert kinds_in(wild, MIDDLE, name="example.org") == ["wrong name"]
    assert kinds_in(wild, MIDDLE, name="a.b.example.org") == ["wrong name"]


def test_an_ip_address_needs_an_ip_address_in_the_certificate() -> None:
    both = make_certificate(Wish(names=["192.0.2.7", "2001:db8::7"]), MIDDLE)
    assert kinds_in(both, MIDDLE, name="192.0.2.7") == []
    assert kinds_in(both, MIDDLE, name="2001:db8::7") == []
    assert kinds_in(both, MIDDLE, name="192.0.2.8") == ["wrong name"]
    as_dns = make_certificate(Wish(subject="192.0.2.7", names=["x192.0.2.7"]), MIDDLE)
    assert kinds_in(as_dns, MIDDLE, name="192.0.2.7") == ["wrong name"]


@pytest.mark.parametrize(
    "issuer",
    ["(STAGING) Artificial Apricot R3", "Fake LE Intermediate X1", "Pebble Intermediate CA 455822", "mkcert root"],
)
def test_case_53_a_staging_or_test_issuer_is_a_finding_of_its_own(issuer: str) -> None:
    staging = make_authority(issuer, make_authority(f"{issuer} above"))
    leaf = make_certificate(Wish(), staging)
    assert kinds_in(leaf, staging) == ["test issuer"]
    assert kinds_in(leaf, staging, roots=[make_authority(f"{issuer} above")]) == ["test issuer"]


def test_case_53_a_test_issuer_that_the_inventory_allows_must_still_be_trusted() -> None:
    root = make_authority("Pebble Root CA 1")
    pebble = make_authority("Pebble Intermediate CA 2", root)
    leaf = make_certificate(Wish(), pebble)
    assert kinds_in(leaf, pebble, roots=[root], allowed=["Pebble *"]) == []
    assert kinds_in(leaf, pebble, allowed=["Pebble *"]) == ["untrusted"]


def test_ordinary_authorities_are_not_taken_for_test_authorities() -> None:
    for issuer in ("R3", "E7", "ISRG Root X1", "Latest Greatest CA", "Contest Trust", "GTS CA 1D4", "Attestation CA"):
        good = make_authority(issuer, ROOT)
        assert kinds_in(make_certificate(Wish(), good), good) == []


def test_an_expired_intermediate_is_named() -> None:
    old = make_authority("Old Intermediate", ROOT, days=(-900, -1))
    [problem] = chain_problems([make_certificate(Wish(), old).certificate, old.certificate], chain_case())
    assert problem.kind == "invalid"
    assert "Old Intermediate" in problem.saw


def test_an_expired_leaf_does_not_make_its_chain_look_broken_too() -> None:
    leaf = make_certificate(Wish(days=(-400, -300)), MIDDLE)
    young = make_authority("Good Intermediate", ROOT, days=(-500, -200))
    assert kinds_in(leaf, young) == ["expired"]


def test_a_leaf_that_issues_certificates_is_no_authority() -> None:
    """CVE-2002-0862: everybody with a certificate could issue others."""
    below = make_certificate(Wish(subject="below", key="p256 below"), LEAF)
    assert kinds_in(below, LEAF, MIDDLE) == ["invalid"]


def test_a_forged_signature_is_not_taken() -> None:
    forged = make_authority("Good Intermediate", OTHER)
    assert kinds_in(make_certificate(Wish(), forged), forged) != []


def test_a_sha1_signature_is_weak_but_not_the_root_s_own() -> None:
    text = Path(__file__).parents[3].joinpath("fixtures/sha1.pem").read_text()
    leaf, root = load_chain(["-----BEGIN" + item for item in text.split("-----BEGIN")[1:]])
    match = chain_problems([leaf, root], replace(chain_case(name="sha1.example.org"), roots=(root,)))
    assert [item.kind for item in match] == ["weak signature"]


def test_a_key_of_a_kind_that_browsers_do_not_take_is_weak() -> None:
    own = ed25519.Ed25519PrivateKey.generate()
    builder = (
        x509.CertificateBuilder()
        .subject_name(made.x509_name(NAME))
        .issuer_name(MIDDLE.certificate.subject)
        .public_key(own.public_key())
        .serial_number(7)
        .not_valid_before(NOW - DAY)
        .not_valid_after(NOW + DAY)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    )
    leaf = builder.sign(MIDDLE.key, hashes.SHA256())
    assert [problem.kind for problem in chain_problems([leaf, MIDDLE.certificate], chain_case())] == ["weak key"]


def test_a_self_signed_certificate_that_the_inventory_trusts_is_fine() -> None:
    own = make_certificate(Wish())
    assert kinds_in(own, roots=[own]) == []


def test_a_private_authority_without_key_identifiers_is_fine() -> None:
    """The verifier's own policy for the web refuses it; `openssl verify` does not."""
    assert kinds_in(make_certificate(Wish(), ROOT)) == []


def test_the_second_before_the_end_is_still_valid_and_that_of_the_end_is_not() -> None:
    end = LEAF.certificate.not_valid_after_utc
    assert kinds_in(LEAF, MIDDLE, now=end - timedelta(seconds=1)) == []
    assert kinds_in(LEAF, MIDDLE, now=end) == ["expired"]


def test_garbage_instead_of_a_certificate_is_unobservable() -> None:
    with pytest.raises(Unobservable):
        load_chain(["-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"])


def test_the_authorities_of_this_system_are_found() -> None:
    assert len(roots.system_roots()) > 20 or not Path("/etc/ssl/certs/ca-certificates.crt").exists()


def test_an_authority_of_the_inventory_comes_besides_or_alone(tmp_path: Path) -> None:
    (tmp_path / "own.pem").write_text(ROOT.pem)
    alone = roots.trusted_roots(None, str(tmp_path / "own.pem"))
    assert alone == (ROOT.certificate,)
    assert set(roots.trusted_roots(str(tmp_path / "own.pem"), None)) == {*roots.system_roots(), ROOT.certificate}


@pytest.mark.parametrize("content", [None, "", "nothing in here"])
def test_authorities_that_cannot_be_read_are_unobservable(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(Unobservable, match=r"ca\.pem"):
        roots.trusted_roots(None, str(tmp_path / "ca.pem"))


def test_one_root_that_cannot_be_read_hides_no_other() -> None:
    unusual = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    assert roots.parse_roots(unusual + GOOD[1].encode()) == (MIDDLE.certificate,)
