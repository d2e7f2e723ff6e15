"""The steps from a socket to an authenticated SSH connection: the host key is checked before our keys are offered."""

from __future__ import annotations

import random
import re
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

from paramiko import Transport
from paramiko.ssh_exception import (
    AuthenticationException,
    BadAuthenticationType,
    IncompatiblePeer,
    PartialAuthentication,
    SSHException,
)

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.sockets import ProxyCommand, TcpSocket, describe_error, seconds_left
from fleetkeeper.transport.ssh.algorithms import Algorithms
from fleetkeeper.transport.ssh.host_key_check import Server, check_host_key
from fleetkeeper.transport.ssh.known_hosts import KnownHost, entries_about, preferred_kinds

if TYPE_CHECKING:
    from fleetkeeper.transport.ssh.client_keys import Keyring, Offer

TRIES = 6
"""Tries to connect to a server that hangs up before its banner (sshd_config(5), MaxStartups)."""
ALIVE = 10
"""Seconds between keep-alive messages, so that a cut cable is noticed while a stream is quiet."""
IDLE = 5.0
"""Seconds for which paramiko's reading thread sleeps. Its 0.1 costs 20 ms of CPU a connection at a thousand nodes."""

MOST_BANNER = 1 << 16
"""Bytes that a server may send before SSH begins (RFC 4253, 4.2, sets no limit)."""
IDENTIFICATION = re.compile(rb"^SSH-[^\n]*\n", re.MULTILINE)
"""The line with which SSH begins."""
THROTTLED = b"Exceeded MaxStartups"
"""The line that sshd may send when it hangs up because too many clients connect at once."""
OTHERS = (
    "allow one of ours there or in your SSH configuration, or set `connection: ssh` for this node (see docs/ssh.md)"
)
TOO_MANY = (
    "it takes so many (MaxAuthTries of its sshd), or the connection was cut; name the right one: `identity` in the "
    "inventory, or IdentityFile with IdentitiesOnly in ~/.ssh/config"
)


class Throttled(Exception):
    """The server hung up before it sent anything: it may do so when too many clients connect at once."""


class NodeSocket:
    """A socket towards a node (TCP, a proxy command, a channel of a jump host) that keeps the first bytes received.

    Those are in `greeting`, up to SSH's first line. More than MOST_BANNER of them raise SSHException, where paramiko
    would collect them without limit.
    """

    def __init__(self, connected: Any) -> None:
        """`connected` is a socket, a proxy command or a channel that leads to the server."""
        self.connected = connected
        self.greeting = b""
        self.greeted = False

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes. Raises SSHException when more than MOST_BANNER come before SSH's first line.

        Until that line, all bytes are kept in `greeting`.
        """
        data: bytes = self.connected.recv(size)
        if not self.greeted:
            self.greeting += data
            self.greeted = bool(IDENTIFICATION.search(self.greeting))
            if len(self.greeting) > MOST_BANNER:
                raise SSHException("it talks without end")
        return data

    def __getattr__(self, name: str) -> Any:
        """Any other attribute or method, from the wrapped socket."""
        return getattr(self.connected, name)

    def close(self) -> None:
        """Close the socket, and wake up the thread that reads from it.

        A channel may have lost its jump host by then.
        """
        with suppress(EOFError, OSError, SSHException):
            self.connected.shutdown(socket.SHUT_RDWR)
        with suppress(EOFError, OSError, SSHException):
            self.connected.close()

    @property
    def address(self) -> str:
        """The address of the TCP peer; "" for a proxy command or a channel, and when it is closed."""
        with suppress(OSError):
            return str(self.connected.getpeername()[0]) if isinstance(self.connected, TcpSocket) else ""
        return ""


class Connection(Transport):
    """paramiko's transport, limited to the given algorithms; host key types known for this host are preferred.

    Not where the user's own order of them stands.
    """

    def __init__(self, connected: Any, here: Sequence[KnownHost], algorithms: Algorithms) -> None:
        """`connected` is a socket or channel to the server, `here` the known_hosts lines of this host.

        Nothing is sent yet. Raises OSError where the socket is closed.
        """
        self.socket = NodeSocket(connected)
        super().__init__(cast(Any, self.socket), strict_kex=True)
        self.daemon = True
        self.algorithms = algorithms
        self.kinds = preferred_kinds(here, algorithms.host_keys) if algorithms.known_first else algorithms.host_keys

    preferred_kex = property(lambda self: self.algorithms.kex)
    preferred_ciphers = property(lambda self: self.algorithms.ciphers)
    preferred_macs = property(lambda self: self.algorithms.macs)
    preferred_pubkeys = property(lambda self: self.algorithms.signatures)
    preferred_keys = property(lambda self: self.kinds)

    @property
    def key(self) -> bytes:
        """The wire format of the host key or host certificate that the server showed."""
        shown = self.get_remote_server_key()
        certificate = getattr(shown, "public_blob", None)
        return cast(bytes, certificate.key_blob if certificate else shown.asbytes())

    def settle(self) -> None:
        """Prepare for an idle connection: send keep-alives, and wake the reading thread every few seconds only."""
        self.set_keepalive(ALIVE)
        self.socket.settimeout(IDLE)

    def close(self) -> None:
        """Close the connection at once, also while a thread reads from it."""
        self.socket.close()
        super().close()


def connect(
    server: Server,
    keys: Keyring,
    dial: Callable[[float], Any],
    deadline: float,
    keep: Callable[[Connection], Connection] = lambda connection: connection,
) -> Connection:
    """An authenticated connection. `dial` returns a new socket; `deadline` is a `time.monotonic` time.

    `keep` gets each connection before anything is sent on it, so that another thread can close it.

    Raises Unobservable with the reason. A server that throttles is tried again while there is time. A connection that
    fails is closed.
    """
    for attempt in range(TRIES):
        connection = keep(start_transport(dial(deadline), server))
        try:
            shake_hands(connection, deadline)
            check_host_key(server, connection.key, connection.socket.address)
            authenticate(connection, server, keys, deadline)
            connection.settle()
        except Throttled:
            refuse_broken_proxy(connection.socket.connected)
            connection.close()
            time.sleep(min(seconds_left(deadline), random.uniform(0.1, 0.4) * 2**attempt))  # noqa: S311
            if time.monotonic() >= deadline:
                break
        except (SSHException, EOFError, OSError) as error:
            connection.close()
            raise Unobservable(f"the connection was lost while it was made: {describe_error(error)}") from None
        except BaseException:
            connection.close()
            raise
        else:
            return connection
    raise Unobservable(
        "it accepts connections and hangs up before it says anything",
        hint="too many connect at once (MaxStartups of its sshd), or something other than sshd listens on that port",
    )


def refuse_broken_proxy(connected: Any) -> None:
    """Raise Unobservable if the connection ended because the user's ProxyCommand did."""
    if isinstance(connected, ProxyCommand) and (how := connected.ended()):
        connected.close()
        raise Unobservable(f"its ProxyCommand ended: {how}", hint="run it by hand: `ssh -G HOST` shows it")


