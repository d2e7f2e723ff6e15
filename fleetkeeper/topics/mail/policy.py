"""What an inventory says about cron's mail: the `mail` section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from fleetkeeper.inventory.fields import NodeName, Words
from fleetkeeper.inventory.schema import Strict

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings


class Policy(Strict):
    """Every node delivers cron's mail, but for those that are named here."""

    without: dict[NodeName, Words] = Field(
        default_factory=dict, description="Nodes that need not deliver it, each with the reason."
    )


def init_lines(found: Findings) -> Iterator[str]:
    """The section, for all nodes: only a person knows where nobody reads what cron writes."""
    yield "# Whether something on each node delivers what cron has to say; nobody sees it otherwise."
    yield 'mail: {without: {}}   # {without: {NODE: "why not there"}}, or {none: "why nowhere"}'
