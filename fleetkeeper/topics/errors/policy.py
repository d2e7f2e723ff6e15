"""What an inventory says about the errors of its services: the `errors` section."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from fleetkeeper.inventory.fields import ServiceName, Words
from fleetkeeper.inventory.schema import Strict

if TYPE_CHECKING:
    from fleetkeeper.inventory.survey_results import Findings


class Policy(Strict):
    """The errors of every service are kept, bounded and reach somebody, but for those that are named here."""

    without: dict[ServiceName, Words] = Field(
        default_factory=dict,
        description="Services whose errors nobody needs, or hears of in another way, each with the reason.",
    )
    digest: bool = Field(
        default=False,
        description="Whether the error lines of the last 24 hours of each service are counted, masked on the node.",
    )
    rotated: dict[ServiceName, Words] = Field(
        default_factory=dict,
        description="Services that write log files of their own, each with what keeps these files small.",
    )


def init_lines(survey: Findings) -> Iterator[str]:
    """The section, switched off: hardly a service has it all, so a person switches it on who has time to mend it."""
    yield "# Whether what each service reports is kept, cannot fill a disk, and reaches somebody."
    yield '# `errors: {without: {}}` has every audit judge it, but for `without: {SERVICE: "why"}`.'
    yield 'errors: {none: "nobody has decided yet that it is judged"}'
