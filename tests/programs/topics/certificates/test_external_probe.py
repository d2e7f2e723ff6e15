"""The name as the world sees it: real handshakes from this machine, and what is made of them."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from fleetkeeper.looking.fleet import HERE
from fleetkeeper.looking.look import look_at_fleet
from fleetkeeper.looking.recording import dump_recording, load_recording
from fleetkeeper.readers import tls_handshakes
from fleetkeeper.topics.certificates import external_probe, tls_probes
from fleetkeeper.topics.certificates.external_probe import ExternalAddress, tls_handshake
from fleetkeeper.topics.certificates.facts import Facts, ServedCertificate
from fleetkeeper.topics.certificates.policy import Policy
from fleetkeeper.topics.certificates.tls_probes import Probe, TlsEndpoint
from fleetkeeper.topics.registry import TOPICS, observers_in
from fleetkeeper.transport.commands import Unobservable
from tests.example_fleets import certificates as made
from tests.example_fleets.certificates import (
    GOOD,
    LEAF,
    MIDDLE,
    NAME,
    NOW,
    Made,
    Wish,
    make_certificate,
)
from tests.programs.topics.certificates.test_observation import run_command
from tests.pure.topics.certificates.test_external_probe import OTHER, example_inventory

PEM = serialization.Encoding.PEM
PLAIN = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@contextmanager
def listening(answer: Callable[[socket.socket], object]) -> Iterator[int]:
    """A port of this machine where every connection gets `answer`; closed at the end."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection, suppress(OSError):
                    answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def tls(tmp_path: Path, *chain: Made, **settings: object) -> Callable[[socket.socket], object]:
    """A server that shows a chain to everybody."""
    leaf = chain[0]
    file = tmp_path / f"{id(chain)}.pem"
    file.write_text(leaf.key.private_bytes(PEM, *PLAIN).decode() + "".join(item.pem for item in chain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.load_cert_chain(file)
    for name, value in settings.items():
        setattr(context, name, value)
    return lambda connection: context.wrap_socket(connection, server_side=True).close()


def shown_text(answer: Callable[[socket.socket], object], name: str = NAME) -> ServedCertificate:
    with listening(answer) as port:
        return tls_handshake(ExternalAddress(name, "localhost", port, "127.0.0.1"))


# the handshake


def test_the_whole_chain_comes_back_as_it_was_sent_leaf_first(tmp_path: Path) -> None:
    served = shown_text(tls(tmp_path, LEAF, MIDDLE))
    assert served.chain == GOOD
    assert (served.name, served.host, served.protocol, served.container) == (NAME, "127.0.0.1", "TLSv1.3", "")


@pytest.mark.parametrize(
    "wish", [Wish(), Wish(key="rsa1024"), Wish(names=["a.org"]), Wish(days=(-9, -8))], ids=["self", "weak", "a", "old"]
)
def test_a_chain_that_no_client_would_take_comes_back_all_the_same(tmp_path: Path, wish: Wish) -> None:
    alone = make_certificate(wish)
    assert shown_text(tls(tmp_path, alone)).chain == (alone.pem,)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_server_that_only_speaks_what_was_withdrawn_is_asked_in_its_own_way(tmp_path: Path) -> None:
    old = tls(tmp_path, LEAF, MIDDLE, minimum_version=ssl.TLSVersion.TLSv1, maximum_version=ssl.TLSVersion.TLSv1)
    assert (shown_text(old).protocol, shown_text(old).chain) == ("TLSv1", GOOD)


ANONYMOUS = "aNULL:@SECLEVEL=0"


def without_certificate(connection: socket.socket) -> None:
    """A server that has no certificate at all, as `openssl s_server -nocert`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers(ANONYMOUS)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.wrap_socket(connection, server_side=True).close()


def test_a_server_without_any_certificate_is_not_offered_a_cipher_that_needs_none() -> None:
    served = shown_text(without_certificate)
    assert (served.chain, served.refused) == ((), "alert")


def test_a_handshake_without_any_certificate_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    anonymous = external_probe.permissive_client()
    anonymous.set_ciphers(ANONYMOUS)
    monkeypatch.setattr(external_probe, "permissive_client", lambda: anonymous)
    served = shown_text(without_certificate)
    assert isinstance(served.chain, Unobservable)
    assert served.chain.why == "the server made a handshake without any certificate"


@pytest.mark.parametrize("odd", [TypeError("'NoneType' object is not iterable"), ValueError("odd"), RecursionError()])
def test_one_odd_server_costs_only_its_own_handshake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, odd: Exception
) -> None:
    def stumble(made: ssl.SSLSocket) -> tuple[str, ...]:
        raise odd

    monkeypatch.setattr(external_probe, "peer_certificates", stumble)
    served = shown_text(tls(tmp_path, LEAF, MIDDLE))
    assert isinstance(served.chain, Unobservable)
    assert type(odd).__name__ in served.chain.why


def test_the_name_is_sent_and_an_address_is_not(tmp_path: Path) -> None:
    heard: list[str | None] = []
    answer = tls(tmp_path, LEAF, sni_callback=lambda connection, name, context: heard.append(name))
    shown_text(answer)
    shown_text(answer, "127.0.0.1")
    shown_text(answer, "xn--bcher-kva.example.org")
    assert heard == [NAME, None, "xn--bcher-kva.example.org"]


def test_a_server_that_refuses_the_name_says_so(tmp_path: Path) -> None:
    unknown = ssl.AlertDescription.ALERT_DESCRIPTION_UNRECOGNIZED_NAME
    served = shown_text(tls(tmp_path, LEAF, sni_callback=lambda *_: unknown))
    assert (served.chain, served.refused) == ((), "alert")
    assert "unrecognized name" in served.said


@pytest.mark.parametrize(
    ("answer", "refused"),
    [
        (lambda item: item.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "not TLS"),
        (lambda element: element.sendall(b"220 mail.example.org ESMTP\r\n"), "not TLS"),
        (lambda each: each.sendall(b"\x00" * 5000), "not TLS"),
        (lambda one: one.recv(9), "refused"),
        (lambda one: None, "refused"),
    ],
)
def test_a_port_without_tls_is_told_in_our_words(answer: Callable[[socket.socket], object], refused: str) -> None:
    served = shown_text(answer)
    assert (served.chain, served.refused) == ((), refused), served


def postgres(answer: bytes, then: Callable[[socket.socket], object]) -> Callable[[socket.socket], object]:
    """A server that begins in the clear: it is asked for TLS with eight bytes, and answers with one letter."""

    def talk(connection: socket.socket) -> None:
        assert connection.recv(8) == bytes.fromhex("0000000804d2162f")
        connection.sendall(answer)
        if answer == b"S":
            then(connection)

    return talk


def test_postgres_is_asked_for_tls_first_from_here_and_on_its_node(tmp_path: Path) -> None:
    [certificate] = made.make_inventory(", starttls: postgres, ports: [5432]").section(Policy).certificates
    with listening(postgres(b"S", tls(tmp_path, LEAF, MIDDLE))) as port:
        [route] = [
            replace(external_address, port=port, address="127.0.0.1")
            for external_address in external_probe.external_addresses(certificate)
        ]
        assert tls_handshake(route).chain == GOOD
        probe = Probe(TlsEndpoint(certificate, "4f" * 32, "127.0.0.1", port, 5432))
        assert tls_handshakes.handshake(run_command(probe.on_node))[0] == GOOD


def test_a_postgres_without_tls_says_so(tmp_path: Path) -> None:
    [certificate] = made.make_inventory(", starttls: postgres, ports: [5432]").section(Policy).certificates
    with listening(postgres(b"N", tls(tmp_path, LEAF))) as port:
        [route] = [
            replace(external_address, port=port, address="127.0.0.1")
            for external_address in external_probe.external_addresses(certificate)
        ]
        assert tls_handshake(route).refused == "not TLS"
        location = TlsEndpoint(certificate, "4f" * 32, "127.0.0.1", port, 5432)
        served = tls_probes.served(
            location, {probe.on_node: run_command(probe.on_node) for probe in tls_probes.probes_of(location)}
        )
        assert (served.chain, served.refused) == ((), "refused")


def test_a_port_where_nobody_listens_is_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert tls_handshake(ExternalAddress(NAME, NAME, port, "127.0.0.1")).refused == "closed"


def test_a_port_that_never_answers_costs_its_limit_and_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(external_probe, "LIMIT", 0.2)
    served = shown_text(lambda item: threading.Event().wait(0.6))
    assert isinstance(served.chain, Unobservable)


def test_the_look_asks_from_here_beside_the_nodes_and_it_is_recorded(tmp_path: Path) -> None:
    class Dead:
        def ask(self, commands: object) -> list[object]:
            raise Unobservable("no such node")

    with listening(tls(tmp_path, OTHER, MIDDLE)) as port:
        expected = example_inventory(f"{{address: localhost, ports: [{port}]}}")
        seen = look_at_fleet(expected, lambda node: Dead(), observers_in(TOPICS), NOW)
    outside = seen.of(HERE, Facts).outside
    assert (OTHER.pem, MIDDLE.pem) in [item.chain for item in outside]
    assert load_recording(dump_recording(seen), expected, observers_in(TOPICS)).of(HERE, Facts).outside == outside
