"""Parsing of known_hosts files, and the status of a host key by them, as in OpenSSH.

paramiko's own reader fails on `@revoked`, `@cert-authority`, wildcards and two keys of one type. The rules are those
of sshd(8), SSH_KNOWN_HOSTS FILE FORMAT, and of check_host_key() in OpenSSH's sshconnect.c; a test compares them with
`ssh` itself on generated files. Nothing is ever added here.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.transport.ssh.host_certificates import CERTIFIED, HostCertificate, read_certificate
from fleetkeeper.transport.ssh.host_lookup import Target

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

MARKERS = frozenset({"@revoked", "@cert-authority"})


@dataclass(frozen=True)
class KnownHost:
    """One line of a known_hosts file. `hosts` is its first field, `key` the wire format, `place` its FILE:LINE."""

    hosts: str
    kind: str
    key: bytes
    marker: str = ""
    place: str = ""


class KeyStatus(Enum):
    """The status of a key by the known_hosts files."""

    TRUSTED = "trusted"
    UNKNOWN = "unknown"
    CHANGED = "changed"
    REVOKED = "revoked"


def fingerprint(key: bytes) -> str:
    """The SHA256 fingerprint of a key in wire format, as ssh-keygen prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")


def read_files(paths: Iterable[str | Path]) -> tuple[KnownHost, ...]:
    """The lines of all files, in order; files that do not exist or cannot be read are skipped, as by ssh."""
    entries: list[KnownHost] = []
    for path in map(str, paths):
        try:
            text = Path(path).read_text("utf-8", "surrogateescape")
        except OSError:
            continue
        entries += parse(text, path)
    return tuple(entries)


def known_hosts_beside(inventory: Inventory) -> tuple[str, ...]:
    """The path of the inventory's known_hosts file: the one that it names, else the one in its folder.

    () when there is none. A named one need not exist.
    """
    named = getattr(inventory, "known_hosts", None)
    if named:
        return (str(named),)
    here = Path(inventory.path).parent / "known_hosts" if inventory.path else None
    return (str(here),) if here and here.exists() else ()


def parse(text: str, name: str = "known_hosts") -> Iterator[KnownHost]:
    """The lines of a known_hosts file; `name` is its path. Lines that ssh cannot read are skipped, as by ssh.

    >>> [entry] = parse("a.example,192.0.2.1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== rodan")
    >>> entry.hosts, entry.kind, entry.place
    ('a.example,192.0.2.1', 'ssh-ed25519', 'known_hosts:1')
    >>> list(parse("# comment\\n@new-marker a ssh-ed25519 AAAA\\n"))
    []
    """
    for number, line in enumerate(text.split("\n"), 1):
        fields = [] if line.lstrip(" \t").startswith("#") else line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) < 3 or (marker and marker not in MARKERS):
            continue
        hosts, kind, encoded = fields[:3]
        key = decode_key(encoded)
        if key is not None and kind_of(key) == kind:
            yield KnownHost(hosts, kind, key, marker, f"{name}:{number}")


def decode_key(encoded: str) -> bytes | None:
    """The bytes of base64 text; None when it is not valid."""
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return None


def kind_of(key: bytes) -> str:
    """The key type at the start of a key's wire format; "" for other data (RFC 4253, 6.6).

    >>> kind_of(b"\\x00\\x00\\x00\\x0bssh-ed25519...")
    'ssh-ed25519'
    """
    length = int.from_bytes(key[:4], "big")
    return key[4 : 4 + length].decode("ascii", "replace") if 4 < 4 + length < len(key) else ""


def matches_host(hosts: str, name: str) -> bool:
    """Whether a line's first field matches `name` (in lower case, `[host]:port` for a port other than 22).

    >>> matches_host("*.example.org,!bad.example.org", "a.example.org")
    True
    >>> matches_host("*.example.org,!bad.example.org", "bad.example.org")
    False
    """
    if hosts.startswith("|"):
        return matches_hash(hosts, name)
    match = False
    for pattern in hosts.lower().split(","):
        negated = pattern.startswith("!")
        if matches_pattern(pattern[negated:], name):
            if negated:
                return False
            match = True
    return match


