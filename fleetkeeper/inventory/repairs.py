"""The section `repairs` of an inventory: what `remediate --nightly` may do while nobody watches."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from fleetkeeper.errors import field_error, quoted
from fleetkeeper.inventory.fields import RuleGlob
from fleetkeeper.inventory.schema import Strict


def of_one_topic(glob: str) -> str:
    """The glob over rules, if it names its topic: `*` would consent to whatever an upgrade brings.

    Raises ValueError for one with `*`, `?` or `[` in front of the dot.
    """
    if set(glob.partition(".")[0]) & set("*?["):
        raise field_error(f"{quoted(glob)} names rules of every topic", 'name the topic, such as "certificates.*"')
    return glob


class Repairs(Strict):
    """The repairs of a night: exactly these rules, and the consent that follows from them."""

    nightly: tuple[Annotated[RuleGlob, AfterValidator(of_one_topic)], ...] = Field(
        min_length=1,
        description="Rules (ids, or globs within a topic) whose findings `remediate --nightly` mends without asking.",
    )
    max_changes: int = Field(
        default=50, ge=1, description="Most changes in a night, each deleted file being one; with more, none is made."
    )
