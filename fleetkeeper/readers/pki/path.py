"""The one certification path that OpenSSL tries, and its checks of each step: RFC 5280 (6.1) without policies.

OpenSSL tries no second path: where two certificates of one authority are there, the first that is valid now counts, a
trusted one before those that were sent, and it counts whatever its signature is.
Checked here is what the library's verifier leaves out (purpose) or refuses to look at (some name constraints,
extensions about policies), so that the result is that of `openssl verify -purpose sslserver`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from itertools import pairwise

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from fleetkeeper.readers.pki.certificate_problem import key_weakness, subject_name
from fleetkeeper.readers.pki.extensions import NETSCAPE_TYPE, extension
from fleetkeeper.readers.pki.issuers import (
    CanonicalName,
    canonical_name,
    has_signature_of,
    issued_itself,
    may_have_issued,
    signed_with,
)

LONGEST = 32
SOUND = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
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
    "CRL_DISTRIBUTION_POINTS",
    "OCSP_NO_CHECK",
)
"""Extensions that OpenSSL handles when they are marked critical, as `x509.oid.ExtensionOID` names them."""


@dataclass(frozen=True)
class Sent:
    """A chain as the server sent it, with the certificates from which a path can be built.

    `others` were sent with it, `trusted` are this machine's certificates by their subject, of which those that issued
    themselves are the roots that a path may end at. `when` is the time at which it must be valid.
    """

    leaf: x509.Certificate
    others: Sequence[x509.Certificate]
    trusted: Mapping[CanonicalName, Sequence[x509.Certificate]]
    when: datetime

    @cached_property
    def way(self) -> list[x509.Certificate]:
        """The path from the leaf up, as far as issuers are found.

        What was sent is no longer looked at above a certificate that is trusted. At most LONGEST certificates above the
        leaf. Computed once; signatures and dates do not matter here.
        """
        certificates, others = [self.leaf], self.others
        while len(certificates) <= LONGEST and not issued_itself(certificates[-1]):
            if above := self.issuers(certificates, self.trusted.get(canonical_name(certificates[-1].issuer), ())):
                others = ()
            elif not (above := self.issuers(certificates, others)):
                break
            certificates.append(self.preferred(above))
        return certificates

    def issuers(
        self, below: Sequence[x509.Certificate], candidates: Sequence[x509.Certificate]
    ) -> list[x509.Certificate]:
        """The candidates that may have issued the last certificate of a path, without those that are on it."""
        return [
            certificate
            for certificate in candidates
            if certificate not in below and may_have_issued(certificate, below[-1])
        ]

    def preferred(self, above: Sequence[x509.Certificate]) -> x509.Certificate:
        """The first of some issuers that is valid; without any, the one that ends last."""
        valid = [certificate for certificate in above if is_valid_at(certificate, self.when)]
        return valid[0] if valid else max(above, key=lambda certificate: certificate.not_valid_after_utc)

    @cached_property
    def anchored(self) -> bool:
        """Whether the path ends at a trusted root."""
        return issued_itself(self.top) and self.top in self.trusted.get(canonical_name(self.top.subject), ())

    @property
    def namesakes(self) -> list[x509.Certificate]:
        """The certificates with the name of the missing issuer that cannot have issued the last one of the path.

        [] where no issuer is missing: the last one issued itself.
        """
        name = canonical_name(self.top.issuer)
        certificates = (*self.trusted.get(name, ()), *self.others)
        others = [other for other in certificates if other != self.top and canonical_name(other.subject) == name]
        return [] if issued_itself(self.top) else others

    @cached_property
    def forged(self) -> tuple[x509.Certificate, x509.Certificate] | None:
        """The lowest step of the path, as certificate and issuer, whose signature is not the issuer's; or None."""
        steps = pairwise(self.way)
        return next(((below, above) for below, above in steps if not has_signature_of(above, below)), None)

    @property
    def top(self) -> x509.Certificate:
        """The last certificate of the path."""
        return self.way[-1]


def is_valid_at(certificate: x509.Certificate, when: datetime) -> bool:
    """Whether a time is within the certificate's dates: from its first second on, and no longer in its last.

    RFC 5280, 4.1.2.5, includes both; OpenSSL takes the end for over in its own second (X509_cmp_time(3)).
    """
    return certificate.not_valid_before_utc <= when < certificate.not_valid_after_utc


def purpose_faults(certificates: Sequence[x509.Certificate]) -> Iterator[str]:
    """A message for each authority on the path whose extended key usage does not include TLS servers.

    Nothing where it has no such extension; the leaf is not looked at.
    """
    for certificate in certificates[1:]:
        usage = extension(certificate, x509.ExtendedKeyUsage)
        if usage is not None and x509.oid.ExtendedKeyUsageOID.SERVER_AUTH not in usage:
            yield f"{subject_name(certificate)} may not vouch for TLS servers (its extended key usage)"


