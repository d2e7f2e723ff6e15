"""The check of a server's host key before anything is sent to it, and the message if it is not trusted.

The order is that of verify_host_key() in OpenSSH's sshconnect.c. Nothing is ever added to a file here.
"""

from __future__ import annotations

import base64
import ipaddress
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.readers.lines import last_line
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.algorithms import KEYS, SECURITY_KEYS
from fleetkeeper.transport.ssh.host_certificates import CERTIFIED, rsa_bits
from fleetkeeper.transport.ssh.host_lookup import Target
from fleetkeeper.transport.ssh.known_hosts import (
    KeyStatus,
    KnownHost,
    Presented,
    decode_key,
    entries_about,
    fingerprint,
    key_status,
    kind_of,
    parse_presented,
)

if TYPE_CHECKING:
    from fleetkeeper.transport.ssh.ssh_target import SshTarget

COMPARE = "compare on the node itself: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`"
KEYGEN_LIMIT = 10.0
PLAIN_TYPES = ("ssh-rsa", "ssh-dss", *(kind for kind in KEYS if not kind.startswith("rsa-")))
KEY_TYPES = frozenset(
    (
        *PLAIN_TYPES,
        *SECURITY_KEYS,
        *(f"{kind}{CERTIFIED}" for kind in PLAIN_TYPES),
        *(f"{kind.removesuffix('@openssh.com')}{CERTIFIED}" for kind in SECURITY_KEYS),
    )
)
"""The types of keys that a text file may list."""


@dataclass(frozen=True)
class Server:
    """The server to connect to, and the known_hosts lines about it. `node` is its name in the inventory."""

    node: str
    way: SshTarget
    entries: Sequence[KnownHost]

    @property
    def target(self) -> Target:
        """The names, port and time for which its host key is checked."""
        return Target(self.way.host, self.way.port, time.time(), self.way.alias, self.way.authorities)


def check_host_key(server: Server, key: bytes, address: str) -> None:
    """Raise Unobservable unless the key (in wire format) is trusted. `address` is the peer's address, or "".

    It is so by the known_hosts lines of the host, if it is no shorter RSA key than RequiredRSASize, not revoked, and
    with CheckHostIP not at odds with the lines of the address.
    """
    shown = parse_presented(key)
    if (bits := rsa_bits(shown.plain)) and bits < server.way.least_rsa:
        why = f"its host key is an RSA key of {bits} bits; {server.way.least_rsa} is the least (RequiredRSASize)"
        raise Unobservable(why, hint="give it a better key: `ssh-keygen -A` there makes an Ed25519 one")
    ruling = key_status(server.entries, server.target, shown)
    if ruling is not KeyStatus.TRUSTED:
        raise key_refusal(server, ruling, shown)
    if server.way.revoked:
        look_up_revoked(server.way.revoked, key)
    if server.way.check_ip:
        check_address(server, shown, address)


def check_address(server: Server, shown: Presented, address: str) -> None:
    """Raise Unobservable if the address is known for another host key (CheckHostIP of ssh_config(5)).

    An address that is not known is fine. Not asked with a HostKeyAlias, for a loopback address, and without an address.
    """
    route = server.way
    if not address or route.alias or address == route.host or ipaddress.ip_address(address).is_loopback:
        return
    target = replace(server.target, host=address)
    ruling = key_status(server.entries, target, shown)
    if ruling in (KeyStatus.CHANGED, KeyStatus.REVOKED):
        why = f"its address {address} is known for another host key (CheckHostIP): it shows {name_keys(shown.plain)}"
        raise Unobservable(why, hint=f"{COMPARE}; known is {describe_known_keys(server, target)}")


KRL = b"SSHKRL\n\0"
"""How a binary list of revoked keys begins (PROTOCOL.krl of OpenSSH)."""


