"""The socket under our own SSH: what it reads ahead is given out whole, in order, and within its limits."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.transport.sockets import CHUNK, TcpSocket


def make_pair() -> tuple[TcpSocket, socket.socket]:
    """Both ends of a TCP connection, ours first."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        ours = TcpSocket(socket.AF_INET, socket.SOCK_STREAM)
        ours.connect(server.getsockname())
        theirs, _ = server.accept()
    return ours, theirs


@pytest.fixture
def ends() -> Iterator[tuple[TcpSocket, socket.socket]]:
    ours, theirs = make_pair()
    with ours, theirs:
        yield ours, theirs


@given(st.binary(min_size=1, max_size=300), st.lists(st.integers(1, 100), min_size=1))
def test_whatever_is_sent_arrives_in_order_however_it_is_read(data: bytes, sizes: list[int]) -> None:
    ours, theirs = make_pair()
    with ours:
        with theirs:
            theirs.sendall(data)
        heard, turn = b"", 0
        while piece := ours.recv(sizes[turn % len(sizes)]):
            assert len(piece) <= sizes[turn % len(sizes)]
            heard, turn = heard + piece, turn + 1
        assert heard == data


def test_more_than_is_read_ahead_comes_through(ends: tuple[TcpSocket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(bytes(3 * CHUNK))
    heard = 0
    while heard < 3 * CHUNK:
        heard += len(ours.recv(7 * CHUNK))
    assert heard == 3 * CHUNK


def test_what_was_read_ahead_is_given_after_the_other_side_has_gone(ends: tuple[TcpSocket, socket.socket]) -> None:
    ours, theirs = ends
    theirs.sendall(b"last words")
    theirs.close()
    assert [ours.recv(4), ours.recv(6), ours.recv(1), ours.recv(1)] == [b"last", b" words", b"", b""]


def test_silence_ends_at_its_limit(ends: tuple[TcpSocket, socket.socket]) -> None:
    ours, theirs = ends
    ours.settimeout(0.05)
    theirs.sendall(b"a")
    assert ours.recv(9) == b"a"
    with pytest.raises(TimeoutError):
        ours.recv(1)
    theirs.sendall(b"b")
    ours.settimeout(5)
    assert ours.recv(1) == b"b"
