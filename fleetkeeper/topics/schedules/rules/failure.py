"""The rule that a backup which fails is told, and that no password is told with it."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.errors import NotApplicable
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.schedules.entry_matching import read_entries, wanted_times
from fleetkeeper.topics.schedules.facts import Entry
from fleetkeeper.topics.schedules.rules.evidence import only

UNTOLD = (
    "a failure that reaches a mail, a log or a program that watches",
    "backups may be missing for weeks, and nobody notices",
    "let its errors through; `set -o pipefail` in bash; report success behind `&&`",
)
"""What is wanted, why, and what helps where a failure stays untold."""
EXPOSED = (
    "passwords in a file that only its user may read",
    "whoever reads that log or mail has the database",
    "read it from a file (`~/.pgpass`, `--env-file`), and change it: it has been written down",
)
"""The same where a password goes into a log or a mail."""


def backup_tells_failure(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
    """Somebody hears of a backup that fails, and no password goes into a log or a mail.

    Cron sends what a command prints and does not look at its status. A line cannot tell when its errors are thrown away
    and nothing asks for its status, when `|| true` or the last program of a pipe hides it, or when MAILTO is empty. A
    password in a line stands in cron's log and in the subject of its mail. What is kept in a log file counts as told.
    All are warnings. Does not apply where no entry is meant for the backup. Source: docs/runbook.md,
    "Backups on a schedule".
    """
    policy = fleet.inventory.section(Policy)
    wanted_times(policy)
    home = only(running_placements(fleet, policy.service))
    entries, _ = read_entries(fleet, home.node, home, policy)
    wanted = [item.entry for item in entries if item.meant and "commented out" not in item.entry.faults]
    if not wanted:
        raise NotApplicable("no entry does it yet: see schedules.backup_runs_where_postgres_runs")
    for entry in wanted:
        yield from reports(entry, home.node)


def reports(entry: Entry, node: str) -> Iterator[Finding]:
    """The findings about one entry.

    Warnings: how a failure stays untold, and secrets that it shows; none when there are none.
    """
    kinds = ((entry.untold, UNTOLD), (entry.exposed, EXPOSED))
    for saw, (want, why, hint) in ((saw, texts) for sentences, texts in kinds for saw in sentences):
        yield Finding(
            saw=f"the entry {entry.where} {saw}",
            want=want,
            why=why,
            node=node,
            about=entry.where,
            severity="warning",
            hint=hint,
        )
