"""Whatever each command says of one dead engine, or of one right that is missing, it is one cause."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import pytest

from fleetkeeper.looking.look import look_at_node
from fleetkeeper.topics.registry import observers_in, topics_of
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.link import MOST_OUTPUT
from tests.pure.judging.test_unobservable import FLEET

NODE = FLEET.inventory.nodes["vgpu"]
SILENT, FORBIDDEN = "the Docker engine does not answer", "this account may not ask the Docker engine"
REFUSALS = {
    "Cannot connect to the Docker daemon at unix:///run/docker.sock. Is the docker daemon running?": SILENT,
    "failed to connect to the docker API at unix:///run/docker.sock; check if the path is correct": SILENT,
    "error during connect: Get http://docker.example.com/v1.41/info: ssh: exit status 255": SILENT,
    "the Docker engine does not run": SILENT,
    "permission denied while trying to connect to the Docker daemon socket at unix:///run/docker.sock": FORBIDDEN,
    "sudo: a password is required": "sudo asks this account for a password",
    "ops is not in the sudoers file.": "sudo does not know this account",
    "an engine, but no docker client": "a Docker engine runs there, and there is no `docker` client to ask it with",
}


class Refusing:
    """A node that refuses every command with one text, or lets it wait beyond its time limit."""

    def __init__(self, text: str) -> None:
        self.text = text

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        if self.text.startswith("time limit"):
            return [Output(None, lost=self.text, command=str(command)) for command in commands]
        return [Output(71, err=f"{self.text}\n".encode(), command=str(command)) for command in commands]

    def close(self) -> None: ...


def reasons_in(value: Any) -> Iterator[Unobservable]:
    """Every Unobservable in facts, however deep."""
    if isinstance(value, Unobservable):
        yield value
    elif is_dataclass(value):
        for field in fields(value):
            yield from reasons_in(getattr(value, field.name))
    elif isinstance(value, tuple | list | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from reasons_in(item)


def reasons_of_refusal(text: str) -> list[Unobservable]:
    inventory = FLEET.inventory
    facts = look_at_node(NODE, inventory, lambda node: Refusing(text), observers_in(topics_of(inventory)))  # type: ignore[arg-type]
    return [why for why in reasons_in(facts) if text in why.why]


@pytest.mark.parametrize(("text", "cause"), REFUSALS.items())
def test_what_every_command_is_refused_for_is_one_cause_in_every_topic(text: str, cause: str) -> None:
    reasons = reasons_of_refusal(text)
    assert len({why.why for why in reasons}) > 3
    assert {why.cause for why in reasons} == {cause}


def test_commands_that_all_take_too_long_are_one_cause() -> None:
    reasons = reasons_of_refusal("time limit of 30 s")
    assert len({why.why for why in reasons}) > 3
    assert {why.cause for why in reasons} == {"commands there take too long"}


def test_what_one_command_alone_lacks_is_no_cause_of_others() -> None:
    reasons = reasons_of_refusal("sh: 1: cannot open /etc/shadow: No such file")
    assert len(reasons) > 3
    assert {why.cause for why in reasons} == {""}
