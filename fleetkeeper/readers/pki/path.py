"""The one way up a chain that OpenSSL takes, and what it asks of each step: RFC 5280 (6.1) without policies.

OpenSSL tries no second way: where two certificates of one authority are sent, the first that is valid now counts.
Checked here is what the library's verifier leaves out (purpose) or refuses to look at (some name constraints,
extensions about policies), so that the verdict is that of `openssl verify -purpose sslserver`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TypeVar

from cryptography import x509

from fleetkeeper.readers.pki.certificate_problem import issued_by, subject_name

LONGEST = 32
NETWORK = (ipaddress.IPv4Network, ipaddress.IPv6Network)
KNOWN = (
    "BASIC_CONSTRAINTS",
    "KEY_USAGE",
    "EXTENDED_KEY_USAGE",
    "SUBJECT_ALTERNATIVE_NAME",
    "NAME_CONSTRAINTS",
    "CERTIFICATE_POLICIES",
    "POLICY_MAPPINGS",
    "POLICY_CONSTRAINTS",
    "INHIBIT_ANY_POLICY",
    "SUBJECT_KEY_IDENTIFIER",
    "AUTHORITY_KEY_IDENTIFIER",
    "CRL_DISTRIBUTION_POINTS",
)
"""Extensions that OpenSSL handles where they are marked critical, as `x509.oid.ExtensionOID` names them."""
E = TypeVar("E", bound="x509.ExtensionType")


@dataclass(frozen=True)
class Sent:
    """A chain as it was sent, the roots that it may lead to (`anchors`), and when it must hold."""

    leaf: x509.Certificate
    others: Sequence[x509.Certificate]
    anchors: Sequence[x509.Certificate]
    when: datetime

    @cached_property
    def way(self) -> list[x509.Certificate]:
        """From the leaf as far up as an issuer can be found: among the roots first, then the first that is valid."""
        certificates = [self.leaf]
        while len(certificates) <= LONGEST and certificates[-1].issuer != certificates[-1].subject:
            above = [
                certificate
                for certificate in (*self.anchors, *self.others)
                if certificate not in certificates and issued_by(certificates[-1], certificate)
            ]
            if not above:
                break
            certificates.append(
                next((certificate for certificate in above if is_valid_at(certificate, self.when)), above[0])
            )
        return certificates

    @property
    def top(self) -> x509.Certificate:
        return self.way[-1]


def is_valid_at(certificate: x509.Certificate, when: datetime) -> bool:
    return certificate.not_valid_before_utc <= when <= certificate.not_valid_after_utc


def purposes(certificates: Sequence[x509.Certificate]) -> Iterator[str]:
    """Authorities on the way that may not vouch for servers: their extended key usage leaves TLS servers out."""
    for certificate in certificates[1:]:
        usage = extension(certificate, x509.ExtendedKeyUsage)
        if usage is not None and x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in usage:
            yield f"{subject_name(certificate)} may not vouch for TLS servers (its extended key usage)"


def faults(certificates: Sequence[x509.Certificate], when: datetime) -> Iterator[str]:
    """Everything that keeps a way from holding. Signatures were checked when it was found."""
    known_names = {getattr(x509.oid.ExtensionOID, name) for name in KNOWN}
    for depth, certificate in enumerate(certificates):
        for critical in certificate.extensions:
            if critical.critical and critical.oid not in known_names:
                number = critical.oid.dotted_string
                yield f"{subject_name(certificate)} has a critical extension that nobody knows ({number})"
        if depth and not is_valid_at(certificate, when):
            yield f"{subject_name(certificate)} is not valid now"
        if depth:
            yield from authority_faults(certificate, certificates[1:depth])
            yield from constrained(certificate, certificates[:depth])


def authority_faults(certificate: x509.Certificate, below: Sequence[x509.Certificate]) -> Iterator[str]:
    """RFC 5280, 4.2.1.9 and 4.2.1.3. A path length does not count authorities that issued themselves."""
    basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca:
        yield f"{subject_name(certificate)} is not marked as an authority"
    elif basic.path_length is not None and basic.path_length < sum(other.issuer != other.subject for other in below):
        yield f"{subject_name(certificate)} allows fewer authorities below it"
    if usage is not None and not usage.key_cert_sign:
        yield f"{subject_name(certificate)} may not sign certificates"


def constrained(certificate: x509.Certificate, below: Sequence[x509.Certificate]) -> Iterator[str]:
    """RFC 5280, 4.2.1.10: names that an authority may not vouch for."""
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is None:
        return
    for name in general_names(below):
        alike = [other for other in constraints.permitted_subtrees or () if type(other) is type(name)]
        if alike and not any(within(name, other) for other in alike):
            yield f"{subject_name(certificate)} may not vouch for {shown(name)}"
        if any(within(name, other) for other in constraints.excluded_subtrees or ()):
            yield f"{subject_name(certificate)} may not vouch for {shown(name)}"


def general_names(below: Sequence[x509.Certificate]) -> Iterator[x509.GeneralName]:
    """The names that constraints are held against: of the leaf, and the subjects of all."""
    yield from extension(below[0], x509.SubjectAlternativeName) or ()
    yield from (x509.DirectoryName(certificate.subject) for certificate in below if certificate.subject.rdns)


def within(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    """Whether a name lies in a subtree. A leading dot asks for at least one more label, as OpenSSL has it."""
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        mine, top = name.value.lower(), tree.value.lower()
        return not top or mine == top or mine.endswith(top if top.startswith(".") else f".{top}")
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        value, network = name.value, tree.value
        return isinstance(network, NETWORK) and not isinstance(value, NETWORK) and value in network
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        top_parts = parts(tree.value)
        return parts(name.value)[: len(top_parts)] == top_parts
    return False


def parts(name: x509.Name) -> list[str]:
    return [rdn.rfc4514_string().lower() for rdn in name.rdns]


def shown(name: x509.GeneralName) -> str:
    value = name.value
    return value.rfc4514_string() if isinstance(value, x509.Name) else str(value)


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError):
        return None
