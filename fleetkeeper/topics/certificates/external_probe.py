"""Each name as a client out there sees it: resolved, and asked with a TLS handshake, by the machine that audits.

A proxy, an old DNS record or a firewall in between shows only there. Only the names (or the addresses) that the
inventory gives are asked, nothing is sent but the handshake, and all of it runs beside the look at the nodes.
"""

from __future__ import annotations

import errno
import re
import socket
import ssl
import struct
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from fleetkeeper.looking.threads import map_in_threads
from fleetkeeper.readers.tls_handshakes import ENDED, PLAIN, Refused
from fleetkeeper.topics.certificates.facts import Facts, ServedCertificate
from fleetkeeper.topics.certificates.policy import Certificate, Outside, Policy
from fleetkeeper.topics.certificates.tls_probes import HTTPS
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

LIMIT = 5.0
"""Seconds for the resolver, and again for a handshake."""
ADDRESSES = 4
"""Of one name, at most: each may be another machine, and one of them the old one."""
NO_WAY = frozenset({errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.ENETDOWN})
ALERT = re.compile(r"(sslv3|tlsv1|tlsv13) ")
UNSAFE_RENEGOTIATION = 0x4  # SSL_OP_LEGACY_SERVER_CONNECT, which Python 3.12 was the first to name


@dataclass(frozen=True)
class ExternalAddress:
    """One address and port where a name is asked for. `host` is the name or address that is resolved.

    `address` is one IP address of `host`, empty before it was resolved. `starttls` is the protocol to begin with, or
    None.
    """

    name: str
    host: str
    port: int
    address: str = ""
    starttls: str | None = None

    def answered(self, **lines: Any) -> ServedCertificate:
        """The result of asking there, with these further fields."""
        return ServedCertificate(self.name, "", self.port, self.address or self.host, **lines)


@dataclass(frozen=True)
class Resolved:
    """The IP addresses of a host; without any, `why` is the reason."""

    addresses: tuple[str, ...] = ()
    why: str = ""


def from_here(inventory: Inventory) -> Facts:
    """The handshakes that the machine that audits made for every name, as `outside` of the facts.

    Raises NotApplicable where the inventory has no certificates. Looks names up and connects, all at once, for LIMIT
    seconds at most each; nothing is raised for a name.
    """
    paths = [path for certificate in inventory.section(Policy).certificates for path in external_addresses(certificate)]
    hosts = list(dict.fromkeys(address.host for address in paths))
    matches = dict(zip(hosts, map_in_threads(resolve_name, hosts, LIMIT, no_resolver), strict=True))
    nowhere = [
        address.answered(refused="unresolved", said=matches[address.host].why)
        for address in paths
        if not matches[address.host].addresses
    ]
    present = [replace(path, address=address) for path in paths for address in matches[path.host].addresses]
    return Facts(outside=(*nowhere, *map_in_threads(tls_handshake, present, LIMIT + 1, no_answer)))


def external_addresses(certificate: Certificate) -> Iterator[ExternalAddress]:
    """The places to ask for one certificate, not resolved yet; nothing where the inventory has `outside: {none: why}`.

    One for each port: those of `outside`, else those of the certificate, else 443. Nothing, too, where it is undecided.
    """
    outside = certificate.outside or Outside()
    if isinstance(outside, Outside):
        for port in outside.ports or certificate.ports or (HTTPS,):
            yield ExternalAddress(
                certificate.name, outside.address or certificate.name, port, starttls=certificate.starttls
            )


def resolve_name(host: str) -> Resolved:
    """The IP addresses of a name, IPv4 and IPv6 in turn, at most four; only of families that this machine itself has.

    Nothing is raised: without any, `why` says so.

    >>> resolve_name("127.0.0.1")
    Resolved(addresses=('127.0.0.1',), why='')
    """
    try:
        matches = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    except (OSError, UnicodeError) as odd:
        return Resolved(why=getattr(odd, "strerror", None) or str(odd))
    four, six = (
        dict.fromkeys(str(where[0]) for family, *_, where in matches if family == kind)
        for kind in (socket.AF_INET, socket.AF_INET6)
    )
    mixed = [item for pair in zip_longest(four, six) for item in pair if item is not None]
    return Resolved(tuple(mixed[:ADDRESSES])) if mixed else Resolved(why="it has no address")


