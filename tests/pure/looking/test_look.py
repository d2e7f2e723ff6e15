"""A look drives every topic in lockstep, asks each command once, and survives topics that stumble."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import ClassVar

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.looking.fleet import HERE as THIS_MACHINE
from fleetkeeper.looking.look import look_at_fleet, look_at_node
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT

HERE = Node(name="here", connection="local")
ONE, TWO, THREE = (Command((word,)) for word in ("one", "two", "three"))


class Echo:
    """A node that answers every command with its own words, and notes each round trip."""

    def __init__(self) -> None:
        self.rounds: list[list[Command]] = []

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        self.rounds.append(list(commands))
        self.room = room
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

    return SimpleNamespace(observe=observe, from_here=None)


def facts_seen(link: Echo, **topics):
    return look_at_node(HERE, None, lambda node: link, topics)  # type: ignore[arg-type]


def test_a_look_costs_as_many_round_trips_as_its_deepest_topic() -> None:
    link = Echo()
    facts = facts_seen(link, deep=topic([ONE], [TWO]), flat=topic([THREE]))
    assert facts == {"deep": ["one", "two"], "flat": ["three"]}
    assert link.rounds == [[ONE, THREE], [TWO]]


def test_a_command_that_two_topics_ask_is_run_once() -> None:
    link = Echo()
    assert facts_seen(link, a=topic([ONE, TWO]), b=topic([TWO])) == {"a": ["one", "two"], "b": ["two"]}
    assert link.rounds == [[ONE, TWO]]


def test_a_topic_that_stumbles_is_unobservable_and_the_others_go_on() -> None:
    facts = facts_seen(Echo(), bad=topic([ONE], error=ValueError("what is this")), good=topic([TWO]))
    assert isinstance(facts["bad"], Unobservable)
    assert "what is this" in facts["bad"].why
    assert facts["good"] == ["two"]


def test_a_node_that_cannot_be_reached_is_unobservable_for_every_topic_and_names_itself() -> None:
    def refused(node: Node) -> Echo:
        raise Unobservable("connection refused")

    facts = look_at_node(HERE, None, refused, {"a": topic([ONE]), "b": topic([TWO])})  # type: ignore[arg-type]
    assert facts == dict.fromkeys("ab", Unobservable("connection refused", node="here"))


def test_case_17_a_node_has_so_much_room_for_all_its_answers_of_a_look() -> None:
    link = Echo()
    facts_seen(link, a=topic([ONE, TWO], [THREE]), b=topic([TWO]))
    assert link.room == MOST_OUTPUT - len("one") - len("two")


def test_case_69_a_connection_that_dies_later_costs_no_topic_that_had_its_answers() -> None:
    class Dying(Echo):
        def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
            if self.rounds:
                raise Unobservable("the connection was lost")
            return super().ask(commands, room)

    facts = facts_seen(Dying(), deep=topic([ONE], [TWO]), flat=topic([THREE]))
    assert facts == {"deep": Unobservable("the connection was lost", node="here"), "flat": ["three"]}


def test_a_node_that_makes_us_stumble_is_unobservable_and_the_others_go_on() -> None:
    def odd(node: Node) -> Echo:
        if node.name == "odd":
            raise OSError("No space left on device")
        return Echo()

    nodes = {name: Node(name=name, connection="local") for name in ("odd", "good")}
    inventory = Inventory.model_construct(name="test", path="", nodes=nodes, waivers=())
    fleet = look_at_fleet(inventory, odd, {"a": topic([ONE])}, datetime.now(UTC))  # type: ignore[dict-item]
    assert fleet.facts[("good", "a")] == ["one"]
    assert "could not be asked (OSError: No space left on device, at " in str(fleet.facts[("odd", "a")])


def test_what_a_topic_does_not_look_for_on_a_node_is_left_out() -> None:
    nothing = SimpleNamespace(observe=lambda node, inventory: nothing_asked(), from_here=None)
    assert facts_seen(Echo(), absent=nothing, there=topic([ONE])) == {"there": ["one"]}


def nothing_asked():
    return None
    yield


@dataclass(frozen=True)
class Seen:
    """What a topic saw from the machine that audits."""

    topic: ClassVar[str] = "far"
    what: str = ""


def look_with(**topics):
    item = SimpleNamespace(nodes={HERE.name: HERE})
    return look_at_fleet(item, lambda node: Echo(), topics, datetime(2026, 6, 15, tzinfo=UTC))  # type: ignore[arg-type]


def far(from_here) -> SimpleNamespace:
    return SimpleNamespace(observe=topic([ONE]).observe, from_here=from_here)


def test_a_topic_may_look_from_the_machine_that_audits_while_the_nodes_are_looked_at() -> None:
    met = threading.Barrier(2, timeout=5)

    def observe(node, inventory):
        yield [ONE]
        met.wait()
        return Seen("on the node")

    def from_here(inventory):
        met.wait()
        return Seen("from here")

    fleet = look_with(far=SimpleNamespace(observe=observe, from_here=from_here))
    assert fleet.of(HERE.name, Seen) == Seen("on the node")
    assert fleet.of(THIS_MACHINE, Seen) == Seen("from here")


def test_a_topic_that_stumbles_here_is_unobservable_here_and_what_it_does_not_look_for_is_left_out() -> None:
    fleet = look_with(far=far(lambda inventory: {}["x"]), near=far(lambda inventory: None), plain=topic([TWO]))
    assert isinstance(fleet.facts[THIS_MACHINE, "far"], Unobservable)
    assert [key for key in fleet.facts if key[0] == THIS_MACHINE] == [(THIS_MACHINE, "far")]
