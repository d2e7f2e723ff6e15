"""A check, before any change, that every directory to be written is writable and has room."""

from __future__ import annotations

from collections.abc import Iterable

from fleetkeeper.readers.lines import split_lines
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.link import Link
from fleetkeeper.transport.script_files import load_script
from remediate.steps import StepFailed
from remediate.steps.put_content import ask_one

CHECK_DIRECTORIES = "remediate/scripts/check_directories.sh"


def require_room(link: Link, node: str, directories: Iterable[str]) -> None:
    """Check that the directories on the node are writable, with 256 KiB free. Raises StepFailed, or Unobservable.

    Of a directory that does not exist, the nearest one above it is checked. StepFailed has `changed=False`. Without
    directories nothing is asked.
    """
    paths = tuple(directories)
    if paths:
        text = (
            ask_one(link, Command(("sh", "-c", load_script(CHECK_DIRECTORIES), "sh", *paths), sudo=True)).text().strip()
        )
        if text:
            raise StepFailed(f"{node}: {split_lines(text)[0]}", changed=False)
