"""Whether one certificate may have issued another: names, key identifiers and signature, as OpenSSL asks.

Source: RFC 5280, 7.1 (names that are equal although their bytes differ) and 4.2.1.1 (authorityKeyIdentifier);
X509_NAME_cmp(3), X509_check_issued(3).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from fleetkeeper.readers.pki.extensions import extension, odd_serials

WEAK = (hashes.MD5, hashes.SHA1)
BLANKS = re.compile(r"[ \t\n\v\f\r]+")
TO_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
CanonicalName: TypeAlias = "tuple[frozenset[tuple[str, str | bytes]], ...]"


@lru_cache(maxsize=4096)
def canonical_name(name: x509.Name) -> CanonicalName:
    """A distinguished name such that equal names are equal: without string types, capitals of ASCII and extra blanks.

    One set for each relative distinguished name: pairs of a dotted attribute type and its value. Computed once for
    each.
    """
    return tuple(
        frozenset((attribute.oid.dotted_string, canonical_value(attribute.value)) for attribute in part)
        for part in name.rdns
    )


def canonical_value(value: str | bytes) -> str | bytes:
    """The value of an attribute as it is compared; bytes, which are no text, stay as they are.

    Text is in lower case (ASCII), with single blanks and none around it.

    >>> canonical_value("  Example   Root "), canonical_value("É")
    ('example root', 'É')
    """
    return value if isinstance(value, bytes) else BLANKS.sub(" ", value).strip(" ").translate(TO_LOWER)


def may_have_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether names, key identifiers and the kind of the key fit. The signature is not checked.

    This is how OpenSSL picks the next certificate of a path: the first that fits, whatever its signature is.
    """
    return (
        canonical_name(issuer.subject) == canonical_name(certificate.issuer)
        and fits_key_identifier(issuer, certificate)
        and signs_like(issuer, certificate)
    )


def fits_key_identifier(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the certificate's authorityKeyIdentifier, where it has one, names this issuer.

    The key's identifier is compared only where the issuer has one, too. True when it has none. A serial number and a
    name in it must be the issuer's own.
    """
    named, own = extension(certificate, x509.AuthorityKeyIdentifier), extension(issuer, x509.SubjectKeyIdentifier)
    if named is None:
        return True
    if named.key_identifier is not None and own is not None and named.key_identifier != own.digest:
        return False
    with odd_serials():
        if named.authority_cert_serial_number not in (None, issuer.serial_number):
            return False
    above = [name.value for name in named.authority_cert_issuer or () if isinstance(name, x509.DirectoryName)]
    return not above or canonical_name(above[0]) == canonical_name(issuer.issuer)


def signs_like(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the issuer's key is of the kind that the certificate was signed with; True where that is not known."""
    try:
        key, scheme = issuer.public_key(), certificate.signature_algorithm_parameters
    except Exception:  # noqa: BLE001 - cryptography raises several kinds for keys and signatures that it does not know
        return True
    if isinstance(scheme, (padding.PKCS1v15, padding.PSS)):
        return isinstance(key, rsa.RSAPublicKey)
    return not isinstance(scheme, ec.ECDSA) or isinstance(key, ec.EllipticCurvePublicKey)


def issued_itself(certificate: x509.Certificate) -> bool:
    """Whether a certificate names itself as its issuer, as that of a root does. The signature is not checked."""
    return may_have_issued(certificate, certificate)


def issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether a certificate names that issuer and has its signature."""
    return canonical_name(certificate.issuer) == canonical_name(issuer.subject) and has_signature_of(
        issuer, certificate
    )


def has_signature_of(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """Whether the certificate was signed with the issuer's key.

    Signatures with MD5 and SHA-1 are no longer checked by the library: they count here, so that they are reported as
    weak and not as missing an issuer. Nothing is trusted by this: they are findings of their own.
    """
    digest = signed_with(certificate)
    if isinstance(digest, WEAK):
        return True
    try:
        check_signature(issuer, certificate, digest)
    except Exception:  # noqa: BLE001 - cryptography raises several kinds for keys and signatures that it does not know
        return False
    return True


def check_signature(
    issuer: x509.Certificate, certificate: x509.Certificate, digest: hashes.HashAlgorithm | None
) -> None:
    """Raise InvalidSignature, or an error of the library for kinds that it does not know, unless the signature fits."""
    key, signature, signed = issuer.public_key(), certificate.signature, certificate.tbs_certificate_bytes
    scheme = certificate.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey) and isinstance(scheme, (padding.PKCS1v15, padding.PSS)) and digest:
        key.verify(signature, signed, scheme, digest)
    elif isinstance(key, ec.EllipticCurvePublicKey) and isinstance(scheme, ec.ECDSA):
        key.verify(signature, signed, scheme)
    elif isinstance(key, (ed25519.Ed25519PublicKey, ed448.Ed448PublicKey)) and digest is None:
        key.verify(signature, signed)
    else:
        raise InvalidSignature


def signed_with(certificate: x509.Certificate) -> hashes.HashAlgorithm | None:
    """The digest algorithm of the signature; None when there is none, or the library does not know it."""
    try:
        return certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return None
