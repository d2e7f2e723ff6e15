"""The verdict of `openssl verify` on chains of every kind, or a stricter one for a reason that is written down."""

from __future__ import annotations

import ipaddress
import ssl
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from fleetkeeper.readers.pki.chain_problems import chain_problems, load_chain
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets.certificates import DAY, NAME, NOW, Made, cached_key, chain_case, general_name, x509_name

OLD, YOUNG, USUAL = (-900, -1), (1, 900), (-2000, 2000)
USES = (
    "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
    "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
)  # fmt: skip
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")


def make_certificate(
    subject: str,
    issuer: Made | None = None,
    *,
    names: Sequence[str | x509.GeneralName] = (),
    own: Any = None,
    days: tuple[float, float] = (-20, 70),
    basic: x509.BasicConstraints | None = None,
    extended: Sequence[x509.ObjectIdentifier] = (),
    uses: Sequence[str] = (),
    more: Sequence[tuple[x509.ExtensionType, bool]] = (),
    signer: Any = None,
    hash_: Any = None,
    pss: bool = False,
) -> Made:
    """One certificate; whatever is not asked for is left out."""
    own = own or cached_key(f"p256 {subject}")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509_name(subject))
        .issuer_name(issuer.certificate.subject if issuer else x509_name(subject))
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + days[0] * DAY)
        .not_valid_after(NOW + days[1] * DAY)
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [(basic, True)] if basic else []
    if names:
        general = [general_name(name) if isinstance(name, str) else name for name in names]
        extensions.append((x509.SubjectAlternativeName(general), False))
    if extended:
        extensions.append((x509.ExtendedKeyUsage(extended), False))
    if uses:
        extensions.append((x509.KeyUsage(**{item: item in uses for item in USES}), True))
    for extension, critical in (*extensions, *more):
        builder = builder.add_extension(extension, critical)
    by = signer or (issuer.key if issuer else own)
    digest = None if isinstance(by, ed25519.Ed25519PrivateKey) else hash_ or hashes.SHA256()
    scheme = {"rsa_padding": padding.PSS(padding.MGF1(digest), digest.digest_size)} if pss else {}
    return Made(builder.sign(by, digest, **scheme), own)


def ca(subject: str, issuer: Made | None = None, *, length: int | None = None, **changes: Any) -> Made:
    return make_certificate(subject, issuer, basic=x509.BasicConstraints(True, length), **{"days": USUAL, **changes})


def make_leaf(issuer: Made, **changes: Any) -> Made:
    plain = {"names": [NAME], "extended": [Eku.SERVER_AUTH], "basic": x509.BasicConstraints(False, None)}
    return make_certificate(NAME, issuer, **{**plain, **changes})


@dataclass(frozen=True)
class Kind:
    """A chain as it is sent, the roots that are trusted, and the name that is asked for."""

    chain: tuple[Made, ...]
    roots: tuple[Made, ...]
    name: str = NAME


ROOT = ca("R")
MIDDLE = ca("M", ROOT)
ELSE = ca("Else")


def below(*above: Made, name: str = NAME, root: Made = ROOT, **changes: Any) -> Kind:
    """A leaf under these intermediates, the nearest first."""
    return Kind((make_leaf([*above, root][0], **changes), *above), (root,), name)


def under(subject: str, **changes: Any) -> Kind:
    """A good leaf under an intermediate that is special."""
    return below(ca(subject, ROOT, **changes))


def constraint(subject: str, permitted: Any = None, excluded: Any = None, **changes: Any) -> Kind:
    return below(ca(subject, ROOT, more=[(x509.NameConstraints(permitted, excluded), True)]), **changes)


def dns(*names: str) -> list[x509.DNSName]:
    return [x509.DNSName(name) for name in names]


def tower(height: int) -> Kind:
    """So many intermediates below the root."""
    all_ = [ROOT]
    for step in range(height):
        all_.append(ca(f"Step {step}", all_[-1]))
    return below(*reversed(all_[1:]))


@cache
def kinds_in() -> dict[str, Kind]:
    return {**name_kinds(), **chain_kinds(), **authority_kinds(), **key_kinds()}


