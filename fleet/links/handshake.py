"""From a socket to an authenticated SSH connection, in the order that keeps it safe: host key first, then our keys."""

from __future__ import annotations

import random
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from paramiko import Transport
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    PartialAuthentication,
    SSHException,
)

from fleet.commands import Unobservable
from fleet.links.host_certificates import CERTIFIED
from fleet.links.known_hosts import (
    Entry,
    Ruling,
    Target,
    about,
    fingerprint,
    kind_of,
    preferred_kinds,
    presented,
    rule,
)
from fleet.links.sockets import left, said

if TYPE_CHECKING:
    from fleet.links.keys import Keyring, Offer
    from fleet.links.ssh_config import Way

KEX = "curve25519-sha256@libssh.org"
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
TRIES = 6
"""How often a server that hangs up before its banner is tried again (sshd_config(5), MaxStartups)."""
ALIVE = 10
"""Seconds between signs of life, so that a cut cable is noticed while a stream is quiet."""
IDLE = 5.0
"""Seconds for which paramiko's reading thread sleeps. Its 0.1 costs 20 ms of CPU a connection at a thousand nodes."""


class Throttled(Exception):
    """The server hung up before it said anything: it may do so when too many connect at once."""


class Connection(Transport):
    """paramiko's transport with the fast algorithms first, and host key types in the order in which they are known."""

    def __init__(self, connected: Any, here: Sequence[Entry]) -> None:
        super().__init__(connected, strict_kex=True)
        self.daemon = True
        options = self.get_security_options()
        options.kex = tuple(sorted(options.kex, key=lambda name: name != KEX))
        options.ciphers = tuple(sorted(options.ciphers, key=lambda name: name not in CIPHERS))
        plain = options.key_types
        supported = (*plain, *(f"{kind}{CERTIFIED}" for kind in plain))
        self.kinds = preferred_kinds(here, supported)

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        return self.kinds

    def settle(self) -> None:
        """From now on the connection may be idle: look after it every few seconds, not ten times a second."""
        self.set_keepalive(ALIVE)
        self.sock.settimeout(IDLE)

    def close(self) -> None:
        """Close it at once, also under a thread that reads from it (which the shutdown wakes up)."""
        with suppress(OSError, EOFError):
            self.sock.shutdown(socket.SHUT_RDWR)
        super().close()


@dataclass(frozen=True)
class Server:
    """Whom we mean to reach, and what we know about its keys. `node` is its name in the inventory."""

    node: str
    way: Way
    entries: Sequence[Entry]

    @property
    def target(self) -> Target:
        return Target(self.way.host, self.way.port, time.time(), self.way.alias)


def connect(
    server: Server,
    keys: Keyring,
    dial: Callable[[float], Any],
    deadline: float,
    keep: Callable[[Connection], Connection] = lambda connection: connection,
) -> Connection:
    """An authenticated connection. `dial` gives a fresh socket; `deadline` is on time.monotonic().

    `keep` gets each connection before anything is said on it, so that it can be closed from elsewhere.

    Raises Unobservable with the reason. A server that throttles is tried again while there is time.
    """
    for attempt in range(TRIES):
        connection = keep(started(dial(deadline), server))
        try:
            shake_hands(connection, deadline)
            check_host_key(server, connection)
            authenticate(connection, server, keys, deadline)
            connection.settle()
        except Throttled:
            connection.close()
            time.sleep(min(left(deadline), random.uniform(0.1, 0.4) * 2**attempt))  # noqa: S311
            if time.monotonic() >= deadline:
                break
        except (SSHException, EOFError, OSError) as error:
            connection.close()
            raise Unobservable(f"the connection was lost while it was made: {said(error)}") from None
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise Unobservable(
        "it accepts connections and hangs up before it says anything",
        hint="too many connect at once (MaxStartups of its sshd), or something other than sshd listens on that port",
    )


def started(connected: Any, server: Server) -> Connection:
    """Speak SSH over a socket. Raises Unobservable when it was closed meanwhile."""
    try:
        return Connection(connected, about(server.entries, server.target))
    except OSError as error:
        raise Unobservable(f"the connection was lost while it was made: {error}") from None


