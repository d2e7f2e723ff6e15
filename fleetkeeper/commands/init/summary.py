"""The last lines that `fleetkeeper init` prints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fleetkeeper.inventory.survey_results import Findings
from fleetkeeper.inventory.units import count_of, show_size
from fleetkeeper.untrusted import one_line


def summary(findings: Findings, path: Path) -> Iterator[str]:
    """What was found in a few lines, what could not be seen, and the command to run next.

    As lines of text; nothing is printed here.
    """
    parts = [count_of(len(findings.machines), "node"), count_of(len(findings.services), "service")]
    if findings.backups:
        parts.append(f"{count_of(findings.backups.number, 'backup')} ({show_size(findings.backups.used)})")
    parts.append(count_of(len(findings.sites), "certificate"))
    yield f"found: {', '.join(parts)}"
    lost = [f"{machine.node.name}: {machine.trouble}" for machine in findings.machines if machine.trouble]
    rights = [f"{machine.node.name}: {right}" for machine in findings.machines for right in machine.missing]
    yield from (f"  not seen: {one_line(line)}" for line in (*lost, *rights, *findings.unseen))
    if findings.strangers:
        names = ", ".join(f"{stranger.hostname} ({stranger.address})" for stranger in findings.strangers)
        yield f"  not looked at: {names}; --follow looks at all members of the swarm"
    yield f"written: {path}; read it, then: pytest --hosts=./{path}"
