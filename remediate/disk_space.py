"""Whether every disk that will be written to can be: asked before any change."""

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
    """A full or read-only disk is noticed before any change. Raises StepFailed, or Unobservable."""
    paths = tuple(directories)
    if paths:
        text = (
            ask_one(link, Command(("sh", "-c", load_script(CHECK_DIRECTORIES), "sh", *paths), sudo=True)).text().strip()
        )
        if text:
            raise StepFailed(f"{node}: {split_lines(text)[0]}", changed=False)
