"""The name under which a host's key is looked up, and what a certificate must fulfil for it."""

from __future__ import annotations

from dataclasses import dataclass

SIGNATURES = frozenset(
    {
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "sk-ssh-ed25519@openssh.com",
        "sk-ecdsa-sha2-nistp256@openssh.com",
        "rsa-sha2-256",
        "rsa-sha2-512",
    }
)
"""What CASignatureAlgorithms of ssh_config(5) accepts: no SHA-1."""


def name_of(host: str, port: int) -> str:
    """How a host and its port are written in known_hosts.

    >>> name_of("A.example", 22), name_of("a.example", 2222)
    ('a.example', '[a.example]:2222')
    """
    return host.lower() if port in (0, 22) else f"[{host.lower()}]:{port}"


@dataclass(frozen=True)
class Target:
    """The name under which a host key is looked up. `alias` is HostKeyAlias, which stands for host and port.

    `now` (epoch seconds) is the time at which a host certificate must be valid, `authorities` the algorithms that its
    CA may have signed it with.
    """

    host: str
    port: int
    now: float
    alias: str = ""
    authorities: frozenset[str] = SIGNATURES

    def names(self, port: int) -> str:
        return self.alias.lower() if self.alias else name_of(self.host, port)
