"""One round trip over a channel that misbehaves: it ends, in time, with what was heard."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleetkeeper.transport import round_trip
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.round_trip import TOO_MUCH, Shells, ask_commands
from fleetkeeper.transport.shell_protocol import NOISE

COMMANDS = [Command(("one",), limit=1), Command(("two",), limit=1)]


class Node:
    """A shell that says what it is told to, with `@` for the round's token; every `pause` seconds a piece."""

    def __init__(self, *pieces: bytes, pause: float = 0.0, dribble: bytes = b"") -> None:
        self.pieces, self.pause, self.dribble = pieces, pause, dribble
        self.opened = 0

    def __call__(self, line: str) -> Node:
        self.opened += 1
        return self

    def send(self, data: bytes, limit: float) -> None:
        match = re.search(rb"m=([0-9a-f]{32})", data)
        assert match
        self.said = self.says(match[1])

    def says(self, token: bytes) -> Iterator[bytes]:
        yield from (piece.replace(b"@", token) for piece in self.pieces)
        while self.dribble:
            yield self.dribble

    def receive(self, limit: float) -> tuple[bytes, bytes] | None:
        time.sleep(self.pause)
        piece = next(self.said, None)
        return None if piece is None else (piece, piece if b" " in piece else b"")

    def ended(self) -> str:
        return "connection lost"

    def close_input(self) -> None:
        self.said = iter(())

    def close(self) -> None: ...


@pytest.fixture(autouse=True, scope="module")
def hurry() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(round_trip, "KILL_AFTER", 0.0)
        monkeypatch.setattr(round_trip, "PAUSES", (0.0, 0.0, 0.0))
        monkeypatch.setattr(round_trip, "GRACE", 0.2)
        monkeypatch.setattr(round_trip, "START_LIMIT", 0.5)
        yield


def test_a_node_that_dribbles_is_not_heard_for_ever():
    node = Node(b"@ begin\n", pause=0.02, dribble=b"x")
    before = time.monotonic()
    item, two = ask_commands(COMMANDS, False, Shells(node))
    assert (item.rc, item.lost, two.lost) == (None, "time limit of 1 s", "time limit of 1 s")
    assert time.monotonic() - before < 4


def test_an_answer_that_is_still_on_its_way_is_waited_for(monkeypatch):
    monkeypatch.setattr(round_trip, "PACE", 100)
    pieces = [b"x" * 100] * 30
    node = Node(b"@ begin\n", *pieces, b"@ 0 0\n", pause=0.05)
    [item] = ask_commands(COMMANDS[:1], False, Shells(node))
    assert (item.rc, len(item.out)) == (0, 3000)


def test_case_16_a_login_shell_that_prints_megabytes_is_listened_through_and_forgotten():
    noise = [b"x" * 100_000] * 100
    node = Node(*noise, b"\n@ begin\n", b"1\n@ 0 0\n", b"2\n@ 1 0\n")
    assert [answer.rc for answer in ask_commands(COMMANDS, False, Shells(node), room=NOISE + 1000)] == [0, 0]
    assert node.opened == 1


def test_case_16_a_login_shell_that_never_stops_printing_is_given_up():
    before = time.monotonic()
    with pytest.raises(Unobservable, match="no shell answered within"):
        ask_commands(COMMANDS, False, Shells(Node(pause=0.01, dribble=b"Welcome!\n")))
    assert time.monotonic() - before < 2


def test_an_answer_that_is_too_large_is_lost_whatever_else_has_room():
    commands = [Command(("one",), most=1000), Command(("two",), most=10_000)]
    node = Node(b"@ begin\n", *[b"x" * 100] * 11, b"@ 0 0\n")
    item, two = ask_commands(commands, False, Shells(node))
    assert (item.lost, item.size, node.opened) == ("its answer is larger than 1000 B", 0, 2)
    assert (two.rc, two.size) == (0, 1100)


def test_case_17_what_does_not_fit_is_lost_and_nothing_else():
    node = Node(b"@ begin\n", b"x" * 5000)
    item, two = ask_commands(COMMANDS, False, Shells(node), room=4000)
    assert (item.lost, two.lost, node.opened) == (TOO_MUCH, TOO_MUCH, 2)


def test_case_69_a_connection_that_dies_in_the_middle_of_a_frame_leaves_that_answer_unknown():
    node = Node(b"@ begin\n", b"1\n@ 0 0\n", b"2\n@ 1")
    item, two = ask_commands(COMMANDS, False, Shells(node))
    assert (item.rc, two.rc, two.lost) == (0, None, "the connection was lost (connection lost)")


class Cut(Node):
    """A node whose two outputs end anywhere, come in pieces of any size, and to which there is no second way."""

    def __init__(self, lines: list[tuple[bytes, bytes, int]], cuts: tuple[int, int], piece: int) -> None:
        super().__init__()
        self.answers, self.cuts, self.piece = lines, cuts, piece

    def __call__(self, line: str) -> Node:
        if self.opened:
            raise Unobservable("gone")
        return super().__call__(line)

    def says(self, token: bytes) -> Iterator[tuple[bytes, bytes]]:  # type: ignore[override]
        streams = []
        for stream, cut in enumerate(self.cuts):
            whole = b"noise\n" + token + b" begin\n"
            for number, answer in enumerate(self.answers):
                whole += answer[stream] + token + b" %d %d\n" % (number, answer[2])
            streams.append(whole[: cut % (len(whole) + 1)])
        for at in range(0, max(map(len, streams)), self.piece):
            yield streams[0][at : at + self.piece], streams[1][at : at + self.piece]

    def receive(self, limit: float) -> tuple[bytes, bytes] | None:
        return next(self.said, None)  # type: ignore[arg-type]


bodies = st.binary(max_size=60)


@given(
    st.lists(st.tuples(bodies, bodies, st.integers(0, 123)), min_size=1, max_size=4),
    st.tuples(st.integers(0, 9999), st.integers(0, 9999)),
    st.integers(1, 50),
)
def test_case_69_whatever_is_cut_wherever_each_answer_is_the_right_one_or_lost(said, cuts, piece):
    try:
        answers = ask_commands([Command(("one",))] * len(said), False, Shells(Cut(said, cuts, piece)))
    except Unobservable as why:
        answers = [Output(None, lost=str(why))] * len(said)
    assert len(answers) == len(said)
    for answer, right in zip(answers, said, strict=True):
        assert answer.lost or (answer.out, answer.err, answer.rc) == right


class Resumed(Cut):
    """A node that a second shell asks the rest; its two outputs keep no step with each other."""

    def __init__(self, lines: list[tuple[bytes, bytes, int]], piece: int) -> None:
        super().__init__(lines, (-1, -1), piece)
        self.whole = lines

    def __call__(self, line: str) -> Node:
        return self

    def send(self, data: bytes, limit: float) -> None:
        match = re.search(rb" c([0-9]+)$", data, re.MULTILINE)
        assert match
        self.answers = self.whole[int(match[1]) :]
        super().send(data, limit)


@given(st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 3000)), min_size=1, max_size=4), st.integers(1, 2000))
def test_whatever_is_cut_where_each_answer_is_whole_or_too_large(sizes, piece):
    commands = [Command((f"c{n}",), most=2000) for n, _ in enumerate(sizes)]
    node = Resumed([(b"o" * out, b"e" * err, 0) for out, err in sizes], piece)
    for (out, err), answer in zip(sizes, ask_commands(commands, False, Shells(node)), strict=True):
        assert (answer.rc is None) == (out + err > 2000)
        assert answer.rc is None or (len(answer.out), len(answer.err)) == (out, err)
