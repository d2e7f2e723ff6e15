"""The kinds of problems of a certificate, what it is judged by, and the strength of keys and signatures."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from fleetkeeper.readers.pki.names import common_name
from fleetkeeper.readers.pki.roots import Roots

SMALLEST_RSA = 2048
CURVES = ("secp256r1", "secp384r1", "secp521r1")
Kind = Literal[
    "expired",
    "not yet valid",
    "wrong name",
    "self-signed",
    "incomplete",
    "untrusted",
    "invalid",
    "weak key",
    "weak signature",
    "not for servers",
    "test issuer",
]


@dataclass(frozen=True)
class ChainProblem:
    """One problem of a chain, in words for a person."""

    kind: Kind
    saw: str
    want: str
    why: str
    hint: str


@dataclass(frozen=True)
class Case:
    """What a chain is judged by: the name, the trusted roots, the time (UTC), and the allowed test authorities.

    `allowed` are patterns (fnmatch) of their names.
    """

    name: str
    roots: Roots
    now: datetime
    allowed: tuple[str, ...] = ()


def subject_name(certificate: x509.Certificate) -> str:
    """The subject's common name for messages, in quotes, since the server may have sent any text."""
    return f'"{common_name(certificate.subject)}"'


def key_weakness(certificate: x509.Certificate) -> str:
    """Why the key is too weak, or of a kind that clients reject; "" when it is neither."""
    try:
        key = certificate.public_key()
    except Exception as odd:  # noqa: BLE001 - cryptography raises several kinds for keys that it does not know
        return f"of a kind that cannot be read ({odd})"
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA of {key.key_size} bits" if key.key_size < SMALLEST_RSA else ""
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"on the curve {key.curve.name}" if key.curve.name not in CURVES else ""
    kind = type(key).__name__.strip("_").removesuffix("PublicKey")
    return f"of the kind {kind}, which browsers do not take"
