"""Checking the lock again where a step makes many changes: the node's own shell compares before each of them."""

from __future__ import annotations

NOT_OURS = 79
"""Exit status of a script when the lock is not ours any more."""


def taken_away(node: str) -> str:
    """The message that the lock of a node was lost."""
    return f"the lock of {node} is not ours any more: the connection was silent for too long, or somebody removed it"
