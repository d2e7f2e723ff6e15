"""The trusted certificate authorities: those of the auditing machine, and those that the inventory names."""

from __future__ import annotations

import re
import ssl
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias

from cryptography import x509

from fleetkeeper.readers.pki.extensions import UNREADABLE
from fleetkeeper.readers.pki.issuers import CanonicalName, canonical_name, issued_itself
from fleetkeeper.transport.commands import Unobservable

BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
PEM = re.compile(
    rb"-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----.+?-----END (?:TRUSTED |X509 )?CERTIFICATE-----", re.S
)
Roots: TypeAlias = "tuple[x509.Certificate, ...]"


def trusted_roots(extra: str | None, only: str | None) -> Roots:
    """The trusted roots: those of `only` alone, else the system's and those of `extra`. Both are paths of PEM files.

    Raises Unobservable when there are none, or when a named file cannot be read or holds none.
    """
    if only:
        return from_file(only)
    roots = system_roots()
    if extra:
        roots += from_file(extra)
    if not roots:
        raise Unobservable(
            "this machine has no certificate authorities to judge by",
            hint="install ca-certificates here, or name a PEM file as `ca:` in the inventory",
        )
    return roots


@dataclass(frozen=True)
class Sorted:
    """The trusted certificates by their subject; `others`, which did not issue themselves, only help to build paths."""

    by_subject: Mapping[CanonicalName, Roots]
    others: Roots


@cache
def by_name(roots: Roots) -> Sorted:
    """The roots by name, cached.

    Comparing names with each root for each certificate takes longer than all other checks. `others` are those that
    another authority issued.
    """
    by_subject: dict[CanonicalName, Roots] = {}
    for certificate in roots:
        name = canonical_name(certificate.subject)
        by_subject[name] = (*by_subject.get(name, ()), certificate)
    return Sorted(by_subject, tuple(root for root in roots if not issued_itself(root)))


def from_file(path: str) -> Roots:
    """The certificates of a PEM file. Raises Unobservable when it cannot be read or holds none.

    Read again only when its time or size has changed.
    """
    try:
        state = Path(path).stat()
        certificates = read_roots(path, state.st_mtime_ns, state.st_size)
    except OSError as why:
        raise Unobservable(
            f"the authorities in {path} cannot be read: {why.strerror}", hint="see `ca:` in the inventory"
        ) from None
    if not certificates:
        raise Unobservable(f"{path} holds no certificate that can be read", hint="see `ca:` in the inventory")
    return certificates


@cache
def read_roots(path: str, mtime: int, size: int) -> Roots:
    """The certificates of a PEM file, cached as long as it has this time of change and size. Raises OSError."""
    return parse_roots(Path(path).read_bytes())


@cache
def system_roots() -> Roots:
    """The roots of the system, from where OpenSSL and the distributions keep them; () when there are none.

    Read once. The first file that holds any counts, else the directory of them. Raises OSError for one that cannot be
    read.
    """
    own = ssl.get_default_verify_paths()
    for path in (own.cafile, own.openssl_cafile, *BUNDLES):
        if path and Path(path).is_file() and (certificates := parse_roots(Path(path).read_bytes())):
            return certificates
    folder = Path(own.capath or own.openssl_capath or "/etc/ssl/certs")
    files = sorted(folder.glob("*.0")) if folder.is_dir() else []
    return tuple(root for file in files for root in parse_roots(file.read_bytes()))


def parse_roots(content: bytes) -> Roots:
    """Every certificate in the content of a PEM file, each once; those that cannot be read are skipped."""
    matches: dict[bytes, x509.Certificate] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for block in PEM.findall(content):
            try:
                certificate = x509.load_pem_x509_certificate(block)
                _ = certificate.extensions
            except UNREADABLE:
                continue
            matches[certificate.tbs_certificate_bytes] = certificate
    return tuple(matches.values())
