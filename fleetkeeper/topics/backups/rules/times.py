"""The rule that the times of backups can be believed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.catalog import seen_files
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.rules.dumps import name_a_few
from fleetkeeper.transport.commands import Unobservable


def tell_their_time(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Each backup's name and its time of writing agree, and neither lies in the future.

    Freshness and thinning stand on these times. The older of the two counts; what is dated in the future never counts,
    and is never removed. A copy made without `cp -p` disagrees, and so does a node whose clock was wrong. Unknown where
    the directory or the node's clock was not seen.
    """
    policy = fleet.inventory.section(Policy)
    backups = seen_files(fleet, policy).backups
    yield from time_finding(
        [backup for backup in backups if backup.future], "dated in the future", policy, "see whether a clock was wrong"
    )
    yield from time_finding(
        [backup for backup in backups if not backup.agrees and not backup.future],
        "not written when the name says",
        policy,
        "if they were copied, give them their time back with `touch -d`; else see whether a clock was wrong",
    )


def time_finding(backups: Sequence[Backup], what: str, policy: Policy, hint: str) -> Iterator[Finding]:
    """One finding about all of these backups; none when there are no backups. `what` is the end of "N …"."""
    if backups:
        yield Finding(
            saw=f"{len(backups)} {what}: {name_a_few(backups)}",
            want="files that were written when their names say",
            why="a backup of unknown age may be older than it looks, and is left out of account until this is clear",
            node=policy.volume.node,
            about=backups[0].name,
            hint=hint,
        )
