"""The extensions of a certificate, by their class."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.utils import CryptographyDeprecationWarning

NETSCAPE_TYPE = x509.ObjectIdentifier("2.16.840.1.113730.1.1")
SSL_SERVER = 0x40
# What the library raises for certificates and extensions that it cannot read; they have no common class.
UNREADABLE = (
    ValueError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)
E = TypeVar("E", bound="x509.ExtensionType")


@contextmanager
def odd_serials() -> Iterator[None]:
    """Keep quiet about serial numbers below one while the block runs: some old public roots have one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def extension(certificate: x509.Certificate, kind: type[E]) -> E | None:
    """The extension of this class; None when there is none, or the extensions cannot be read."""
    try:
        with odd_serials():
            return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return None


def is_other_netscape_type(certificate: x509.Certificate) -> bool:
    """Whether an old extension of Netscape's says what the certificate is for, and TLS servers are not among it.

    OpenSSL still refuses such a leaf. Its value is a bit string in DER: tag, length, unused bits, and one byte.
    """
    values = [item.value for item in certificate.extensions if item.oid == NETSCAPE_TYPE]
    bits = [value.value[3:4] for value in values if isinstance(value, x509.UnrecognizedExtension)]
    return any(not byte or not byte[0] & SSL_SERVER for byte in bits)
