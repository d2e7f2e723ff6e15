"""Chains put together at random from everything that decides about them, judged by us and by `openssl verify`.

Each number is one chain, the same in every run. No chain that OpenSSL refuses is taken, and none that it takes is
refused, but for what `chain_problems` documents as stricter on purpose.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID as Eku
from cryptography.x509.oid import NameOID

from fleetkeeper.readers.pki.names import common_name
from tests.example_fleets.certificates import NAME, NOW, Made, cached_key, general_name
from tests.programs.readers.pki.test_verify_as_openssl_does import USES, Kind, ours, run_openssl

DAY = timedelta(days=1)
CHAINS, SAMPLE = 600, 40
OID = x509.ObjectIdentifier
NETSCAPE = OID("2.16.840.1.113730.1.1")


@dataclass
class Part:
    """One certificate to be made: what differs from an ordinary one. `says` is how a child writes its issuer's name."""

    subject: str
    ca: bool = True
    days: tuple[float, float] = (-200, 200)
    key: str = ""
    says: str = "the same"
    identifier: bool = True
    names_key: str = "key"
    critical: str = ""
    purposes: tuple[Any, ...] | None = None
    uses: tuple[str, ...] | None = None
    length: int | None = None
    digest: Any = field(default_factory=hashes.SHA256)
    names: tuple[str, ...] = ()


def made_key(kind: str, subject: str) -> Any:
    match kind:
        case "":
            return cached_key(f"p256 {subject}")
        case "p384":
            return other_key(kind)
        case "ed25519":
            return other_key(kind)
    return cached_key(kind)


@cache
def other_key(kind: str) -> Any:
    return ec.generate_private_key(ec.SECP384R1()) if kind == "p384" else ed25519.Ed25519PrivateKey.generate()


def distinguished(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Any Co"), x509.NameAttribute(NameOID.COMMON_NAME, common)]
    )


SAYS: dict[str, Callable[[str], str]] = {
    "the same": str,
    "as printable": str,
    "other case": str.upper,
    "other blanks": lambda text: f" {text.replace(' ', '   ')} ",
    "another": lambda text: f"{text} of old",
}
CRITICAL: dict[str, Callable[[], x509.ExtensionType]] = {
    "aia": lambda: x509.AuthorityInformationAccess(
        [x509.AccessDescription(OID("1.3.6.1.5.5.7.48.1"), x509.UniformResourceIdentifier("http://o.example"))]
    ),
    "policies": lambda: x509.CertificatePolicies([x509.PolicyInformation(OID("2.23.140.1.2.1"), None)]),
    "crl points": lambda: x509.CRLDistributionPoints(
        [x509.DistributionPoint([x509.UniformResourceIdentifier("http://c.example/c.crl")], None, None, None)]
    ),
    "unknown": lambda: x509.UnrecognizedExtension(OID("1.2.3.4"), b"\x05\x00"),
    "must staple": lambda: x509.TLSFeature([x509.TLSFeatureType.status_request]),
    "no check": x509.OCSPNoCheck,
    "issuer's other name": lambda: x509.IssuerAlternativeName([x509.DNSName("ca.example")]),
    "policy constraints": lambda: x509.PolicyConstraints(0, None),
    "netscape server": lambda: x509.UnrecognizedExtension(NETSCAPE, b"\x03\x02\x06\x40"),
    "netscape client": lambda: x509.UnrecognizedExtension(NETSCAPE, b"\x03\x02\x07\x80"),
}


def key_names(part: Part, issuer: Made) -> list[tuple[x509.ExtensionType, bool]]:
    """The authorityKeyIdentifier: right, wrong in each of its three parts, or none."""
    right = x509.SubjectKeyIdentifier.from_public_key(issuer.certificate.public_key()).digest
    above, serial = [x509.DirectoryName(issuer.certificate.issuer)], issuer.certificate.serial_number
    kinds = {
        "key": (right, None, None),
        "another key": (b"\1" * 20, None, None),
        "serial": (None, above, serial),
        "another serial": (None, above, serial + 1),
        "key, another serial": (right, above, serial + 1),
        "another issuer": (right, [x509.DirectoryName(distinguished("Nobody"))], serial),
    }
    return [(x509.AuthorityKeyIdentifier(*kinds[part.names_key]), False)] if part.names_key in kinds else []


