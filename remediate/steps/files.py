"""Writing a file, or a block between marks, so that there is the old content or the new, never a mix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import PlainSerializer

from remediate.steps.base import checked_path, digest

Content = Annotated[bytes, PlainSerializer(lambda content: f"sha256:{digest(content)}, {len(content)} bytes", str)]


@dataclass(frozen=True)
class WriteFile:
    """Write a whole file. `expect` is the SHA-256 (hex) of what the plan saw there, or ABSENT."""

    node: str
    path: str
    content: Content
    expect: str
    mode: int = 0o644
    owner: str = "root:root"
    kind: Literal["write_file"] = "write_file"

    def __post_init__(self) -> None:
        checked_path(self.path)


@dataclass(frozen=True)
class EditFile:
    """Set the block `block` in a file to `lines` (None: no block) and take out the exact lines `without`.

    Every other byte stays as it is. `expect` is the SHA-256 (hex) of the file as the plan saw it, or ABSENT.
    `was` are the lines that the block held before, to be shown as removed.
    """

    node: str
    path: str
    block: str
    lines: tuple[str, ...] | None
    expect: str
    without: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    mode: int = 0o644
    owner: str = "root:root"
    kind: Literal["edit_file"] = "edit_file"

    def __post_init__(self) -> None:
        checked_path(self.path)


@dataclass(frozen=True)
class EditCrontab:
    """The same in a user's crontab, installed by `crontab` itself so that cron notices.

    `expect` is the SHA-256 (hex) of what `crontab -l -u USER` prints, or ABSENT when the user has none.
    """

    node: str
    user: str
    block: str
    lines: tuple[str, ...] | None
    expect: str
    without: tuple[str, ...] = ()
    was: tuple[str, ...] = ()
    kind: Literal["edit_crontab"] = "edit_crontab"