def start_transport(connected: Any, server: Server) -> Connection:
    """A connection on a new socket, before its handshake. Raises Unobservable when the socket was closed meanwhile."""
    try:
        return Connection(connected, entries_about(server.entries, server.target), server.way.algorithms)
    except OSError as error:
        raise Unobservable(f"the connection was lost while it was made: {error}") from None


def shake_hands(connection: Connection, deadline: float) -> None:
    """Exchange keys with the server, until the deadline. Raises Throttled, or Unobservable with the reason."""
    limit = seconds_left(deadline)
    connection.banner_timeout = connection.handshake_timeout = limit + 1  # ours comes first
    try:
        connection.start_client(timeout=limit)
    except IncompatiblePeer as error:
        raise Unobservable(f"no common algorithm with its sshd: {error}", hint=OTHERS) from None
    except (SSHException, EOFError, OSError) as error:
        if isinstance(error, EOFError) or connection.socket.greeting.strip() in (b"", THROTTLED):
            raise Throttled from None
        raise Unobservable(broken_off(connection, describe_error(error))) from None
    if not connection.initial_kex_done:
        raise Unobservable(broken_off(connection, "it did not end in time"))


def broken_off(connection: Connection, why: str) -> str:
    """Why there was no handshake, as a sentence: `why`, or that something else answers there, with its first line."""
    first = connection.socket.greeting.decode("ascii", "replace").strip().partition("\n")[0].strip()[:60]
    if connection.remote_version or first.startswith("SSH-"):
        return f"no SSH handshake: {why}"
    return f"something other than SSH answers there: it says {first!r}" if first else "it accepts and then says nothing"


def authenticate(connection: Connection, server: Server, keys: Keyring, deadline: float) -> None:
    """Offer our keys one after the other until one is accepted. Never asks for a password.

    Raises Unobservable, with the offered keys and the reasons against the others, when none is accepted. The accepted
    key is remembered, to be offered first.
    """
    target = server.way
    offers, troubles = keys.offers(target)
    refused = []
    for offer in offers:
        connection.auth_timeout = seconds_left(deadline)
        outcome = offer_key(connection, target.user, offer)
        if outcome is None:
            keys.remember(target, offer)
            return
        refused.append(offer.name)
        if outcome:
            troubles = [outcome, *troubles]
        if not connection.is_active():
            raise Unobservable(f"it hung up after {len(refused)} of our {len(offers)} keys", hint=TOO_MANY)
    if target.untried:
        troubles.append(f"{' and '.join(target.untried)} of your SSH configuration: only with `connection: ssh`")
    raise Unobservable(
        f"it lets {target.user} in with none of our keys",
        hint=f"offered: {', '.join(refused) or 'none'}" + "".join(f"; {trouble}" for trouble in troubles),
    )


def offer_key(connection: Connection, user: str, offer: Offer) -> str | None:
    """None when the key was accepted; else the reason why not, or "" for a plain refusal."""
    try:
        more = connection.auth_publickey(user, offer.key)
    except BadAuthenticationType as error:
        return f"it only takes {', '.join(error.allowed_types)}"
    except PartialAuthentication as error:
        return f"it wants {', '.join(error.allowed_types)} besides a key"
    except (AuthenticationException, SSHException, EOFError, OSError) as error:
        refused = "Authentication failed" in str(error)
        if refused and connection.is_active():
            return f"{offer.name}: {offer.refusal}" if offer.refusal else ""
        return f"{offer.name}: {describe_error(error)}"
    return f"it wants {', '.join(more)} besides a key" if more else None