def name_kinds() -> dict[str, Kind]:
    address, idn = "192.0.2.7", "xn--bcher-kva.example.org"
    return {
        "good": below(MIDDLE),
        "capitals in the name": below(MIDDLE, names=["RODAN2.Example.ORG"]),
        "wildcard": below(MIDDLE, names=["*.example.org"]),
        "wildcard, two labels": below(MIDDLE, names=["*.example.org"], name="a.b.example.org"),
        "wildcard, no label": below(MIDDLE, names=["*.example.org"], name="example.org"),
        "wildcard in the second label": below(MIDDLE, names=["a.*.org"], name="a.example.org"),
        "wildcard for a part of a label": below(MIDDLE, names=["r*.example.org"]),
        "wildcard for a top level": below(MIDDLE, names=["*.org"], name="example.org"),
        "wildcard, international": below(MIDDLE, names=["*.example.org"], name=idn),
        "international": below(MIDDLE, names=[idn], name=idn),
        "wildcard in an international label": below(MIDDLE, names=["xn--*.example.org"], name=idn),
        "dot at the end": below(MIDDLE, names=[f"{NAME}."]),
        "dot at the beginning": below(MIDDLE, names=[".example.org"]),
        "address": below(MIDDLE, names=[address], name=address),
        "address, IPv6": below(MIDDLE, names=["2001:db8::7"], name="2001:db8::7"),
        "address as a DNS name": below(MIDDLE, names=dns(address), name=address),
        "common name alone": below(MIDDLE, names=()),
        "common name right, names wrong": below(MIDDLE, names=["a.org"]),
        "only an e-mail address": below(MIDDLE, names=[x509.RFC822Name("a@b.org")]),
    }


def chain_kinds() -> dict[str, Kind]:
    again, root_again = cached_key("p256 again"), cached_key("p256 root again")
    old, new = (ca("Again", ROOT, own=again, days=days) for days in (OLD, USUAL))
    cross = ca("Again", ELSE, own=again)
    itself, crossed = ca("New Root", own=root_again), ca("New Root", ELSE, own=root_again)
    short = ca("Short", ROOT, length=0)
    own = [(x509.SubjectAlternativeName(dns(NAME)), False)]
    alone = ca(NAME, more=own)
    return {
        "root alone above": below(),
        "ended intermediate": below(old),
        "ended intermediate, and a new one behind it": Kind((make_leaf(new), old, new), (ROOT,)),
        "young intermediate": under("Young", days=YOUNG),
        "ended root": below(root=ca("Old Root", days=OLD)),
        "crossed intermediate first": Kind((make_leaf(new), cross, new), (ROOT,)),
        "crossed intermediate last": Kind((make_leaf(new), new, cross), (ROOT,)),
        "crossed intermediate alone": Kind((make_leaf(new), cross), (ROOT,)),
        "crossed root, itself trusted": Kind((make_leaf(itself), crossed), (itself,)),
        "path length broken": below(ca("Below Short", short), short),
        "path length kept": below(short),
        "a signature of somebody else": below(MIDDLE, signer=ELSE.key),
        "strangers between": Kind((make_leaf(MIDDLE), ELSE, MIDDLE, itself), (ROOT,)),
        "everything twice": Kind((make_leaf(MIDDLE), MIDDLE, MIDDLE), (ROOT,)),
        "intermediate missing": Kind((make_leaf(MIDDLE),), (ROOT,)),
        "intermediate in the roots' file, alone": Kind((make_leaf(MIDDLE),), (MIDDLE,)),
        "intermediate in the roots' file, beside its root": Kind((make_leaf(MIDDLE),), (MIDDLE, ROOT)),
        "leaf in the roots' file": Kind((item := make_leaf(MIDDLE),), (item,)),
        "leaf that is its own trusted root": Kind((alone,), (alone,)),
        "self-signed": Kind((alone,), (ROOT,)),
        "leaf marked as an authority": below(MIDDLE, basic=x509.BasicConstraints(True, None)),
        "ten steps": tower(10),
        "ended": below(MIDDLE, days=OLD),
        "young": below(MIDDLE, days=YOUNG),
    }


