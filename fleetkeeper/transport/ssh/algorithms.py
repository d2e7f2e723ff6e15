"""The algorithms that our own SSH may use with a host: the user's configuration, limited to those that we implement.

`ssh -G` prints the lists with `+`, `-` and `^` already applied. Where the user wrote a list, its order is kept; where
the list is OpenSSH's default, the fastest that paramiko has go first. Where no OpenSSH is installed, nothing weaker
than OpenSSH's defaults is used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.ssh.host_certificates import CERTIFIED

KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
SECURITY_KEYS = ("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com")

OURS = {
    "kexalgorithms": (
        "curve25519-sha256@libssh.org",
        "mlkem768x25519-sha256",
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group16-sha512",
        "diffie-hellman-group-exchange-sha256",
        "diffie-hellman-group14-sha256",
    ),
    "ciphers": (
        "aes128-gcm@openssh.com",
        "aes256-gcm@openssh.com",
        "aes128-ctr",
        "aes192-ctr",
        "aes256-ctr",
    ),
    "macs": (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    ),
    "hostkeyalgorithms": (*KEYS, *(f"{kind}{CERTIFIED}" for kind in KEYS)),
    "pubkeyacceptedalgorithms": (
        *KEYS,
        *SECURITY_KEYS,
        *(f"{kind}{CERTIFIED}" for kind in KEYS),
        *(f"{kind.removesuffix('@openssh.com')}{CERTIFIED}" for kind in SECURITY_KEYS),
    ),
}
"""By keyword of ssh_config(5): the algorithms used where nothing is configured, in our order."""
WEAKER = {
    "ciphers": ("aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"),
    "macs": ("hmac-sha1", "hmac-sha1-96", "hmac-md5", "hmac-md5-96"),
}
"""By keyword: further algorithms that paramiko has, used only where the configuration names them."""
NAMES = {
    "kexalgorithms": "KexAlgorithms",
    "ciphers": "Ciphers",
    "macs": "MACs",
    "hostkeyalgorithms": "HostKeyAlgorithms",
    "pubkeyacceptedalgorithms": "PubkeyAcceptedAlgorithms",
}


@dataclass(frozen=True)
class Algorithms:
    """The algorithms to offer to a host, by preference; `keys` are the types of user keys and their certificates.

    `known_first`: of the host's keys, the types that are known for it are asked for before the others.
    `printed_host_keys` is the list of `ssh -G` with those that we do not implement, empty for our own.
    """

    kex: tuple[str, ...] = OURS["kexalgorithms"]
    ciphers: tuple[str, ...] = OURS["ciphers"]
    macs: tuple[str, ...] = OURS["macs"]
    host_keys: tuple[str, ...] = OURS["hostkeyalgorithms"]
    keys: tuple[str, ...] = OURS["pubkeyacceptedalgorithms"]
    known_first: bool = True
    printed_host_keys: str = ""

    @property
    def signatures(self) -> tuple[str, ...]:
        """The signature algorithms for user keys: `keys` without certificates, since those sign as their key does."""
        return tuple(dict.fromkeys(name.removesuffix(CERTIFIED) for name in self.keys))

    def accepts(self, kind: str) -> bool:
        """Whether a user key or certificate of this type may be offered (an RSA key signs with SHA-2 only).

        >>> Algorithms(keys=("rsa-sha2-512",)).accepts("ssh-rsa"), Algorithms(keys=("rsa-sha2-512",)).accepts("ssh-dss")
        (True, False)
        """
        if kind.startswith("ssh-rsa"):
            signed = kind.removeprefix("ssh-rsa")
            return any(f"rsa-sha2-{size}{signed}" in self.keys for size in (256, 512))
        return kind in self.keys


def allowed_algorithms(lines: Mapping[str, str], written: Collection[str]) -> Algorithms:
    """The algorithms that the configuration allows.

    `lines` are the values that `ssh -G` prints, by lower-case keyword; `written` are the keywords in the user's files:
    their lists keep the user's order, others get ours. A keyword that `lines` lacks gives our own list.

    Raises Unobservable when a list has none that our own SSH implements.
    """
    kex, ciphers, macs, host_keys, keys = (
        spoken_algorithms(keyword, lines.get(keyword), keyword in written) for keyword in OURS
    )
    return Algorithms(kex, ciphers, macs, host_keys, keys, printed_host_keys=lines.get("hostkeyalgorithms", ""))


def spoken_algorithms(keyword: str, text: str | None, written: bool) -> tuple[str, ...]:
    """The algorithms of one list that we implement, in the user's order if the list is `written`, else in ours.

    `text` is the list as `ssh -G` prints it; None gives our defaults. Raises Unobservable when none is left.

    >>> spoken_algorithms("ciphers", "chacha20-poly1305@openssh.com,aes256-ctr,aes128-gcm@openssh.com", written=True)
    ('aes256-ctr', 'aes128-gcm@openssh.com')
    >>> spoken_algorithms("ciphers", "chacha20-poly1305@openssh.com,aes256-ctr,aes128-gcm@openssh.com", written=False)
    ('aes128-gcm@openssh.com', 'aes256-ctr')
    """
    ours = OURS[keyword]
    if text is None:
        return ours
    speak = (*ours, *WEAKER.get(keyword, ()))
    matches = list(dict.fromkeys(name for name in map(known_as, text.split(",")) if name in speak))
    if not matches:
        raise Unobservable(
            f"{NAMES[keyword]} of the SSH configuration leaves nothing that our own SSH speaks ({text})",
            hint=f"set `connection: ssh` for this node, or allow one of {', '.join(ours[:3])}",
        )
    return tuple(matches if written else sorted(matches, key=speak.index))


def known_as(name: str) -> str:
    """The name of an algorithm in paramiko: curve25519-sha256 has two names (RFC 8731, 3)."""
    return {"curve25519-sha256": "curve25519-sha256@libssh.org"}.get(name, name)
