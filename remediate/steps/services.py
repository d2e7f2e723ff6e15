"""Changing a swarm service through the Engine API, with a watch over its new tasks and a way back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class UpdateService:
    """Set the user of a swarm service: stop first, wait until the new tasks are healthy, or roll back.

    `node` is a manager. `was` is the user that the service's spec has now ("" when it names none); `image` is the image
    in its spec: both are preconditions. `settle` is how long (seconds) the new tasks must keep running after they came
    up, `limit` how long (seconds) they may take to come up.
    """

    node: str
    service: str
    user: str
    was: str
    image: str
    settle: float = 20.0
    limit: float = 180.0
    kind: Literal["update_service"] = "update_service"
