"""A look drives every topic in lockstep, asks each command once, and survives topics that stumble."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace

from fleet.commands import Command, Output, Unobservable
from fleet.look import look_at
from fleet.schema import Node

HERE = Node(name="here", connection="local")
ONE, TWO, THREE = (Command((word,)) for word in ("one", "two", "three"))


class Echo:
    """A node that answers every command with its own words, and notes each round trip."""

    def __init__(self) -> None:
        self.rounds: list[list[Command]] = []

    def ask(self, commands: Sequence[Command]) -> list[Output]:
        self.rounds.append(list(commands))
        return [Output(0, " ".join(command.words).encode()) for command in commands]

    def close(self) -> None: ...


def topic(*rounds: Sequence[Command], error: Exception | None = None) -> SimpleNamespace:
    def observe(node, inventory):
        heard = []
        for commands in rounds:
            heard += [answer.text() for answer in (yield commands)]
        if error:
            raise error
        return heard

    return SimpleNamespace(observe=observe)


def seen(link: Echo, **topics):
    return look_at(HERE, None, lambda node: link, topics)  # type: ignore[arg-type]


def test_a_look_costs_as_many_round_trips_as_its_deepest_topic() -> None:
    link = Echo()
    facts = seen(link, deep=topic([ONE], [TWO]), flat=topic([THREE]))
    assert facts == {"deep": ["one", "two"], "flat": ["three"]}
    assert link.rounds == [[ONE, THREE], [TWO]]


def test_a_command_that_two_topics_ask_is_run_once() -> None:
    link = Echo()
    assert seen(link, a=topic([ONE, TWO]), b=topic([TWO])) == {"a": ["one", "two"], "b": ["two"]}
    assert link.rounds == [[ONE, TWO]]


def test_a_topic_that_stumbles_is_unobservable_and_the_others_go_on() -> None:
    facts = seen(Echo(), bad=topic([ONE], error=ValueError("what is this")), good=topic([TWO]))
    assert isinstance(facts["bad"], Unobservable)
    assert "what is this" in facts["bad"].why
    assert facts["good"] == ["two"]


def test_a_node_that_cannot_be_reached_is_unobservable_for_every_topic_and_names_itself() -> None:
    def refused(node: Node) -> Echo:
        raise Unobservable("connection refused")

    facts = look_at(HERE, None, refused, {"a": topic([ONE]), "b": topic([TWO])})  # type: ignore[arg-type]
    assert facts == dict.fromkeys("ab", Unobservable("connection refused", node="here"))


def test_what_a_topic_does_not_look_for_on_a_node_is_left_out() -> None:
    nothing = SimpleNamespace(observe=lambda node, inventory: nothing_asked())
    assert seen(Echo(), absent=nothing, there=topic([ONE])) == {"there": ["one"]}


def nothing_asked():
    return None
    yield
