"""The commands that an audit runs as root about certificates: in containers, and about the owners of ports."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.topics.certificates import node_commands
from fleetkeeper.topics.certificates.listening import observe
from fleetkeeper.topics.protocol import RootQuestion


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about certificates."""
    yield from node_commands.root_questions()
    yield from observe.root_questions()