def extensions(part: Part, own: Any, issuer: Made | None) -> list[tuple[x509.ExtensionType, bool]]:
    wanted: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(part.ca, part.length if part.ca else None), True)
    ]
    if part.identifier:
        wanted.append((x509.SubjectKeyIdentifier.from_public_key(own.public_key()), False))
    if issuer is not None:
        wanted += key_names(part, issuer)
    if part.purposes is not None:
        wanted.append((x509.ExtendedKeyUsage(part.purposes), False))
    if part.uses is not None:
        wanted.append((x509.KeyUsage(**{use: use in part.uses for use in USES}), True))
    if part.names:
        wanted.append((x509.SubjectAlternativeName([general_name(name) for name in part.names]), False))
    if part.critical:
        wanted.append((CRITICAL[part.critical](), not part.critical.startswith("netscape")))
    return wanted


def make(part: Part, issuer: Made | None = None) -> Made:
    own = made_key(part.key, part.subject)
    name = distinguished(part.subject)
    common = common_name(issuer.certificate.subject) if issuer else ""
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(distinguished(SAYS[part.says](common)) if issuer else name)
        .public_key(own.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW + part.days[0] * DAY)
        .not_valid_after(NOW + part.days[1] * DAY)
    )
    for extension, critical in extensions(part, own, issuer):
        builder = builder.add_extension(extension, critical)
    by = issuer.key if issuer else own
    digest = None if isinstance(by, ed25519.Ed25519PrivateKey) else part.digest
    whole = builder.sign(by, digest)
    return Made(printable(whole, common, by) if part.says == "as printable" and issuer else whole, own)


def printable(certificate: x509.Certificate, common: str, by: Any) -> x509.Certificate:
    """The certificate with its issuer's name as PrintableString, signed again: the library writes UTF8String only."""
    text = common.encode()
    signed = certificate.tbs_certificate_bytes.replace(
        b"\x0c" + bytes([len(text)]) + text, b"\x13" + bytes([len(text)]) + text, 1
    )
    whole = certificate.public_bytes(serialization.Encoding.DER)
    start = whole.index(certificate.tbs_certificate_bytes) + len(certificate.tbs_certificate_bytes)
    algorithm = whole[start : start + 2 + whole[start + 1]]
    if isinstance(by, ec.EllipticCurvePrivateKey):
        signature = by.sign(signed, ec.ECDSA(certificate.signature_hash_algorithm or hashes.SHA256()))
    else:
        return certificate
    body = signed + algorithm + der(3, b"\0" + signature)
    return x509.load_der_x509_certificate(der(0x30, body))


def der(tag: int, body: bytes) -> bytes:
    size = len(body)
    length = bytes([size]) if size < 128 else bytes([0x82, size >> 8, size & 255])
    return bytes([tag]) + length + body


class Dice(random.Random):
    """Choices of which the first is the usual one."""

    def pick(self, usual: Any, *others: Any, odds: float = 0.1) -> Any:
        return self.choice(others) if self.random() < odds / 3 else usual


OLD, YOUNG = (-900, -1), (1, 900)
SERVER, CLIENT, ANY = Eku.SERVER_AUTH, Eku.CLIENT_AUTH, Eku.ANY_EXTENDED_KEY_USAGE
AUTHORITY, SIGNS = ("key_cert_sign", "crl_sign"), ("digital_signature",)
ASKED = {
    NAME: (NAME, "*.example.org", NAME.upper(), "a.org", "*.org", "*.b.example.org"),
    "192.0.2.7": ("192.0.2.7", "192.0.2.8"),
    "xn--bcher-kva.example.org": ("xn--bcher-kva.example.org", "*.example.org"),
}


