"""The questions of the topic `services` that need root."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.topics.services import observe
from fleetkeeper.topics.services.compose import observe as compose
from fleetkeeper.topics.services.stacks import observe as stacks


def root_questions() -> Iterator[RootQuestion]:
    """The commands that an audit runs as root about the swarm, its stacks and projects of Compose."""
    yield from observe.root_questions()
    yield from stacks.root_questions()
    yield from compose.root_questions()