def authority_kinds() -> dict[str, Kind]:
    client, any_ = Eku.CLIENT_AUTH, Eku.ANY_EXTENDED_KEY_USAGE
    ten = [x509.IPAddress(ipaddress.ip_network("10.0.0.0/8"))]
    bare = make_certificate("Bare", ROOT, days=USUAL)
    return {
        "names permitted": constraint("N1", dns("example.org")),
        "names permitted, wildcard": constraint("N2", dns("example.org"), names=["*.example.org"]),
        "names not permitted": constraint("N3", dns("example.com")),
        "names excluded": constraint("N4", None, dns("example.org")),
        "names permitted, dot first": constraint("N5", dns(".example.org")),
        "names not permitted, dot first": constraint("N6", dns(".example.com")),
        "directory permitted": constraint("N7", [x509.DirectoryName(x509_name(NAME))]),
        "directory not permitted": constraint("N8", [x509.DirectoryName(x509_name("Another"))]),
        "directory permitted, name not": constraint("N9", [x509.DirectoryName(x509_name(NAME)), *dns("example.com")]),
        "addresses permitted": constraint("N10", ten, names=["10.1.2.3"], name="10.1.2.3"),
        "addresses not permitted": constraint("N11", ten, names=["192.0.2.7"], name="192.0.2.7"),
        "addresses permitted, asked for a name": constraint("N12", ten),
        "purpose: clients": below(MIDDLE, extended=[client]),
        "purpose: any": below(MIDDLE, extended=[any_]),
        "purpose: both": below(MIDDLE, extended=[client, Eku.SERVER_AUTH]),
        "purpose: none said": below(MIDDLE, extended=()),
        "authority's purpose: clients": under("E1", extended=[client]),
        "authority's purpose: any": under("E2", extended=[any_]),
        "authority's purpose: servers": under("E3", extended=[Eku.SERVER_AUTH]),
        "root's purpose: clients": below(root=ca("E4", extended=[client])),
        "key usage: certificates": below(MIDDLE, uses=["key_cert_sign"]),
        "key usage: commitment": below(MIDDLE, uses=["content_commitment"]),
        "key usage: signatures": below(MIDDLE, uses=["digital_signature"]),
        "key usage: agreement": below(MIDDLE, uses=["key_agreement"]),
        "authority's key usage: signatures": under("K1", uses=["digital_signature"]),
        "authority's key usage: certificates": under("K2", uses=["key_cert_sign", "crl_sign"]),
        "no constraints on an intermediate": below(bare),
        "no constraints on a root": below(root=make_certificate("Bare Root", days=USUAL)),
        "intermediate that is a leaf": below(
            make_certificate("L", ROOT, days=USUAL, basic=x509.BasicConstraints(False, None))
        ),
        "unknown critical extension": below(MIDDLE, more=[(UNKNOWN, True)]),
        "unknown extension": below(MIDDLE, more=[(UNKNOWN, False)]),
        "critical identifier of its key": below(MIDDLE, more=[(x509.SubjectKeyIdentifier(b"1" * 20), True)]),
        "critical identifier of its issuer's key": below(
            MIDDLE, more=[(x509.AuthorityKeyIdentifier.from_issuer_public_key(MIDDLE.key.public_key()), True)]
        ),
        "unknown critical extension above": under("U", more=[(UNKNOWN, True)]),
        "policies asked for": under("P1", more=[(x509.PolicyConstraints(0, None), True)]),
        "any policy inhibited": under("P2", more=[(x509.InhibitAnyPolicy(0), True)]),
    }


def key_kinds() -> dict[str, Kind]:
    rsa_root = ca("RSA Root", own=cached_key("rsa2048"))
    ed_root = ca("Ed Root", own=ed25519.Ed25519PrivateKey.generate())
    return {
        "RSA 1024": below(MIDDLE, own=cached_key("rsa1024")),
        "RSA 2048": below(MIDDLE, own=cached_key("rsa2048")),
        "RSA 1024 root": below(root=ca("Small Root", own=cached_key("rsa1024"))),
        "P-192": below(MIDDLE, own=cached_key("p192")),
        "P-224": below(MIDDLE, own=ec.generate_private_key(ec.SECP224R1())),
        "P-521": below(MIDDLE, own=ec.generate_private_key(ec.SECP521R1())),
        "secp256k1": below(MIDDLE, own=ec.generate_private_key(ec.SECP256K1())),
        "Ed25519": below(MIDDLE, own=ed25519.Ed25519PrivateKey.generate()),
        "Ed25519 root": below(root=ed_root),
        "PSS": below(root=rsa_root, pss=True),
        "SHA-512": below(root=rsa_root, hash_=hashes.SHA512()),
        "SHA-224": below(root=rsa_root, hash_=hashes.SHA224()),
    }


STRICTER = {
    "wildcard for a part of a label": "RFC 9525, 6.3: browsers take none",
    "common name alone": "RFC 9525, 2: browsers have not looked at it since 2017",
    "only an e-mail address": "the same",
    "P-224": "no browser takes it",
    "secp256k1": "no browser takes it",
    "Ed25519": "no browser takes it",
    "Ed25519 root": "no browser takes it",
    "SHA-224": "no browser takes it",
}
NAMES = list(kinds_in())


def run_openssl(kind: Kind) -> tuple[bool, str]:
    """What `openssl verify` says, as a client would ask it, and its words."""
    with tempfile.TemporaryDirectory() as folder:
        location = Path(folder)
        for name, parts in (("roots", kind.roots), ("leaf", kind.chain[:1]), ("others", kind.chain[1:])):
            (location / f"{name}.pem").write_text("".join(part.pem for part in parts))
        sent = ["-untrusted", "others.pem"] if kind.chain[1:] else []
        named_ = "-verify_hostname" if kind.name[-1].isalpha() else "-verify_ip"
        words = ["openssl", "verify", "-no-CApath", "-no-CAstore", "-CAfile", "roots.pem", *sent, "-auth_level", "2"]
        words += ["-purpose", "sslserver", "-attime", str(int(NOW.timestamp())), named_, kind.name, "leaf.pem"]
        done = subprocess.run(words, cwd=location, capture_output=True, text=True, check=False)
        return done.returncode == 0, done.stdout + done.stderr


