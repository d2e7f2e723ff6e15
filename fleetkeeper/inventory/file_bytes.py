"""The bytes of an inventory's file, and how messages name it."""

from __future__ import annotations

from pathlib import Path

from fleetkeeper.inventory.problems import InventoryError, InventoryProblem
from fleetkeeper.inventory.strict_yaml import LARGEST


def content_of(path: Path) -> bytes:
    """The bytes of a file, at most one more than is allowed. Raises InventoryError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as why:
        raise InventoryError(
            [InventoryProblem(shortest_path(path), 1, "", f"cannot be read: {why.strerror}")]
        ) from None


def shortest_path(path: Path) -> str:
    """The path relative to the working directory when it is below it, else absolute."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd())) if whole.is_relative_to(Path.cwd()) else str(whole)
