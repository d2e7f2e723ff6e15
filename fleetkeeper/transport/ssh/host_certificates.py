"""Host certificates: what a CA signed, and whether it is valid for a host at a time.

Format: PROTOCOL.certkeys of OpenSSH. Rules: sshkey_cert_check_host() of its sshkey.c.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fleetkeeper.transport.ssh.host_lookup import Target

CERTIFIED = "-cert-v01@openssh.com"
HOST = 2
FIELDS_OF_KEY = {"ssh-ed25519": 1, "ssh-rsa": 2}


@dataclass(frozen=True)
class HostCertificate:
    """The fields of a certificate. `key` and `ca` are in wire format; the times are epoch seconds.

    `critical`: it has critical options. `signed_with` is the CA's signature algorithm.
    """

    key: bytes
    ca: bytes
    type: int
    principals: tuple[str, ...]
    valid_after: int
    valid_before: int
    critical: bool
    signed_with: str
    signature_holds: bool

    def problem(self, target: Target) -> str:
        """Why this certificate is not valid for that host at that time: the first reason; "" when it is."""
        name = target.alias.lower() or target.host.lower()
        reasons = {
            "its CA's signature is wrong": not self.signature_holds,
            "it is not a host certificate": self.type != HOST,
            "it is not valid yet": target.now < self.valid_after,
            "it has expired": target.now >= self.valid_before,
            f"it is not for {name}": bool(self.principals) and name not in self.principals,
            "it has critical options that nobody here understands": self.critical,
            f"it is signed with {self.signed_with}": self.signed_with not in target.authorities,
        }
        return next((reason for reason, so in reasons.items() if so), "")


class Wire:
    """A reader of RFC 4251 fields. Raises ValueError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        """`data` are fields in the wire format of RFC 4251; reading begins at the first."""
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes, which are then consumed. Raises ValueError when there are fewer."""
        if self.at + size > len(self.data):
            raise ValueError("cut short")
        self.at += size
        return self.data[self.at - size : self.at]

    def number(self, size: int) -> int:
        """The next unsigned number of `size` bytes. Raises ValueError when there are fewer."""
        return int.from_bytes(self.take(size), "big")

    def string(self) -> bytes:
        """The next string: its length in four bytes, then its bytes.

        Moves behind it. Raises ValueError when there is less.
        """
        return self.take(self.number(4))

    def strings(self) -> tuple[bytes, ...]:
        """All strings up to the end of the data. Raises ValueError for one that is cut short."""
        matches = []
        while self.at < len(self.data):
            matches.append(self.string())
        return tuple(matches)


def pack_string(*fields: bytes) -> bytes:
    """The fields as strings of RFC 4251 (each behind its length), one after the other."""
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def read_certificate(blob: bytes) -> HostCertificate | None:
    """The fields of a certificate in wire format, and whether its signature holds; None when it cannot be read.

    One that is out of date, or whose signature is wrong, is read all the same.
    """
    try:
        wire = Wire(blob)
        kind = wire.string().decode("ascii").removesuffix(CERTIFIED)
        wire.string()  # the nonce
        key = pack_string(kind.encode(), *(wire.string() for _ in range(FIELDS_OF_KEY.get(kind, 2))))
        wire.number(8)  # the serial number
        type_ = wire.number(4)
        wire.string()  # the key id
        principals = tuple(name.decode("utf-8", "replace") for name in Wire(wire.string()).strings())
        after, before = wire.number(8), wire.number(8)
        critical = bool(wire.string())
        wire.string(), wire.string()  # extensions, reserved
        ca, signature = wire.string(), wire.string()
        signed_with = Wire(signature).string().decode("ascii")
    except (ValueError, UnicodeDecodeError):
        return None
    holds = signature_holds(blob)
    return HostCertificate(key, ca, type_, principals, after, before, critical, signed_with, holds)


def signature_holds(blob: bytes) -> bool:
    """Whether the CA named in a certificate signed it. False too when the signature cannot be checked.

    The caller has seen that `blob` is a certificate. Raises ValueError for data that does not even have a type.
    """
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

    kind = Wire(blob).string()
    try:
        certificate = load_ssh_public_identity(kind + b" " + base64.b64encode(blob))
        if not isinstance(certificate, SSHCertificate):
            return False
        certificate.verify_cert_signature()
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        return False
    return True


def rsa_bits(key: bytes) -> int:
    """The size in bits of an RSA key in wire format (RFC 4253, 6.6); 0 for other keys."""
    try:
        wire = Wire(key)
        kind, _exponent, modulus = wire.string(), wire.string(), wire.string()
    except ValueError:
        return 0
    return int.from_bytes(modulus, "big").bit_length() if kind == b"ssh-rsa" else 0
