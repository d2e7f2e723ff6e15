"""The user keys to offer to a server, in order: those of the agent and those in files.

The order is that of ssh_config(5): keys of the agent that are also configured, the agent's others, then files. A key
that was accepted by one host is offered first to others, since every refused offer costs a round trip and counts
against the server's MaxAuthTries. Nothing ever prompts.
"""

from __future__ import annotations

import base64
import logging
import os
import struct
import threading
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_ssh_private_key,
)
from paramiko import ECDSAKey, Ed25519Key, RSAKey
from paramiko.agent import ALGORITHM_FLAG_MAP, AgentKey
from paramiko.message import Message
from paramiko.pkey import PKey
from paramiko.ssh_exception import SSHException

from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.sockets import describe_error, unix_socket
from fleetkeeper.transport.ssh.host_certificates import pack_string, read_certificate
from fleetkeeper.transport.ssh.known_hosts import fingerprint

if TYPE_CHECKING:
    from fleetkeeper.transport.ssh.ssh_target import SshTarget

logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
"""paramiko logs what it also raises, and what a server says, to standard error."""

REQUEST_IDENTITIES, IDENTITIES_ANSWER, SIGN_REQUEST, SIGN_RESPONSE = 11, 12, 13, 14
MOST_ANSWER = 256 << 10
"""Limit in bytes of an agent's answer, as in OpenSSH's own clients."""
KINDS: dict[str, type[PKey]] = {name: kind for kind in (Ed25519Key, ECDSAKey, RSAKey) for name in kind.identifiers()}


@dataclass(frozen=True)
class Offer:
    """A key to offer, and its name in messages."""

    key: PKey
    name: str

    @property
    def refusal(self) -> str:
        """Why its agent did not sign with it; "" when it did, or for a key in a file."""
        return self.key.refusal if isinstance(self.key, KeyOfAgent) else ""

    @property
    def kind(self) -> str:
        """The key's type, or that of its certificate."""
        certificate = self.key.public_blob
        return certificate.key_type if certificate else self.key.get_name()


class Agent:
    """The agent behind a socket (draft-ietf-sshm-ssh-agent); one request at a time, from any thread.

    paramiko's own class only knows the agent that SSH_AUTH_SOCK names.
    """

    def __init__(self, path: str) -> None:
        """Connect to the agent's socket at this path. Raises OSError."""
        self.guard = threading.Lock()
        self.socket = unix_socket(path)
        self.stream = self.socket.makefile("rb")

    def ask(self, question: bytes, expected: int) -> Message:
        """The agent's answer without its type.

        Raises SSHException for a type other than `expected` and a wrong length, EOFError or OSError when it is gone.
        """
        with self.guard:
            self.socket.sendall(struct.pack(">I", len(question)) + question)
            (size,) = struct.unpack(">I", self.read(4))
            if not 0 < size <= MOST_ANSWER:
                raise SSHException("its answer has no valid length")
            answer = self.read(size)
        if answer[0] != expected:
            raise SSHException("it refused")
        return Message(answer[1:])

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes. Raises EOFError at the end of the stream."""
        data = self.stream.read(size)
        if len(data) < size:
            raise EOFError("it hung up")
        return data

    def list_keys(self) -> tuple[KeyOfAgent, ...]:
        """The keys that the agent holds. Raises SSHException, EOFError or OSError when it does not answer so."""
        answer = self.ask(bytes([REQUEST_IDENTITIES]), IDENTITIES_ANSWER)
        return tuple(
            KeyOfAgent(self, answer.get_binary(), answer.get_binary().decode("utf-8", "replace"))
            for _ in range(answer.get_int())
        )

    def sign(self, blob: bytes, data: bytes, flags: int) -> bytes:
        """The signature of `data` by the key `blob` (wire format); `flags` are those of SSH_AGENTC_SIGN_REQUEST.

        Raises SSHException when the agent refuses, EOFError or OSError when it is gone.
        """
        question = Message()
        question.add_byte(bytes([SIGN_REQUEST]))
        question.add_string(blob)
        question.add_string(data)
        question.add_int(flags)
        return self.ask(question.asbytes(), SIGN_RESPONSE).get_binary()

    def close(self) -> None:
        """Close the connection to the agent."""
        self.stream.close()
        self.socket.close()


class KeyOfAgent(AgentKey):
    """A key that signs through our own connection to its agent. `refusal` is why the agent last did not sign, or ""."""

    refusal = ""

    def __init__(self, agent: Agent, blob: bytes, comment: str) -> None:
        """`blob` is the public key in wire format, `comment` the agent's text about it."""
        super().__init__(cast(Any, agent), blob, comment)
        self.signer = agent

    def sign_ssh_data(self, data: Any, algorithm: str | None = None) -> Any:
        """The signature of `data`; if the agent refuses, an invalid one that no server accepts, and `refusal` says why.

        `algorithm` None or unknown is signed with the flags 0. An exception would end paramiko's connection, and the
        remaining keys could not be offered.
        """
        try:
            return self.signer.sign(self.asbytes(), data, ALGORITHM_FLAG_MAP.get(algorithm or "", 0))
        except (OSError, SSHException, EOFError) as error:
            self.refusal = f"its agent did not sign: {describe_error(error)}"
            return pack_string((algorithm or self.get_name()).encode(), bytes(64))


