"""The section `heartbeat` of an inventory: who is told that the audit ran, so that silence is noticed."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import core_schema

from fleetkeeper.errors import field_error
from fleetkeeper.inventory.schema import Strict

Kind = Literal["healthchecks", "sentry", "uptime-kuma"]
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
HINT = "the name of an environment variable, such as RODAN_HEARTBEAT; the URL itself never stands in an inventory"


def is_variable(written: str) -> str:
    """The name of a variable. What is none may well be the URL itself, and is not shown."""
    if not re.fullmatch(VARIABLE, written, re.ASCII):
        raise field_error("this is not the name of a variable (what it is, is not shown here)", HINT)
    return written


class Heartbeat(Strict):
    """Who is told that the audit ran, and how it ended: by the name of the variable that holds the URL."""

    variable: Annotated[str, AfterValidator(is_variable)] = Field(
        description="Environment variable that holds the URL to ping. The URL itself is a secret."
    )
    kind: Kind | None = Field(
        default=None, description="What listens there; default: as the URL looks, else as healthchecks.io."
    )


def expand_shorthand(written: object) -> object:
    """`heartbeat: NAME` stands for `heartbeat: {variable: NAME}`."""
    return {"variable": written} if isinstance(written, str) else written


class Short:
    """Shows in the exported JSON schema that the name alone will do."""

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        return {"anyOf": [{"type": "string", "pattern": f"^{VARIABLE}$"}, handler(schema)]}


Beat = Annotated[Heartbeat, BeforeValidator(expand_shorthand), Short()]
