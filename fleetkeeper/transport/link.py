"""The interface of links to nodes: paramiko, the OpenSSH client, the local machine, or any testinfra connection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fleetkeeper.transport.commands import Command, Output

MOST_OUTPUT = 64 << 20
"""Limit in bytes of all answers of one node in one look."""


class Link(Protocol):
    """An open link to one node."""

    def ask(self, commands: Sequence[Command], room: int = MOST_OUTPUT) -> list[Output]:
        """Run the commands one after the other on the node, in one round trip; one Output for each, in order.

        Their outputs together take at most `room` bytes; one that does not fit is lost, and its `lost` gives that
        reason.

        Raises Unobservable when no command could be run at all.
        """
        ...

    def close(self) -> None:
        """Close the link at once; a thread that waits for an answer gets none."""
        ...