def matches_hash(hosts: str, name: str) -> bool:
    """Whether a hashed first field, `|1|salt|HMAC-SHA1(salt, name)` with both in base64, is that of `name`."""
    fields = hosts.split("|")
    if len(fields) != 4 or fields[1] != "1":
        return False
    salt, digest = decode_key(fields[2]), decode_key(fields[3])
    if not salt or not digest:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode("utf-8", "surrogateescape"), "sha1"), digest)


def matches_pattern(pattern: str, name: str) -> bool:
    """Whether a name matches an ssh pattern: only `*` and `?` are special. Takes no more time for many stars.

    >>> matches_pattern("d?.*.org", "db.example.org"), matches_pattern("*.org", "org")
    (True, False)
    """
    first, *rest = pattern.split("*")
    if not rest:
        return len(pattern) == len(name) and pattern_fits(pattern, name, 0)
    last = rest.pop()
    end = len(name) - len(last)
    if end < len(first) or not pattern_fits(first, name, 0) or not pattern_fits(last, name, end):
        return False
    at = len(first)
    for part in rest:
        index = next((i for i in range(at, end - len(part) + 1) if pattern_fits(part, name, i)), -1)
        if index < 0:
            return False
        at = index + len(part)
    return True


def pattern_fits(part: str, name: str, at: int) -> bool:
    """Whether `part`, in which `?` is any character, matches `name` at index `at`."""
    here = name[at : at + len(part)]
    return len(here) == len(part) and all(want in ("?", got) for want, got in zip(part, here, strict=True))


@dataclass(frozen=True)
class Presented:
    """The key that a server showed, in wire format, and its fields if it is a certificate."""

    key: bytes
    certificate: HostCertificate | None = None

    @property
    def plain(self) -> bytes:
        """The plain key: that in the certificate, or the key itself."""
        return self.certificate.key if self.certificate else self.key


def parse_presented(key: bytes) -> Presented:
    """The key that a server showed, from its wire format. An unreadable certificate becomes a key that is not known."""
    return Presented(key, read_certificate(key) if kind_of(key).endswith(CERTIFIED) else None)


def key_status(entries: Sequence[KnownHost], target: Target, shown: Presented) -> KeyStatus:
    """The status of a shown key for a host, as check_host_key() of OpenSSH determines it.

    A certificate whose CA is unknown, or that is not valid for this host, is looked up again as the plain key in it;
    a host on another port is looked up without its port when nothing is known about it with the port.
    """
    return rule_on_port(entries, target, shown, target.port)


def rule_on_port(entries: Sequence[KnownHost], target: Target, shown: Presented, port: int) -> KeyStatus:
    """The status of a shown key for a host with this port; 0 is the host without a port.

    Where the port is unknown, the line without a port may trust the key; a certificate that is not trusted, or not
    valid for the host, is judged by its plain key. A revoked key stays revoked.
    """
    name = target.names(port)
    here = [entry for entry in entries if matches_host(entry.hosts, name)]
    status = compare_by_type(here, shown)
    if status is KeyStatus.TRUSTED and not (shown.certificate and shown.certificate.problem(target)):
        return status
    portless = status is KeyStatus.UNKNOWN and not target.alias and port not in (0, 22)
    if portless and rule_on_port(entries, target, shown, 0) is KeyStatus.TRUSTED:
        return KeyStatus.TRUSTED
    if shown.certificate and status is not KeyStatus.REVOKED:
        return rule_on_port(entries, target, Presented(shown.plain), port)
    return status


def compare_by_type(here: Sequence[KnownHost], shown: Presented) -> KeyStatus:
    """The status of a shown key by the lines of its host: check_hostkeys_by_key_or_type() of hostfile.c.

    REVOKED by a line for the key or the CA; of a certificate, TRUSTED by its CA alone, else UNKNOWN; of a key, CHANGED
    where the host has lines for others only.
    """
    certificate = shown.certificate
    bad = {entry.key for entry in here if entry.marker == "@revoked"}
    if shown.plain in bad or (certificate and certificate.ca in bad):
        return KeyStatus.REVOKED
    if certificate:
        authorities = {entry.key for entry in here if entry.marker == "@cert-authority"}
        return KeyStatus.TRUSTED if certificate.ca in authorities else KeyStatus.UNKNOWN
    keys = [entry.key for entry in here if not entry.marker]
    if shown.key in keys:
        return KeyStatus.TRUSTED
    return KeyStatus.CHANGED if keys else KeyStatus.UNKNOWN


