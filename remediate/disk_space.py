"""Whether every disk that will be written to can be: asked before any change."""

from __future__ import annotations

from collections.abc import Iterable

from fleetkeeper.readers.lines import lines
from fleetkeeper.transport.commands import Command
from fleetkeeper.transport.link import Link
from remediate.steps import StepFailed
from remediate.steps.put_content import ask_one

ROOM = r"""
for path; do
  d=$path; while [ ! -d "$d" ]; do d=${d%/*}; [ -n "$d" ] || d=/; done
  [ -w "$d" ] || { echo "$d: cannot be written (read-only, or no right to)"; continue; }
  free=$(df -Pk -- "$d" | { read -r head; read -r fs all used free rest; echo "$free"; })
  [ "${free:-0}" -ge 256 ] || echo "$d: the disk is full ($free KiB left)"
done
"""


def require_room(link: Link, node: str, directories: Iterable[str]) -> None:
    """A full or read-only disk is noticed before any change. Raises StepFailed, or Unobservable."""
    paths = tuple(directories)
    if paths:
        said = ask_one(link, Command(("sh", "-c", ROOM, "sh", *paths), sudo=True)).text().strip()
        if said:
            raise StepFailed(f"{node}: {lines(said)[0]}", changed=False)