def any_authority(dice: Dice, subject: str) -> Part:
    return Part(
        subject,
        days=dice.pick((-900, 900), OLD, YOUNG, odds=0.06),
        key=dice.pick("", "p384", "rsa2048", "rsa1024", odds=0.15),
        says=dice.pick("the same", *SAYS, odds=0.4),
        identifier=dice.pick(True, False, odds=0.3),
        names_key=dice.pick("key", "", "another key", "serial", "another serial", "another issuer", odds=0.3),
        critical=dice.pick("", *CRITICAL, odds=0.15),
        purposes=dice.pick(None, (SERVER,), (ANY,), (CLIENT,), (SERVER, CLIENT)),
        uses=dice.pick(AUTHORITY, None, SIGNS),
        length=dice.pick(None, 0, 1),
        digest=dice.pick(hashes.SHA256(), hashes.SHA384(), hashes.SHA512()),
        ca=dice.pick(True, False, odds=0.03),
    )


def any_leaf(dice: Dice, asked: str) -> Part:
    return Part(
        asked,
        ca=False,
        days=dice.pick((-20, 70), OLD, YOUNG, odds=0.06),
        key=dice.pick("", "p384", "rsa2048", "rsa1024", "ed25519", odds=0.2),
        says=dice.pick("the same", *SAYS, odds=0.4),
        identifier=dice.pick(True, False),
        names_key=dice.pick("key", "", "another key", "serial", "another serial", "key, another serial", odds=0.4),
        critical=dice.pick("", *CRITICAL, odds=0.25),
        purposes=dice.pick((SERVER,), None, (ANY,), (CLIENT,), (SERVER, CLIENT), odds=0.3),
        uses=dice.pick(SIGNS, None, ("key_encipherment",), AUTHORITY, odds=0.2),
        names=(dice.pick(asked, *ASKED[asked], odds=0.3),),
    )


def sent_as(dice: Dice, leaf: Made, above: Sequence[Made], root: Made) -> tuple[Made, ...]:
    """The chain in an order, with something left out or too much."""
    stranger = make(Part("A stranger"))
    namesake = make(Part(common_name(above[0].certificate.subject) if above else "Nobody", key="p384"))
    ways = {
        "right": [*above],
        "reversed": [*reversed(above)],
        "root too": [*above, root],
        "one missing": [*above[1:]],
        "stranger": [stranger, *above],
        "twice": [*above, *above],
        "namesake first": [namesake, *above],
        "namesake last": [*above, namesake],
    }
    return (leaf, *ways[dice.pick("right", *ways, odds=0.35)])


def chain_number(number: int) -> tuple[Kind, Part]:
    dice = Dice(number)
    asked = dice.pick(NAME, *ASKED, odds=0.2)
    root_part = any_authority(dice, "Root One")
    root = make(root_part)
    above = [root]
    for step in range(dice.choice([0, 1, 1, 2])):
        above.append(make(any_authority(dice, f"Step {step} of it"), above[-1]))
    part = any_leaf(dice, asked)
    leaf = make(part, above[-1])
    between = above[:0:-1]
    namesake = make(Part("Root One", key="p384"))
    trusted = {
        "root": (root,),
        "namesake too": (namesake, root),
        "namesake behind": (root, namesake),
        "the intermediate too": (*between[:1], root),
        "the intermediate alone": tuple(between[:1]) or (root,),
        "another": (make(Part("Else")),),
    }
    roots = trusted[dice.pick("root", *trusted, odds=0.3)]
    return Kind(sent_as(dice, leaf, between, root), roots, asked), part


STRICTER_KEYS = {"ed25519"}
"""Keys of the leaf that OpenSSL takes and browsers do not."""


def judge(number: int) -> tuple[bool, bool]:
    """Whether OpenSSL takes it, and whether we do; held against each other."""
    kind, part = chain_number(number)
    taken, text = run_openssl(kind)
    match = ours(kind)
    if match and taken and part.key in STRICTER_KEYS and all(item.startswith("weak key") for item in match):
        return taken, True
    assert (not match) == taken, (number, part, match, text)
    return taken, not match


@pytest.mark.parametrize("number", range(SAMPLE))
def test_a_generated_chain_is_judged_as_openssl_judges_it(number: int) -> None:
    judge(number)


@pytest.mark.long
def test_600_generated_chains_are_judged_as_openssl_judges_them() -> None:
    results = [judge(number)[0] for number in range(CHAINS)]
    assert 150 < sum(results) < 450, "both answers must be frequent, or the set proves little"
