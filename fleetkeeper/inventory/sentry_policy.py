"""The section `sentry` of an inventory: the project in which open findings are issues."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from fleetkeeper.errors import field_error
from fleetkeeper.inventory.fields import Zone
from fleetkeeper.inventory.heartbeat import Short, expand_shorthand, is_variable
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.units import Duration

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
LONGEST_MARGIN = timedelta(weeks=4)
ORGANIZATION = r"https?://[A-Za-z0-9._:\[\]-]{1,255}(/[A-Za-z0-9._~-]{1,100}){0,8}/organizations/[A-Za-z0-9_-]{1,100}/?"


def is_organization_page(written: str) -> str:
    """The value, if it is the URL of an organization's page. Raises ValueError, which does not show it, otherwise."""
    if not re.fullmatch(ORGANIZATION, written, re.ASCII):
        hint = "the page of the organization, such as https://sentry.io/organizations/shop"
        raise field_error("this is not the URL of an organization in Sentry", hint)
    return written


def is_cron_schedule(written: str) -> str:
    """The value, if it has five fields of cron. Raises ValueError otherwise."""
    from cronsim import CronSim, CronSimError

    try:
        CronSim(written, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError:
        raise field_error("this is no schedule of cron", "five fields, as in `30 5 * * *`") from None
    return written


def whole_minutes(written: timedelta) -> timedelta:
    """The duration, if it is whole minutes, one at least, up to four weeks, as Sentry takes it. Raises ValueError."""
    if written % MINUTE or not MINUTE <= written <= LONGEST_MARGIN:
        raise field_error("is not a number of whole minutes up to four weeks", "as `30 min` or `1 h`")
    return written


Minutes = Annotated[Duration, AfterValidator(whole_minutes)]


class CheckIns(Strict):
    """When the audit is due, by which Sentry makes its monitors and notices that one is late."""

    schedule: Annotated[str, AfterValidator(is_cron_schedule)] = Field(
        description="When the whole audit is started, as five fields of cron: `30 5 * * *`."
    )
    timezone: Zone = Field(default="UTC", description="Time zone of `schedule`.")
    grace: Minutes = Field(default=HOUR, description="How late a check-in may be before it counts as missed.")
    longest: Minutes = Field(default=HOUR, description="How long the audit may take before it counts as failed.")


class SentryProject(Strict):
    """A project of Sentry, or of a server that takes its events, by the name of the variable that holds the DSN."""

    variable: Annotated[str, AfterValidator(is_variable)] = Field(
        description="Environment variable that holds the DSN of the project. The DSN itself is a secret."
    )
    token: Annotated[str, AfterValidator(is_variable)] = Field(
        default="",
        description="Environment variable that holds a token of Sentry's API, by which issues are closed and commented "
        "on. The token itself is a secret.",
    )
    url: Annotated[str, AfterValidator(is_organization_page)] = Field(
        default="",
        description="Page of the organization, such as https://sentry.io/organizations/shop: where the token counts.",
    )
    say: Literal["rule", "all"] = Field(
        default="rule",
        description="What is sent: `rule`: rule, promise, owner, and the names of services and volumes; `all`: also "
        "hosts, what was seen and what was wanted.",
    )
    environment: str = Field(
        default="",
        max_length=64,
        pattern=r"^[^/\r\n]*$",
        description="Name of this auditor, where several audit one inventory; Sentry takes none with a slash.",
    )

    check_ins: CheckIns | None = Field(
        default=None, description="Check-ins of the audit, of the proven backup and of certbot; without it, none."
    )

    @model_validator(mode="after")
    def has_both_or_none(self) -> Self:
        """Refuse a token without the place where it counts, and the reverse."""
        if bool(self.token) is not bool(self.url):
            lacking = "url" if self.token else "token"
            raise field_error(f"`{lacking}` is missing", "`token` and `url` need each other (docs/owners.md)")
        return self


def with_long_form(written: Any) -> Any:
    """`{variable: NAME}` for `sentry: NAME`; any other value as it is."""
    return expand_shorthand(written)


Project = Annotated[SentryProject, BeforeValidator(with_long_form), Short()]