def faults(certificates: Sequence[x509.Certificate], when: datetime) -> Iterator[str]:
    """A message for each fault that makes the path (leaf first) invalid. Signatures are judged elsewhere.

    So are the leaf's own dates, name and use. Nothing for a valid one. `when` is the time that it is judged at.
    """
    understood = {NETSCAPE_TYPE, *(getattr(x509.oid.ExtensionOID, name) for name in KNOWN)}
    for depth, certificate in enumerate(certificates):
        for critical in certificate.extensions:
            if critical.critical and critical.oid not in understood:
                number = critical.oid.dotted_string
                yield f"{subject_name(certificate)} has a critical extension that nobody knows ({number})"
        if depth and not is_valid_at(certificate, when):
            yield f"{subject_name(certificate)} is not valid now"
        if depth:
            yield from authority_faults(certificate, certificates[1:depth])
            yield from constraint_faults(certificate, certificates[:depth])


def weaknesses(certificates: Sequence[x509.Certificate]) -> Iterator[str]:
    """A message for each certificate of a path whose key, or signature below the root, clients do not accept.

    The last one's signature is not looked at.
    """
    for depth, certificate in enumerate(certificates):
        if why := key_weakness(certificate):
            yield f"the key of {subject_name(certificate)} is {why}"
        if depth < len(certificates) - 1 and not isinstance(signed_with(certificate), SOUND):
            yield f"the signature of {subject_name(certificate)} is of a kind that clients do not take"


def authority_faults(certificate: x509.Certificate, below: Sequence[x509.Certificate]) -> Iterator[str]:
    """A message for each reason why a certificate may not be an authority here: RFC 5280, 4.2.1.9 and 4.2.1.3.

    `below` are the authorities under it. A path length does not count those that issued themselves.
    """
    basic, usage = extension(certificate, x509.BasicConstraints), extension(certificate, x509.KeyUsage)
    if basic is None or not basic.ca:
        yield f"{subject_name(certificate)} is not marked as an authority"
    elif basic.path_length is not None and basic.path_length < sum(other.issuer != other.subject for other in below):
        yield f"{subject_name(certificate)} allows fewer authorities below it"
    if usage is not None and not usage.key_cert_sign:
        yield f"{subject_name(certificate)} may not sign certificates"


def constraint_faults(certificate: x509.Certificate, below: Sequence[x509.Certificate]) -> Iterator[str]:
    """A message for each name below an authority that its name constraints forbid: RFC 5280, 4.2.1.10.

    `below` is the path under it, leaf first. Nothing for one without constraints, or for names of kinds that they do
    not name.
    """
    constraints = extension(certificate, x509.NameConstraints)
    if constraints is None:
        return
    for name in general_names(below):
        alike = [other for other in constraints.permitted_subtrees or () if type(other) is type(name)]
        if alike and not any(is_in_subtree(name, other) for other in alike):
            yield f"{subject_name(certificate)} may not vouch for {name_in_words(name)}"
        if any(is_in_subtree(name, other) for other in constraints.excluded_subtrees or ()):
            yield f"{subject_name(certificate)} may not vouch for {name_in_words(name)}"


def general_names(below: Sequence[x509.Certificate]) -> Iterator[x509.GeneralName]:
    """The names that constraints apply to: the leaf's subjectAltName, and the subjects of all."""
    yield from extension(below[0], x509.SubjectAlternativeName) or ()
    yield from (x509.DirectoryName(certificate.subject) for certificate in below if certificate.subject.rdns)


def is_in_subtree(name: x509.GeneralName, tree: x509.GeneralName) -> bool:
    """Whether a name lies in a subtree. A leading dot requires at least one more label, as in OpenSSL.

    False for names of two kinds, and for kinds other than DNS names, IP addresses and directory names.
    """
    if isinstance(name, x509.DNSName) and isinstance(tree, x509.DNSName):
        mine, top = name.value.lower(), tree.value.lower()
        return not top or mine == top or mine.endswith(top if top.startswith(".") else f".{top}")
    if isinstance(name, x509.IPAddress) and isinstance(tree, x509.IPAddress):
        value, network = name.value, tree.value
        return isinstance(network, NETWORK) and not isinstance(value, NETWORK) and value in network
    if isinstance(name, x509.DirectoryName) and isinstance(tree, x509.DirectoryName):
        top_parts = name_parts(tree.value)
        return name_parts(name.value)[: len(top_parts)] == top_parts
    return False


def name_parts(name: x509.Name) -> list[str]:
    """The relative distinguished names of a name as text, in lower case. In the order of the name."""
    return [rdn.rfc4514_string().lower() for rdn in name.rdns]


def name_in_words(name: x509.GeneralName) -> str:
    """The name as text for a message."""
    value = name.value
    return value.rfc4514_string() if isinstance(value, x509.Name) else str(value)