def entries_about(entries: Sequence[KnownHost], target: Target) -> list[KnownHost]:
    """The lines of a host: those with its port or, when there are none, those without."""
    for port in (target.port, 0):
        here = [entry for entry in entries if matches_host(entry.hosts, target.names(port))]
        if here:
            return here
    return []


def preferred_kinds(here: Sequence[KnownHost], supported: Sequence[str]) -> tuple[str, ...]:
    """The supported host key types, with those that are known for this host first, as in ssh. `here` are its lines.

    >>> preferred_kinds([KnownHost("a", "ssh-rsa", b"")], ["ssh-ed25519", "rsa-sha2-512"])
    ('rsa-sha2-512', 'ssh-ed25519')
    """
    revoked = {entry.key for entry in here if entry.marker == "@revoked"}
    key_families = {key_family(entry.kind) for entry in here if not entry.marker and entry.key not in revoked}
    authority = any(entry.marker == "@cert-authority" for entry in here)

    def rank(kind: str) -> int:
        """The place of a key type in the order: the lower, the earlier it is offered."""
        if kind.endswith(CERTIFIED):
            return 0 if authority else 3
        return 1 if key_family(kind) in key_families else 2

    return tuple(sorted(supported, key=rank))


def key_family(kind: str) -> str:
    """The key type of a signature algorithm: ssh-rsa for rsa-sha2-256 and rsa-sha2-512."""
    return "ssh-rsa" if kind.startswith("rsa-sha2-") else kind


class KnownHosts:
    """An index of known_hosts lines with the results of `matches_host`: plain names in a table, the others one by one.

    Without it, a thousand nodes and a thousand lines would cost a million comparisons.
    """

    def __init__(self, entries: Sequence[KnownHost]) -> None:
        """An index of these lines by host name, so that one host is looked up without trying every line."""
        self.entries = entries
        self.by_name: dict[str, list[int]] = {}
        self.hashed: list[tuple[int, bytes, bytes]] = []
        self.patterns: list[int] = []
        for index, entry in enumerate(entries):
            self.add(index, entry.hosts)

    def add(self, index: int, hosts: str) -> None:
        """Add the line of this index to the table of its kind; `hosts` is its first field.

        The table is that of hashes, of patterns, or of names; an invalid hash is left out.
        """
        if hosts.startswith("|"):
            self.hashed += [(index, *halves) for halves in halves_of(hosts)]
        elif any(special in hosts for special in "*?!"):
            self.patterns.append(index)
        else:
            for name in hosts.lower().split(","):
                self.by_name.setdefault(name, []).append(index)

    def about(self, names: Iterable[str]) -> tuple[KnownHost, ...]:
        """The lines of any of these names (in lower case, `[host]:port` for a port other than 22), in order."""
        matches: set[int] = set()
        for name in set(names):
            text = name.encode("utf-8", "surrogateescape")
            matches.update(self.by_name.get(name, ()))
            matches.update(index for index, salt, digest in self.hashed if hmac.digest(salt, text, "sha1") == digest)
            matches.update(pattern for pattern in self.patterns if matches_host(self.entries[pattern].hosts, name))
        return tuple(self.entries[match] for match in sorted(matches))


def halves_of(hosts: str) -> list[tuple[bytes, bytes]]:
    """Salt and digest of `|1|salt|HMAC-SHA1(salt, name)`, as a list of one pair; [] for invalid text."""
    fields = hosts.split("|")
    if len(fields) != 4 or fields[1] != "1":
        return []
    try:
        salt, digest = (base64.b64decode(field, validate=True) for field in fields[2:])
    except (binascii.Error, ValueError):
        return []
    return [(salt, digest)] if salt and digest else []