def look_up_revoked(path: str, key: bytes) -> None:
    """Raise Unobservable if the key is in the file `path` (RevokedHostKeys of ssh_config(5)).

    It may be a binary list, which ssh-keygen reads, or a text file with a key a line. Raises Unobservable too, as ssh
    refuses every host, when the file cannot be read.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise Unobservable(f"RevokedHostKeys {path} cannot be read: {error.strerror}", hint=SSH_TOO) from None
    if is_in_binary_list(path, key) if content.startswith(KRL) else is_in_text_list(content, path, key):
        shown = name_keys(parse_presented(key).plain)
        raise Unobservable(f"its host key is revoked by {path}: it shows {shown}", hint=STAY_AWAY)


def is_in_text_list(content: bytes, path: str, key: bytes) -> bool:
    """Whether a key, the key in a certificate, or its authority's is in a list, read as sshkey_in_file() does.

    Raises Unobservable for a line before it that is no key: the rest is not read.
    """
    shown = parse_presented(key)
    revoked = {shown.plain, *((shown.certificate.ca,) if shown.certificate else ())}
    for number, line in enumerate(content.decode("utf-8", "surrogateescape").split("\n"), 1):
        words = line.strip(" \t")
        if not words or words.startswith("#"):
            continue
        kind, _, rest = words.replace("\t", " ").partition(" ")
        listed = decode_key((rest.split() or [""])[0])
        if listed is None or kind_of(listed) != kind or kind not in KEY_TYPES:
            raise Unobservable(f"RevokedHostKeys {path} cannot be read: line {number} is no key", hint=SSH_TOO)
        if parse_presented(listed).plain in revoked:
            return True
    return False


def is_in_binary_list(path: str, key: bytes) -> bool:
    """Whether a key is in a binary list of revoked keys. Raises Unobservable when ssh-keygen cannot read it.

    It runs ssh-keygen, with a temporary file for the key.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".pub") as file:
        file.write(f"{kind_of(key)} {base64.b64encode(key).decode()}\n")
        file.flush()
        questions = ("ssh-keygen", "-Q", "-f", path, file.name)
        try:
            done = subprocess.run(questions, capture_output=True, check=False, timeout=KEYGEN_LIMIT, text=True)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Unobservable(f"RevokedHostKeys {path} cannot be asked: {error}", hint="it takes ssh-keygen") from None
    if done.returncode and "REVOKED" not in done.stdout:
        text = last_line(done.stderr) or "ssh-keygen said nothing"
        raise Unobservable(f"RevokedHostKeys {path} cannot be read: {text}", hint=SSH_TOO)
    return "REVOKED" in done.stdout


SSH_TOO = "ssh refuses every host then, too"
STAY_AWAY = "do not connect; find out why it was revoked"


def key_refusal(server: Server, ruling: KeyStatus, shown: Presented) -> Unobservable:
    """The error (returned, not raised) about a key that is not trusted, with the keys shown and known.

    The hint says how a person compares them, and what to do then.
    """
    name = server.target.names(server.way.port)
    saw = f"it shows {name_keys(shown.plain)}"
    if ruling is KeyStatus.REVOKED:
        return Unobservable(f"its host key is revoked: {saw}", hint=STAY_AWAY)
    if ruling is KeyStatus.UNKNOWN:
        return Unobservable(
            f"its host key is not known: {saw}, and no known_hosts file has a line for {name}"
            + certificate_problem(server, shown),
            hint=f"{COMPARE}, then `fleetkeeper trust {server.node}`",
        )
    return Unobservable(
        f"its host key has changed: {saw}; known is {describe_known_keys(server, server.target)}",
        hint=f"it was reinstalled, or somebody stands between: {COMPARE}; "
        f"if it is right, `ssh-keygen -R '{name}'`, then `fleetkeeper trust {server.node}`",
    )


def certificate_problem(server: Server, shown: Presented) -> str:
    """What is wrong with the certificate that the server showed, for a message; "" when it showed none."""
    if not shown.certificate:
        return ""
    keys = {entry.key for entry in entries_about(server.entries, server.target) if entry.marker == "@cert-authority"}
    wrong = shown.certificate.problem(server.target) if shown.certificate.ca in keys else "its authority is not known"
    return f"; it also shows a certificate, but {wrong}"


def name_keys(key: bytes) -> str:
    """The type and fingerprint of a key in wire format."""
    return f"{kind_of(key)} {fingerprint(key)}"


def describe_known_keys(server: Server, target: Target) -> str:
    """The type, fingerprint and place (file:line) of each key known for a host; "a revoked key" where there is none."""
    here = [entry for entry in entries_about(server.entries, target) if not entry.marker]
    return ", ".join(f"{name_keys(entry.key)} ({entry.place})" for entry in here) or "a revoked key"
