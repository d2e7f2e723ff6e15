"""The look at all nodes at once: the topics of a node share each round trip, over one connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from fleetkeeper.errors import NotApplicable
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.inventory.schema import Node
from fleetkeeper.looking.fleet import HERE, Facts, Fleet
from fleetkeeper.looking.observer import Look, Observers
from fleetkeeper.looking.threads import in_turn, run_in_daemon_thread
from fleetkeeper.transport.commands import Command, Output, Unobservable, unknown_by_bug
from fleetkeeper.transport.link import MOST_OUTPUT, Link

Seen = dict[str, Facts | Unobservable]
Progress = Callable[[str, bool], None]
AT_ONCE = 50


def look_at_fleet(
    inventory: Inventory,
    link_to: Callable[[Node], Link],
    observers: Observers,
    now: datetime,
    progress: Progress = lambda node, reached: None,
) -> Fleet:
    """The facts of every node, collected in parallel, and those observed from the auditing machine.

    `now` is the controller's clock, in UTC. `progress` is called with each node's name and whether any topic got facts.
    What could not be observed is an Unobservable among the facts. Nothing is raised for a node.
    """

    def one(node: Node) -> tuple[Node, Seen]:
        """The node with its facts by topic, after reporting that it was looked at."""
        seen = look_at_node(node, inventory, link_to, observers)
        progress(node.name, not all(isinstance(fact, Unobservable) for fact in seen.values()))
        return node, seen

    seen_here = run_in_daemon_thread(lambda: look_from_here(inventory, observers))
    looks = in_turn(one, inventory.nodes.values(), AT_ONCE)
    facts = {(node.name, topic): fact for node, seen in looks for topic, fact in seen.items()}
    facts |= {(HERE, topic): fact for topic, fact in seen_here.result().items()}
    return Fleet(inventory, now, facts)


def look_from_here(inventory: Inventory, observers: Observers) -> Seen:
    """The facts, or why they could not be observed, by topic, of the observers with a `from_here`.

    Those look from the auditing machine. Where one does not apply, or returns None, there is no entry.
    """
    seen: Seen = {}
    for name, observer in observers.items():
        fact: Facts | Unobservable | None
        try:
            fact = observer.from_here(inventory) if observer.from_here else None
        except NotApplicable:
            continue
        except Exception as odd:  # noqa: BLE001 - as on a node: to stumble over an answer is not to have seen it
            fact = unknown_by_bug(f"{name}: could not look from here", odd)
        if fact is not None:
            seen[name] = fact
    return seen


def look_at_node(node: Node, inventory: Inventory, link_to: Callable[[Node], Link], observers: Observers) -> Seen:
    """The facts of one node, or why they could not be observed, by topic.

    A topic that does not apply there is left out. An unexpected exception is an Unobservable too, so nothing is raised.
    """
    looks: dict[str, Look] = {name: observer.observe(node, inventory) for name, observer in observers.items()}
    try:
        facts = drive_in_lockstep(looks, link_to(node))
    except Unobservable as why:
        facts = dict.fromkeys(looks, why)
    except Exception as odd:  # noqa: BLE001 - one odd node must not end the look at all the others
        facts = dict.fromkeys(looks, unknown_by_bug("it could not be asked", odd))
    return {name: with_node(fact, node.name) for name, fact in facts.items() if fact is not None}


def with_node(fact: Any, node: str) -> Any:
    """The facts as they are; of an Unobservable a copy that names the node."""
    return replace(fact, node=node) if isinstance(fact, Unobservable) else fact


def drive_in_lockstep(looks: Mapping[str, Look], link: Link) -> dict[str, Any]:
    """The facts by topic, from observers that advance together: one round trip for the commands of all in each step.

    A value is facts, an Unobservable, or None where the observer does not apply. A command that several observers yield
    runs once. All outputs of a look together are limited to MOST_OUTPUT bytes. When the link fails, so do all that
    still ask; nothing is raised for it.
    """
    facts: dict[str, Any] = {}
    asking: dict[str, Sequence[Command]] = {}
    room = MOST_OUTPUT
    for name, generator in looks.items():
        advance_generator(name, generator, None, asking, facts)
    while asking:
        commands = list(dict.fromkeys(command for commands in asking.values() for command in commands))
        try:
            answers = dict(zip(commands, link.ask(commands, room), strict=True)) if commands else {}
        except Unobservable as why:
            return facts | dict.fromkeys(asking, why)
        room -= sum(answer.size for answer in answers.values())
        for name, asked_commands in list(asking.items()):
            del asking[name]
            advance_generator(name, looks[name], [answers[command] for command in asked_commands], asking, facts)
    return facts


def advance_generator(
    name: str,
    generator: Look,
    answers: list[Output] | None,
    asking: dict[str, Sequence[Command]],
    facts: dict[str, Any],
) -> None:
    """Send `answers` to one observer (None starts it).

    Store the commands that it yields in `asking`, or its result in `facts`, both under `name`: facts, None where it
    does not apply, or an Unobservable, also for an unexpected exception. Nothing is raised.
    """
    try:
        asking[name] = next(generator) if answers is None else generator.send(answers)
    except StopIteration as done:
        facts[name] = done.value
    except NotApplicable:
        facts[name] = None
    except Unobservable as why:
        facts[name] = why
    except Exception as odd:  # noqa: BLE001 - what a node printed is input: to stumble over it is not to have seen
        facts[name] = unknown_by_bug(f"{name}: could not make sense of the answer", odd)
