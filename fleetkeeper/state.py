"""Where the controller keeps what it knows about runs: losing it costs time, never a wrong answer."""

from __future__ import annotations

import os
from pathlib import Path

VARIABLE = "FLEETKEEPER_STATE"


class Unwritable(Exception):
    """The journal cannot be written or read any more: the disk is full, read-only, or gone."""

    def __init__(self, path: Path, why: Exception) -> None:
        super().__init__(f"the journal {path} cannot be written ({why})")


def directory(given: str | Path | None = None) -> Path:
    """The state directory: `given` (--state), $FLEETKEEPER_STATE, or $XDG_STATE_HOME/fleetkeeper. Made when missing.

    Raises OSError when it cannot be made.
    """
    base = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    path = Path(given or os.environ.get(VARIABLE) or Path(base) / "fleetkeeper").expanduser()
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def remember_audited(given: str | Path | None, inventory: str) -> None:
    """Remember the inventory of the last audit, as it was named: `remediate` without --hosts uses it."""
    state = directory(given)
    waiting = state / f"last_audited.{os.getpid()}"
    waiting.write_text(f"{inventory}\n", encoding="utf-8")
    waiting.replace(state / "last_audited")


def last_audited(given: str | Path | None) -> str:
    """The inventory of the last audit, or nothing."""
    try:
        return (directory(given) / "last_audited").read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""
