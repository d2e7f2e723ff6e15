"""Search for inventories: in the folders of $FLEETKEEPER_INVENTORIES, then `inventories/` here or above, then ours."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from fleetkeeper.errors import UsageError, nearest_name, quoted

VARIABLE = "FLEETKEEPER_INVENTORIES"
ENDINGS = (".yml", ".yaml")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", re.ASCII)
PACKAGE = Path(__file__).resolve().parents[1]


def find_inventory(name: str) -> Path:
    """The file of an inventory, given by its name, or by a path (with a slash, or an ending .yml or .yaml).

    Raises UsageError, with the available inventories and the nearest name, when there is none.
    """
    if "/" in name or name.endswith(ENDINGS):
        return at_path(name)
    there_are = available_inventories()
    if name not in there_are or not NAME.fullmatch(name):
        raise UsageError(f"no inventory {quoted(name)}", nearest_name(name, there_are, "inventories"))
    return there_are[name]


def at_path(name: str) -> Path:
    """The file at the path `name`. Raises UsageError when there is none, or its name is not valid for an inventory."""
    path = Path(name).expanduser()
    if not path.is_file():
        shown = quoted(name, limit=200)
        hint = nearest_name(path.stem, available_inventories(), "inventories") + "; a path must lead to a file"
        raise UsageError(f"no inventory at {shown}", hint)
    if not NAME.fullmatch(path.stem):
        raise UsageError(f"{quoted(path.name)} cannot name an inventory", "use letters, digits, `_`, `.` and `-`")
    return path


def available_inventories() -> dict[str, Path]:
    """The file of every inventory, by name. The first folder that has a name is used.

    Raises OSError for a folder that cannot be read.
    """
    matches: dict[str, Path] = {}
    for folder in inventory_folders():
        for path in sorted(folder.iterdir()):
            if path.suffix in ENDINGS and NAME.fullmatch(path.stem) and path.is_file():
                matches.setdefault(path.stem, path)
    return matches


def inventory_folders() -> Iterator[Path]:
    """The folders that exist, in the order in which they are searched.

    They are those of the environment variable, `inventories` here or in the nearest folder above, and the shipped ones.
    """
    named = [Path(folder).expanduser() for folder in os.environ.get(VARIABLE, "").split(os.pathsep) if folder]
    here = Path.cwd()
    above = next((up / "inventories" for up in (here, *here.parents) if (up / "inventories").is_dir()), None)
    for folder in (*named, *([above] if above else []), *shipped_folders()):
        if folder.is_dir():
            yield folder


def shipped_folders() -> Iterator[Path]:
    """Our own folders: that of the clone from which this package runs, and the copies in a wheel.

    Whether they exist is not looked at, but for the clone's pyproject.toml.
    """
    clone = PACKAGE.parent
    if (clone / "pyproject.toml").is_file():
        yield clone / "inventories"
    yield PACKAGE / "shipped"