def shake_hands(connection: Connection, deadline: float) -> None:
    """Agree on keys. Raises Throttled, or Unobservable."""
    connection.banner_timeout = connection.handshake_timeout = left(deadline)
    try:
        connection.start_client(timeout=left(deadline))
    except EOFError:
        raise Throttled from None
    except IncompatiblePeer as error:
        raise Unobservable(f"no common algorithm with its sshd: {error}") from None
    except (SSHException, OSError) as error:
        if not connection.remote_version and hung_up(error):
            raise Throttled from None
        raise Unobservable(f"no SSH handshake: {error}") from None
    if not connection.initial_kex_done:
        raise Unobservable("the SSH handshake did not end in time")


def hung_up(error: Exception) -> bool:
    if "timed out" in str(error).lower() or "Indecipherable" in str(error):
        return False
    return isinstance(error, OSError) or "banner" in str(error).lower()


def check_host_key(server: Server, connection: Connection) -> None:
    """Refuse a server whose key is not known, or is another one, before anything is sent to it."""
    key = host_key_of(connection)
    ruling = rule(server.entries, server.target, presented(key))
    if ruling is Ruling.TRUSTED and server.way.revoked and in_revocation_list(server.way.revoked, key):
        ruling = Ruling.REVOKED
    if ruling is not Ruling.TRUSTED:
        raise refusal(server, ruling, key)


def host_key_of(connection: Connection) -> bytes:
    """The wire format of what the server showed, certificate and all."""
    key = connection.get_remote_server_key()
    certificate = getattr(key, "public_blob", None)
    return cast(bytes, certificate.key_blob if certificate else key.asbytes())


def in_revocation_list(path: str, key: bytes) -> bool:
    """Whether RevokedHostKeys (ssh_config(5)) has that key: asked of ssh-keygen, since it may be binary."""
    import base64

    with tempfile.NamedTemporaryFile("w", suffix=".pub") as file:
        file.write(f"{kind_of(key)} {base64.b64encode(key).decode()}\n")
        file.flush()
        asked = ("ssh-keygen", "-Q", "-f", path, file.name)
        return subprocess.run(asked, capture_output=True, check=False, timeout=10).returncode != 0


def refusal(server: Server, ruling: Ruling, key: bytes) -> Unobservable:
    """Say which keys were seen and known, and how a person who has compared them goes on."""
    shown = presented(key).plain
    name = server.target.names(server.way.port)
    saw = f"it shows {kind_of(shown)} {fingerprint(shown)}"
    compare = "compare on the node itself: `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub`"
    if ruling is Ruling.UNKNOWN:
        return Unobservable(
            f"its host key is not known: {saw}, and no known_hosts file has a line for {name}",
            hint=f"{compare}, then `remediate trust {server.node}`",
        )
    known = [entry for entry in about(server.entries, server.target) if not entry.marker]
    expected = ", ".join(f"{entry.kind} {fingerprint(entry.key)} ({entry.place})" for entry in known) or "a revoked key"
    if ruling is Ruling.REVOKED:
        return Unobservable(f"its host key is revoked: {saw}", hint="do not connect; find out why it was revoked")
    return Unobservable(
        f"its host key has changed: {saw}; known is {expected}",
        hint=f"it was reinstalled, or somebody stands between: {compare}; "
        f"if it is right, `ssh-keygen -R '{name}'`, then `remediate trust {server.node}`",
    )


def authenticate(connection: Connection, server: Server, keys: Keyring, deadline: float) -> None:
    """Offer our keys one after the other. Raises Unobservable when none is taken; never asks for a password."""
    offers, troubles = keys.offers(server.way)
    refused = []
    for offer in offers:
        connection.auth_timeout = left(deadline)
        outcome = offered(connection, server.way.user, offer)
        if outcome is None:
            keys.remember(server.way, offer)
            return
        refused.append(offer.name)
        if outcome:
            troubles = [outcome, *troubles]
        if not connection.is_active():
            break
    raise Unobservable(
        f"it lets {server.way.user} in with none of our keys",
        hint=f"offered: {', '.join(refused) or 'none'}" + "".join(f"; {trouble}" for trouble in troubles),
    )


def offered(connection: Connection, user: str, offer: Offer) -> str | None:
    """None when the key was taken, else what else the server said."""
    try:
        more = connection.auth_publickey(user, offer.key)
    except BadAuthenticationType as error:
        return f"it only takes {', '.join(error.allowed_types)}"
    except PartialAuthentication as error:
        return f"it wants {', '.join(error.allowed_types)} besides a key"
    except (AuthenticationException, SSHException, EOFError, OSError) as error:
        known = "Authentication failed" in str(error)
        return "" if known and connection.is_active() else f"{offer.name}: {said(error)}"
    return f"it wants {', '.join(more)} besides a key" if more else None
