"""The section `github` of an inventory: the private repository in which open findings are issues."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from fleetkeeper.inventory.heartbeat import is_variable
from fleetkeeper.inventory.schema import Strict


class GitHubRepository(Strict):
    """A private repository, and the name of the variable that holds a token for its issues."""

    repository: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9-]{0,38}/[A-Za-z0-9._-]{1,100}$",
        description="Owner and name, as `shop/servers`. A public one is refused.",
    )
    token: Annotated[str, AfterValidator(is_variable)] = Field(
        description="Environment variable that holds a token that may write issues. The token itself is a secret."
    )
    url: str = Field(
        default="https://api.github.com",
        pattern=r"^https?://[A-Za-z0-9._:-]{1,255}(/[A-Za-z0-9._-]{1,100}){0,4}$",
        description="Where GitHub's REST API is; of a server of one's own, `https://HOST/api/v3`.",
    )
    say: Literal["rule", "all"] = Field(
        default="rule",
        description="What is written: `rule`: rule, promise, owner, and the names of services and volumes; `all`: also "
        "hosts, what was seen and what was wanted.",
    )
    environment: str = Field(
        default="", max_length=64, description="Name of this auditor, where several audit one inventory."
    )
