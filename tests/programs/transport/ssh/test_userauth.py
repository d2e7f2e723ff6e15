"""Offering keys without waiting to be told that one may: what is said when, against a real sshd."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from paramiko import AuthenticationException, Ed25519Key, PKey, RSAKey, SSHException, Transport
from paramiko.packet import Packetizer

from fleetkeeper.transport.ssh.userauth import offer
from tests.helpers.sshd import Sshd, keygen, public, sshd

ASKS, GRANTED, OFFERS, REFUSED, TAKEN = "service-request", "granted", "offers", "refused", "taken"
NAMES = {5: ASKS, 6: GRANTED, 50: OFFERS, 51: REFUSED, 52: TAKEN}


class Noting(Packetizer):
    """Notes who said what about authentication, in order; a service is granted late, after the key if that comes."""

    def __init__(self, connected: Any) -> None:
        super().__init__(connected)
        self.notes: list[str] = []
        self.offered = Event()

    def send_message(self, data: Any) -> None:
        self.note(data.asbytes()[0])
        super().send_message(data)

    def read_message(self) -> Any:
        kind, message = super().read_message()
        if NAMES.get(kind) == GRANTED:
            self.offered.wait(1)
            self.offered.clear()
        self.note(kind)
        return kind, message

    def note(self, kind: int) -> None:
        if kind in NAMES:
            self.notes.append(NAMES[kind])
        if NAMES.get(kind) == OFFERS:
            self.offered.set()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    with sshd(folder) as running:
        rsa = keygen(folder / "rsa", "rsa")
        (folder / "authorized_keys").write_text(f"{public(running.identity)}\n{public(rsa)}\n")
        yield running


@contextmanager
def transport(server: Sshd) -> Iterator[Transport]:
    with socket.create_connection((server.address, server.port), 10) as connected:
        begun = Transport(connected, packetizer_class=Noting)
        try:
            begun.start_client(timeout=10)
            begun.auth_timeout = 10
            yield begun
        finally:
            begun.close()


def notes(begun: Transport) -> list[str]:
    return begun.packetizer.notes  # type: ignore[attr-defined,no-any-return]


def test_the_key_is_offered_before_the_service_is_granted(server):
    with transport(server) as begun:
        assert offer(begun, server.user, Ed25519Key.from_path(server.identity)) == []
        assert begun.is_authenticated()
        assert notes(begun) == [ASKS, OFFERS, GRANTED, TAKEN]


def test_a_refused_key_costs_no_second_wait_and_the_next_is_taken(server, tmp_path):
    with transport(server) as begun:
        with pytest.raises(AuthenticationException):
            offer(begun, server.user, Ed25519Key.from_path(keygen(tmp_path / "strange")))
        offer(begun, server.user, Ed25519Key.from_path(server.identity))
        assert notes(begun) == [ASKS, OFFERS, GRANTED, REFUSED, ASKS, OFFERS, GRANTED, TAKEN]


def test_an_rsa_key_waits_until_the_server_has_said_how_it_may_sign(server):
    key = RSAKey.from_path(server.folder / "rsa")
    with transport(server) as begun:
        begun.server_extensions = {}  # type: ignore[attr-defined]
        offer(begun, server.user, key)
        assert notes(begun) == [ASKS, GRANTED, OFFERS, TAKEN]
    with transport(server) as begun:
        begun.server_extensions = {"server-sig-algs": b"rsa-sha2-512"}  # type: ignore[attr-defined]
        offer(begun, server.user, key)
        assert notes(begun) == [ASKS, OFFERS, GRANTED, TAKEN]


class Locked(Ed25519Key):
    """A key that does not sign: an agent whose user says no."""

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> Any:
        raise SSHException("not today")


def test_a_key_that_does_not_sign_leaves_the_connection_to_the_next(server):
    locked: PKey = Locked(filename=str(Path(server.identity)))
    with transport(server) as begun:
        with pytest.raises(SSHException, match="not today"):
            offer(begun, server.user, locked)
        assert begun.is_active()
        assert offer(begun, server.user, Ed25519Key.from_path(server.identity)) == []


def test_a_server_that_goes_away_meanwhile_is_no_hang(server):
    with transport(server) as begun:
        begun.sock.shutdown(socket.SHUT_RDWR)
        with pytest.raises((SSHException, EOFError, OSError)):
            offer(begun, server.user, Ed25519Key.from_path(server.identity))