def ours(kind: Kind) -> list[str]:
    match = chain_problems([item.certificate for item in kind.chain], chain_case(kind.name, kind.roots))
    return [f"{item.kind}: {item.saw}" for item in match]


@pytest.mark.parametrize("name", NAMES)
def test_case_52_the_verdict_is_openssl_s_or_stricter_for_a_reason(name: str) -> None:
    taken, text = run_openssl(kinds_in()[name])
    match = ours(kinds_in()[name])
    assert (not match) == (taken and name not in STRICTER), (match, text)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "a signature of somebody else",
            'invalid: its chain does not hold: the signature of "rodan2.example.org" is not',
        ),
        (
            "crossed intermediate first",
            'invalid: of two certificates of "Again" that it sends, the first leads to Else',
        ),
        ("ended intermediate", 'invalid: its chain does not hold: "Again" in its chain ended on 2026-06-14'),
        ("young intermediate", 'invalid: its chain does not hold: "Young" in its chain begins on 2026-06-16'),
        ("names not permitted", 'invalid: its chain does not hold: "N3" may not vouch for rodan2.example.org'),
        ("authority's purpose: clients", 'invalid: its chain does not hold: "E1" may not vouch for TLS servers'),
        ("path length broken", 'invalid: its chain does not hold: "Short" allows fewer authorities below it'),
        ("RSA 1024 root", 'invalid: its chain does not hold: the key of "Small Root" is RSA of 1024 bits'),
        ("key usage: certificates", "not for servers: its key may not be used for a TLS handshake"),
        ("intermediate missing", "incomplete: the server does not send the intermediate certificate of M"),
    ],
)
def test_case_52_each_way_of_being_broken_is_told_in_its_own_words(name: str, words: str) -> None:
    [match] = ours(kinds_in()[name])
    assert match.startswith(words)


wild = st.sampled_from([NAME, "*.example.org", "*.org", "a.org", "*.*.org", "rodan2.example.org."])
days = st.sampled_from([(-20.0, 70.0), OLD, YOUNG, (-0.1, 0.1)])


@st.composite
def any_kind(draw: st.DrawFn) -> Kind:
    """Chains of up to three authorities, each odd in some way, sent in any order, with some left out."""
    above = [draw(st.sampled_from([ROOT, ELSE]))]
    for step in range(draw(st.integers(0, 3))):
        unusual = draw(st.sampled_from([{}, {}, {"length": 0}, {"days": OLD}, {"extended": [Eku.CLIENT_AUTH]}]))
        above.append(ca(f"A{step}", above[-1], **unusual))
    names = draw(st.lists(wild, max_size=2))
    item = make_leaf(above[-1], names=names, days=draw(days))
    sent = [other for other in above if draw(st.integers(0, 3))]
    return Kind((item, *draw(st.permutations(sent))), (ROOT,))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_kind())
def test_what_openssl_refuses_is_never_taken(kind: Kind) -> None:
    taken, text = run_openssl(kind)
    match = ours(kind)
    assert taken or match, text
    nameless = any(item.startswith("wrong name: it names no host at all") for item in match)
    assert not taken or not match or nameless, match


LEAF = make_leaf(MIDDLE, uses=["digital_signature"])
DER = LEAF.certificate.public_bytes(serialization.Encoding.DER)
UNUSED_BITS = DER.rindex(LEAF.certificate.signature) - 1
"""How many bits of the signature do not count: the library takes any number, and the signature is the same."""

DNS_NAME = DER.index(b"\x82", DER.index(bytes.fromhex("551d11")))
"""Where the first alternative name begins with its tag (RFC 5280, 4.2.1.6)."""


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DER) - 1), st.integers(1, 255))
@example(DNS_NAME, 0x82 ^ 0xA3)  # an alternative name becomes an x400Address: the library has no class for it
@example(DNS_NAME, 0x82 ^ 0xA5)  # and an ediPartyName
def test_a_certificate_with_one_byte_changed_is_refused_or_unreadable_and_never_a_crash(place: int, flip: int) -> None:
    assume(place != UNUSED_BITS)
    changed = bytearray(DER)
    changed[place] ^= flip
    try:
        chain = load_chain([ssl.DER_cert_to_PEM_cert(bytes(changed)), MIDDLE.pem])
    except Unobservable:
        return
    assert chain_problems(chain, chain_case(roots=(ROOT,)))
