"""The section `sentry` of an inventory: the project in which open findings are issues."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from fleetkeeper.inventory.heartbeat import Short, expand_shorthand, is_variable
from fleetkeeper.inventory.schema import Strict


class SentryProject(Strict):
    """A project of Sentry, or of a server that takes its events, by the name of the variable that holds the DSN."""

    variable: Annotated[str, AfterValidator(is_variable)] = Field(
        description="Environment variable that holds the DSN of the project. The DSN itself is a secret."
    )
    say: Literal["rule", "all"] = Field(
        default="rule",
        description="What is sent: `rule`: rule, promise, owner, and the names of services and volumes; `all`: also "
        "hosts, what was seen and what was wanted.",
    )
    environment: str = Field(
        default="", max_length=64, description="Name of this auditor, where several audit one inventory."
    )


def with_long_form(written: Any) -> Any:
    """`{variable: NAME}` for `sentry: NAME`; any other value as it is."""
    return expand_shorthand(written)


Project = Annotated[SentryProject, BeforeValidator(with_long_form), Short()]
