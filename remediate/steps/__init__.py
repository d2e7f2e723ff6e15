"""The closed set of steps: everything that this project can do to a server is one of these."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from remediate.steps.base import ABSENT, Done, Lost, Place, Stale, Step, StepFailed, digest
from remediate.steps.commands import Require, Run, RunInContainer
from remediate.steps.deletion import DeleteFiles, Identified
from remediate.steps.files import EditCrontab, EditFile, WriteFile
from remediate.steps.services import UpdateService

AnyStep = Annotated[
    WriteFile | EditFile | EditCrontab | Run | RunInContainer | DeleteFiles | UpdateService,
    Field(discriminator="kind"),
]

__all__ = [
    "ABSENT",
    "AnyStep",
    "DeleteFiles",
    "Done",
    "EditCrontab",
    "EditFile",
    "Identified",
    "Lost",
    "Place",
    "Require",
    "Run",
    "RunInContainer",
    "Stale",
    "Step",
    "StepFailed",
    "UpdateService",
    "WriteFile",
    "digest",
]
