"""The fields of a topic that the loader of inventories needs."""

from __future__ import annotations

from typing import Any, Protocol


class TopicSection(Protocol):
    """The fields of a topic that the loader needs: see `fleetkeeper.topics.protocol.Topic`."""

    @property
    def name(self) -> str: ...
    @property
    def key(self) -> str:
        """The key of its section in the inventory; "" when it has none."""

    @property
    def policy(self) -> Any:
        """The pydantic model of its section."""

    @property
    def about(self) -> str:
        """The description of its section in the reference."""

    @property
    def required(self) -> bool:
        """Whether an inventory must have its section."""

    @property
    def init_lines(self) -> Any:
        """The function that proposes its section, or None."""

    @property
    def section_rule(self) -> str:
        """The id of the rule that is unknown while the section is undecided; "" for the first, in place of all."""

    @property
    def rule_ids(self) -> tuple[str, ...]:
        """The ids of its rules, as `topic.rule`."""
