"""The section `heartbeat` of an inventory: the URL to ping after an audit, so that a missing audit is noticed."""

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
    """The value, if it is the name of an environment variable; whether that is set is not looked at.

    Raises ValueError for anything else. A wrong value may be the URL itself, so the message does not show it.
    """
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
    """`{variable: NAME}` for `heartbeat: NAME`; any other value as it is."""
    return {"variable": written} if isinstance(written, str) else written


class Short:
    """Adds the short form, the name alone, to the exported JSON schema."""

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: Any) -> dict[str, Any]:
        """The JSON schema: the name of a variable alone, or the object."""
        return {"anyOf": [{"type": "string", "pattern": f"^{VARIABLE}$"}, handler(schema)]}


Beat = Annotated[Heartbeat, BeforeValidator(expand_shorthand), Short()]
