"""The closed set of steps: everything that this project can do to a server is one of these."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from fleetkeeper.inventory.units import count_of
from fleetkeeper.redact import masked
from fleetkeeper.untrusted import shell_command
from remediate.steps.change_owner import ChangeOwner, TakeBackOwner
from remediate.steps.copy_file import CopyFile, RemoveCopy
from remediate.steps.delete_files import DeleteFiles, Identified
from remediate.steps.run_command import Require, Run, RunInContainer
from remediate.steps.step import (
    ABSENT,
    AlreadyBack,
    Done,
    LeftInPlace,
    Lost,
    Stale,
    Step,
    StepContext,
    StepFailed,
    content_digest,
)
from remediate.steps.swap_databases import DropDatabase, RestoreDatabase, SwapDatabases
from remediate.steps.update_service import GiveSettingsBack, UpdateService
from remediate.steps.write_file import EditCrontab, EditFile, PutBack, UnmarkCrontab, WriteFile

AnyStep = Annotated[
    WriteFile
    | EditFile
    | EditCrontab
    | UnmarkCrontab
    | PutBack
    | Run
    | RunInContainer
    | DeleteFiles
    | CopyFile
    | RemoveCopy
    | ChangeOwner
    | TakeBackOwner
    | UpdateService
    | GiveSettingsBack
    | RestoreDatabase
    | SwapDatabases
    | DropDatabase,
    Field(discriminator="kind"),
]


@cache
def step_adapter() -> TypeAdapter[AnyStep]:
    """The pydantic adapter that loads and dumps a step by its `kind`."""
    return TypeAdapter(AnyStep)


def dump(step: AnyStep) -> dict[str, Any]:
    """A step as JSON data. The content of a file is replaced by its digest and length."""
    document: dict[str, Any] = step_adapter().dump_python(step, mode="json")
    return document


def journal_form(step: AnyStep) -> dict[str, Any]:
    """A step as JSON data for the journal and for documents, without secrets; `load` cannot read it.

    Digests stand for content. Words of a command become one masked text (a NUL is shown as `\\0`), lists of lines their
    number and digest.
    """
    texts = dump(step)
    for name, lines in texts.items():
        if name in LINES and isinstance(lines, list):
            digest = content_digest("\n".join(lines).encode("utf-8", "surrogateescape"))
            texts[name] = f"{count_of(len(lines), 'line')}, sha256:{digest}"
    for name in WORDS & texts.keys():
        texts[name] = masked(shell_command(word.replace("\0", "\\0") for word in texts[name]))
    return texts


def agreed_to(step: AnyStep) -> dict[str, Any]:
    """What a person agrees to in a step, as data: all of it but what each look reads anew.

    Left out are the content that a file is expected to have, and a time limit; the time stamp in a name becomes `…`.
    Secrets are not masked.
    """
    data = {name: value for name, value in dump(step).items() if name not in MOMENTARY}
    stamp = data.pop("stamp", "")
    if isinstance(step, WriteFile | EditFile | EditCrontab):
        del data["expect"]
    return {name: without_time_stamp(value, stamp) for name, value in data.items()} if stamp else data


def without_time_stamp(value: Any, stamp: str) -> Any:
    """Text, or a list of texts, with `…` in place of `stamp`; any other value as it is."""
    if isinstance(value, list):
        return [without_time_stamp(word, stamp) for word in value]
    return value.replace(stamp, "…") if isinstance(value, str) else value


MOMENTARY = frozenset({"limit"})
LINES = frozenset({"lines", "without", "was"})
WORDS = frozenset({"words", "undo", "undo_while", "only_while"})


def load(document: object) -> AnyStep:
    """The step that `dump` saved. Raises ValueError, also for a WriteFile, whose content is not kept."""
    if isinstance(document, dict) and document.get("kind") == "write_file":
        raise ValueError("the content of a file that was written is not kept in the journal")
    return step_adapter().validate_python(document)


__all__ = [
    "ABSENT",
    "AlreadyBack",
    "AnyStep",
    "ChangeOwner",
    "CopyFile",
    "DeleteFiles",
    "Done",
    "DropDatabase",
    "EditCrontab",
    "EditFile",
    "GiveSettingsBack",
    "Identified",
    "LeftInPlace",
    "Lost",
    "PutBack",
    "RemoveCopy",
    "Require",
    "RestoreDatabase",
    "Run",
    "RunInContainer",
    "Stale",
    "Step",
    "StepContext",
    "StepFailed",
    "SwapDatabases",
    "TakeBackOwner",
    "UnmarkCrontab",
    "UpdateService",
    "WriteFile",
    "agreed_to",
    "content_digest",
    "dump",
    "journal_form",
    "load",
]
