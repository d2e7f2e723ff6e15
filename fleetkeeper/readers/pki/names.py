"""Whether a certificate is for a name: RFC 6125 (6.4), RFC 9525 (6.3), and RFC 2818 for IP addresses.

The common name is ignored, as by all clients since 2017.
"""

from __future__ import annotations

import ipaddress
from typing import Any

from cryptography import x509

from fleetkeeper.readers.pki.extensions import UNREADABLE


def alternatives(certificate: x509.Certificate) -> tuple[str, ...]:
    """The names that a certificate is for (its subjectAltName): DNS names, then IP addresses.

    Empty without that extension, or when it cannot be read.
    """
    return (*dns_names(certificate), *(str(ip) for ip in subject_alternatives(certificate, x509.IPAddress)))


def dns_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names of the subjectAltName, in lower case. Empty without that extension, or when it cannot be read."""
    return tuple(name.lower() for name in subject_alternatives(certificate, x509.DNSName))


def subject_alternatives(certificate: x509.Certificate, kind: type[x509.DNSName] | type[x509.IPAddress]) -> list[Any]:
    """The values of this kind in the subjectAltName: strings, or IP addresses; [] without that extension.

    [] too when the extensions cannot be read.
    """
    try:
        name = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, *UNREADABLE):
        return []
    return list(name.get_values_for_type(kind))


def is_for(certificate: x509.Certificate, name: str) -> bool:
    """Whether a certificate is for this name or address, also by a wildcard. An address is no DNS name."""
    if (expected := address(name)) is not None:
        return expected in subject_alternatives(certificate, x509.IPAddress)
    return any(covers(pattern, name) for pattern in dns_names(certificate))


def covers(pattern: str, name: str) -> bool:
    """Whether a name of a certificate matches a name. A wildcard is the whole first label and stands for one label.

    Without regard to case and a final dot of `name`. An address only matches the same address.

    >>> covers("*.example.org", "a.example.org"), covers("*.example.org", "a.b.example.org")
    (True, False)
    >>> covers("*.example.org", "example.org"), covers("w*.example.org", "www.example.org"), covers("*.org", "a.org")
    (False, False, False)
    """
    pattern, name = pattern.lower(), name.rstrip(".").lower()
    if address(pattern) is not None or address(name) is not None:
        return address(pattern) == address(name)
    if "*" not in pattern:
        return pattern == name
    first, _, rest = pattern.partition(".")
    label, _, tail = name.partition(".")
    return first == "*" and "*" not in rest and "." in rest and label != "" and tail == rest


def address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that a text is; None for a name."""
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def common_name(name: x509.Name) -> str:
    """The common name of an issuer or subject, else its organisation, else its whole distinguished name."""
    for kind in (x509.oid.NameOID.COMMON_NAME, x509.oid.NameOID.ORGANIZATION_NAME):
        for attribute in name.get_attributes_for_oid(kind):
            return attribute.value if isinstance(attribute.value, str) else attribute.value.decode("utf-8", "replace")
    return name.rfc4514_string() or "a nameless one"
