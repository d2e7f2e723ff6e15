"""The name under which a host's key is looked up, and what a certificate must fulfil for that host."""

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
"""The default of CASignatureAlgorithms of ssh_config(5): no SHA-1."""


def name_of(host: str, port: int) -> str:
    """A host and port as known_hosts names them; port 0 stands for the host without a port.

    >>> name_of("A.example", 22), name_of("a.example", 2222)
    ('a.example', '[a.example]:2222')
    """
    return host.lower() if port in (0, 22) else f"[{host.lower()}]:{port}"


@dataclass(frozen=True)
class Target:
    """The host whose key is looked up. `alias` is HostKeyAlias, which replaces host and port.

    `now` (epoch seconds) is the time at which a host certificate must be valid, `authorities` the algorithms that its
    CA may have signed it with.
    """

    host: str
    port: int
    now: float
    alias: str = ""
    authorities: frozenset[str] = SIGNATURES

    def names(self, port: int) -> str:
        """The host as known_hosts names it, in lower case: `[HOST]:PORT`, or `HOST` for the ports 22 and 0 (none).

        With an `alias` that alone, whatever the port.
        """
        return self.alias.lower() if self.alias else name_of(self.host, port)
