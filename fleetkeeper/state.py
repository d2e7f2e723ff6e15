"""The state directory on the auditing machine: data about past runs. Losing it costs time, never a wrong verdict."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

from fleetkeeper.errors import UsageError
from fleetkeeper.versions import UPGRADE, is_newer

VARIABLE = "FLEETKEEPER_STATE"
VERSION = 1
"""Version of the directory's set of files. A directory without one is older, and has the same files as version 1."""


class Unwritable(Exception):
    """The journal can no longer be written or read: the disk is full, read-only, or gone."""

    def __init__(self, path: Path, why: Exception) -> None:
        super().__init__(f"the journal {path} cannot be written ({why})")


class Used:
    """`path` is the state directory that this command has asked for last, absolute; None before it has asked."""

    path: Path | None = None


def directory(given: str | Path | None = None) -> Path:
    """The path of the state directory, which is created (mode 0700) when missing. `given` is the value of --state.

    Raises OSError when it cannot be created, and UsageError when it belongs to a newer fleetkeeper.
    """
    path = path_of(given)
    Used.path = path.absolute()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not known_version(path):
        with suppress(OSError):  # on a full disk it stays without
            replace_text(path / "version", f"{VERSION}\n")
    return path


def path_of(given: str | Path | None) -> Path:
    """The path of the state directory: `given` (--state), else $FLEETKEEPER_STATE, else $XDG_STATE_HOME/fleetkeeper."""
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(given or os.environ.get(VARIABLE) or Path(base) / "fleetkeeper").expanduser()


def known_version(path: Path) -> int:
    """The version of a state directory; 0 where it has none.

    Raises UsageError when it is newer than VERSION or no number.
    """
    file = path / "version"
    try:
        text = file.read_bytes().strip()
    except OSError:
        return 0
    if not re.fullmatch(rb"[0-9]{1,9}", text):
        raise UsageError(f"{file} holds no version", hint="remove it if the directory is this fleetkeeper's")
    if newer := is_newer(str(path), int(text), VERSION):
        raise UsageError(newer, hint=f"{UPGRADE}; --state names another directory")
    return int(text)


def replace_text(path: Path, text: str) -> None:
    """Replace a small file's text atomically (temporary file, rename). Raises OSError."""
    waiting = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        waiting.write_text(text, encoding="utf-8")
        waiting.replace(path)
    finally:
        waiting.unlink(missing_ok=True)


def remember_audited(given: str | Path | None, inventory: str) -> None:
    """Store the name of the inventory of the last audit, as --hosts gave it: `remediate` without --hosts uses it.

    Raises OSError and UsageError as `directory`, whose `given` it takes.
    """
    replace_text(directory(given) / "last_audited", f"{inventory}\n")


def last_audited(given: str | Path | None) -> str:
    """The inventory of the last audit, as --hosts gave it; "" when there was none.

    It makes the state directory where that is missing, and raises OSError and UsageError as `directory`.
    """
    try:
        return (directory(given) / "last_audited").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
