"""Ways to a node: paramiko, the OpenSSH client, this machine itself, or any testinfra connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fleetkeeper.transport.commands import Command, Output

MOST_OUTPUT = 64 << 20
"""Bytes that one node may answer in one look."""


class Link(Protocol):
    """An open way to one node."""

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        """Run the commands one after the other on the node, in one round trip; one Output for each.

        Their outputs together take at most `room` bytes; what does not fit is lost, and says so.

        Raises Unobservable when the node as a whole could not be asked.
        """
        ...

    def close(self) -> None: ...