@dataclass
class Keyring:
    """The user keys of this run: each agent is asked once, each file is read once.

    `agents` holds an agent's keys, or why there are none, by socket; `accepted` the name of the key that was accepted
    last, by (user, identities).
    """

    agents: dict[str, tuple[KeyOfAgent, ...] | str] = field(default_factory=dict)
    accepted: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def offers(self, target: SshTarget) -> tuple[list[Offer], list[str]]:
        """The keys to offer, in order, and messages about the configured ones that cannot be offered.

        The key that was accepted last for the same account and identities comes first. No keys, and a message, with
        PubkeyAuthentication no; a message too when there is no key at all.
        """
        if not target.keys_allowed:
            return [], ["PubkeyAuthentication no in the SSH configuration: our own SSH knows keys only"]
        every, troubles = self.all_offers(target)
        offers = [offer for offer in every if target.accepts(offer.kind, offer.key.asbytes())]
        if others := ", ".join(offer.name for offer in every if offer not in offers):
            troubles.append(f"not among PubkeyAcceptedAlgorithms, or shorter than RequiredRSASize: {others}")
        if not every and not troubles:
            troubles.append(f"no agent holds a key, and there is none of {', '.join(target.identities)}")
        first = self.accepted.get((target.user, target.identities))
        return sorted(offers, key=lambda offer: offer.name != first), troubles

    def remember(self, target: SshTarget, offer: Offer) -> None:
        """Note the key that a host accepted, so that it is offered first to hosts with the same user and identities."""
        self.accepted[target.user, target.identities] = offer.name

    def all_offers(self, target: SshTarget) -> tuple[list[Offer], list[str]]:
        """All keys in the order of ssh_config(5), of any type, and messages about those that cannot be used."""
        held, troubles = self.held_by(target.agent)
        configured = {blob for path in target.identities for blob in public_halves(path)}
        agents = [key for key in held if key.blob in configured]
        beside = (f"{path}-cert.pub" for path in target.identities if target.beside)
        certificates = (*beside, *target.certificates)
        offers = [offer for key in agents for offer in from_agent(key, certificates)]
        if not target.only_identities and not target.explicit_identity:
            offers += [
                offer for key in held if key.blob not in configured for offer in from_agent(key, target.certificates)
            ]
        for path in target.identities:
            if any(blob in {key.blob for key in agents} for blob in public_halves(path)):
                continue
            try:
                own = (f"{path}-cert.pub",) if target.beside else ()
                offers += from_file(path, (*own, *target.certificates), target.explicit_identity)
            except Unobservable as why:
                troubles.append(str(why))
        return offers, troubles

    def held_by(self, socket: str) -> tuple[tuple[KeyOfAgent, ...], list[str]]:
        """The keys of the agent behind a socket, and a message if it does not answer. No keys for an empty path.

        An agent is asked once, and its answer kept.
        """
        if not socket:
            return (), []
        with self.guard:
            if socket not in self.agents:
                self.agents[socket] = ask_agent(socket)
            held = self.agents[socket]
        return ((), [held]) if isinstance(held, str) else (held, [])

    def close(self) -> None:
        """Close the connections to all agents."""
        with self.guard:
            for held in self.agents.values():
                for key in held if isinstance(held, tuple) else ():
                    key.signer.close()
            self.agents.clear()


def ask_agent(socket: str) -> tuple[KeyOfAgent, ...] | str:
    """The keys of the agent behind a socket, or the message that it does not answer."""
    try:
        return Agent(socket).list_keys()
    except (OSError, SSHException, EOFError) as error:
        return f"the agent at {socket} does not answer ({error})"


