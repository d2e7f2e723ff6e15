"""What a person is told at the end of `fleetkeeper init`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleetkeeper.inventory.survey_results import Findings
from fleetkeeper.inventory.units import count, show_size
from fleetkeeper.untrusted import one_line


def summary(found: Findings, path: Path) -> Iterator[str]:
    """What was found in a few lines, what was not, and the command to run next."""
    parts = [count(len(found.machines), "node"), count(len(found.services), "service")]
    if found.backups:
        parts.append(f"{count(found.backups.number, 'backup')} ({show_size(found.backups.used)})")
    parts.append(count(len(found.sites), "certificate"))
    yield f"found: {', '.join(parts)}"
    lost = [f"{machine.node.name}: {machine.trouble}" for machine in found.machines if machine.trouble]
    rights = [f"{one.node.name}: {right}" for one in found.machines for right in one.missing]
    yield from (f"  not seen: {one_line(line)}" for line in (*lost, *rights, *found.unseen))
    if found.strangers:
        names = ", ".join(f"{stranger.hostname} ({stranger.address})" for stranger in found.strangers)
        yield f"  not looked at: {names}; --follow looks at all members of the swarm"
    yield f"written: {path}; read it, then: pytest --hosts=./{path}"