def no_resolver(host: str) -> Resolved:
    """The result for a host that the resolver did not answer for in time."""
    return Resolved(why=f"no answer from the resolver within {LIMIT:.0f} s")


def tls_handshake(address: ExternalAddress) -> ServedCertificate:
    """The result of one handshake: the chain as it was sent, whether it is trusted or not, or why there is none.

    Never raises: `refused` where the server or the way to it is the reason, else `chain` is Unobservable.
    """
    try:
        with socket.create_connection((address.address, address.port), LIMIT) as connection:
            if address.starttls and not begin_postgres_tls(connection):
                return address.answered(refused="not TLS", said=f"{address.starttls} offers no TLS there")
            with permissive_client().wrap_socket(connection, server_hostname=address.name.encode()) as made:
                return address.answered(chain=peer_certificates(made), protocol=made.version() or "")
    except TimeoutError:
        return no_answer(address)
    except Unobservable as why:
        return address.answered(chain=why)
    except OSError as odd:
        return refusal_of_handshake(address, odd)
    except Exception as odd:  # noqa: BLE001 - one odd server must not end the look at all other names
        return address.answered(chain=Unobservable(f"it could not be asked ({type(odd).__name__}: {odd})"))


def begin_postgres_tls(connection: socket.socket) -> bool:
    """Whether a PostgreSQL server accepts TLS on this connection, which it is asked for first.

    SSLRequest, "Message Formats" in PostgreSQL's documentation: the server answers with one letter.
    """
    connection.sendall(struct.pack("!II", 8, 80877103))
    return connection.recv(1) == b"S"


def permissive_client() -> ssl.SSLContext:
    """A TLS client that accepts every protocol from TLS 1.0 on, weak ciphers and every certificate.

    They are judged later.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_ciphers("ALL:!aNULL:@SECLEVEL=0")
    context.options |= UNSAFE_RENEGOTIATION
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    return context


def peer_certificates(made: ssl.SSLSocket) -> tuple[str, ...]:
    """The certificates that the server sent, as PEM, leaf first. Python has a public name for this since 3.13.

    Raises Unobservable where this Python cannot list them, or where the server sent none (a cipher without
    certificates).
    """
    public = getattr(made, "get_unverified_chain", None)
    if public is not None:
        return require_certificates(tuple(map(ssl.DER_cert_to_PEM_cert, public() or ())))
    private = getattr(getattr(made, "_sslobj", None), "get_unverified_chain", None)
    if private is None:
        raise Unobservable("this Python cannot show which certificates a server sends", "use CPython 3.11 or newer")
    return require_certificates(tuple(item.public_bytes() for item in private() or ()))


def require_certificates(sent: tuple[str, ...]) -> tuple[str, ...]:
    """The same certificates. Raises Unobservable for none: then it is not known what clients get."""
    if not sent:
        raise Unobservable("the server made a handshake without any certificate", "it may offer anonymous ciphers")
    return sent


def no_answer(address: ExternalAddress) -> ServedCertificate:
    """The result for an address that did not complete a handshake in time."""
    return address.answered(chain=Unobservable(f"no handshake within {LIMIT:.0f} s"))


def refusal_of_handshake(address: ExternalAddress, error: OSError) -> ServedCertificate:
    """The result for a handshake that failed.

    `refused` is the kind of failure; where it is none that we know, `chain` is Unobservable. A failure that says
    nothing about the server must not become a finding. `said` is the error's text, at most 200 characters.
    """
    text = (getattr(error, "reason", None) or error.strerror or str(error)).lower().replace("_", " ")
    low = f"{text} {error}".lower()
    kind: Refused
    if error.errno in NO_WAY and not isinstance(error, ssl.SSLError):
        kind = "unreachable"
    elif isinstance(error, ConnectionRefusedError):
        kind = "closed"
    elif isinstance(error, (ConnectionError, ssl.SSLEOFError)) or any(sign in low for sign in ENDED):
        kind = "refused"
    elif ALERT.match(text):
        kind = "alert"
    elif any(sign in low for sign in PLAIN):
        kind = "not TLS"
    else:
        return address.answered(chain=Unobservable(f"no handshake: {text[:200]}"))
    return address.answered(refused=kind, said=text[:200])