def from_agent(key: KeyOfAgent, certificates: Iterable[str]) -> Iterator[Offer]:
    """The offers of one key of the agent: with each certificate for it among the files, then alone."""
    name = f"{key.name} {fingerprint(key.blob)} of the agent"
    for path in certificates:
        if certified := with_certificate(KeyOfAgent(key.signer, key.blob, key.comment), path):
            yield Offer(certified, f"{name} with {path}")
    yield Offer(key, name)


def public_halves(path: str) -> list[bytes]:
    """The public keys in a file and in those beside it (`.pub`, `-cert.pub`), to find a private key in an agent.

    Files that hold none, or cannot be read, are left out.
    """
    return [blob for name in (f"{path}.pub", f"{path}-cert.pub", path) if (blob := public_in(name))]


@lru_cache(maxsize=1024)
def public_in(path: str) -> bytes | None:
    """The public key or certificate in a file, in wire format; None when there is none or it cannot be read.

    Read once.
    """
    try:
        kind, encoded = Path(path).read_text("ascii").split(maxsplit=2)[:2]
        return None if kind.startswith("-") else base64.b64decode(encoded)
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=256)
def from_file(path: str, certificates: tuple[str, ...], must: bool) -> tuple[Offer, ...]:
    """The offers of the key in a file: with each of these certificates for it, then alone.

    Empty when the file does not exist. Read once.

    Raises Unobservable when the key cannot be used, or when the file does not exist and `must`.
    """
    if not Path(path).exists():
        if must:
            raise Unobservable(f"there is no key {path}")
        return ()
    key = load_keys(path)
    offers = []
    for certificate in certificates:
        if certified := with_certificate(copy(key), certificate):
            offers.append(Offer(certified, f"{certified.get_name()} {path} with {certificate}"))
    return (*offers, Offer(key, f"{key.get_name()} {path}"))


def load_keys(path: str) -> PKey:
    """The private key in a file. Raises Unobservable with the reason, naming the file.

    That is so when it cannot be read, is a public key, can be read by others, has a passphrase, or is of a kind unknown
    to us.
    """
    try:
        data, status = Path(path).read_bytes(), os.stat(path)
    except OSError as error:
        raise Unobservable(f"{path}: {error.strerror}") from None
    if public_in(path):
        raise Unobservable(f"{path} is a public key, whose other half is not in the agent")
    if status.st_uid == os.getuid() and status.st_mode & 0o077:
        raise Unobservable(f"{path} can be read by others, so ssh does not use it either (`chmod 600 {path}`)")
    try:
        text = key_type_and_text(data)
    except Locked:
        raise Unobservable(f"{path} has a passphrase and is not in the agent (`ssh-add {path}`)") from None
    except UnsupportedAlgorithm:
        why = "holds a kind of key that only an agent, or `connection: ssh`, can use"
        raise Unobservable(f"{path} {why}") from None
    except ValueError:
        raise Unobservable(f"{path} is no private key that can be read") from None
    return KINDS[text[0]].from_private_key(StringIO(text[1]))


class Locked(Exception):
    """A private key has a passphrase."""


def key_type_and_text(data: bytes) -> tuple[str, str]:
    """The type of a private key in any usual format (OpenSSH, PEM, PKCS#8), and its text in OpenSSH's format.

    The type is that of its public key, such as `ssh-ed25519` or `ssh-rsa`: one of KINDS. Raises Locked for a key with a
    passphrase, UnsupportedAlgorithm for another type, and ValueError for data that is no private key.
    """
    try:
        key = load_ssh_private_key(data, None) if b"BEGIN OPENSSH" in data else load_pem_private_key(data, None)
    except (TypeError, ValueError) as error:
        if isinstance(error, TypeError) or "password" in str(error).lower() or "encrypted" in str(error).lower():
            raise Locked from None
        raise
    kind = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).split()[0].decode()
    if kind not in KINDS:
        raise UnsupportedAlgorithm(kind)
    return kind, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def with_certificate(key: PKey, path: str) -> PKey | None:
    """The same key, into which the certificate in a file was loaded; None when there is none, or it is for another key.

    It changes `key`: a caller that needs it without the certificate passes a copy.
    """
    blob = public_in(path)
    content = read_certificate(blob) if blob else None
    if content is None or content.key != key.asbytes():
        return None
    key.load_certificate(path)
    return key
