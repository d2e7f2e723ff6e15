"""The rule that a schedule works: a backup appeared when it was last due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from fleetkeeper.errors import NotJudgedNow
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet, raise_if_unobservable
from fleetkeeper.readers.cron.due_times import last_due
from fleetkeeper.topics.backups import dump_times
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.topics.containers.placement import running_placements
from fleetkeeper.topics.schedules.entry_matching import MatchedEntry, read_entries, wanted_times, zone_of
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.transport.commands import Unobservable

EARLY = timedelta(minutes=5)


def backups_appeared(fleet: Fleet, subject: Subject) -> Iterator[Finding]:
    """A backup appeared when the schedule was last due.

    An entry may look right and do nothing: only its files prove it. Judged for the last due time (in the time zone of
    the node's cron) that is longer ago than the policy's `grace`; a file counts when its name or its mtime lies between
    five minutes before that and the grace after it. Not judged before the first due time after the entry was last
    changed or cron was started, nor while no entry is right. Source: docs/runbook.md, "Where backups are kept".
    """
    policy = fleet.inventory.section(Policy)
    times = wanted_times(policy)
    home = only(running_placements(fleet, policy.service))
    entries, _ = read_entries(fleet, home.node, home, policy)
    working = [entry for entry in entries if entry.does(home)]
    if not working:
        raise NotJudgedNow("no entry does it yet: see schedules.backup_runs_where_postgres_runs")
    zone = zone_of(fleet, home.node)
    due = last_due(times, fleet.now(home.node).astimezone(zone) - policy.grace)
    if due is None or due.timestamp() < standing_since(fleet.of(home.node, Facts), working):
        raise NotJudgedNow("no backup has been due since the entry was changed or cron was started")
    if not any(due - EARLY <= time <= due + policy.grace for time in times_of_files(fleet, policy)):
        yield Finding(
            saw=f"no backup appeared when it was due: {due:%Y-%m-%d %H:%M %Z}",
            want=f"a file in {policy.volume.name} within {int(policy.grace.total_seconds() // 60)} minutes of that",
            why="the entry looks right and did nothing",
            node=home.node,
            hint=f"`journalctl -t CRON -t fleetkeeper` on {home.node}, or cron's mail, may say what happened",
        )


def only(homes: Sequence[Placement]) -> Placement:
    """The one place where the service runs. Raises NotJudgedNow for none or several."""
    if len(homes) != 1:
        raise NotJudgedNow(f"the service runs in {len(homes)} places: see schedules.backup_runs_where_postgres_runs")
    return homes[0]


def standing_since(facts: Facts, working: Sequence[MatchedEntry]) -> float:
    """The epoch second (node's clock) since which cron has run and the entries have not been changed.

    A cron that does not run does not count. Raises Unobservable where it was not seen whether it runs.
    """
    cron = raise_if_unobservable(facts.cron) if isinstance(facts.cron, Unobservable) else facts.cron
    return max([cron.started if cron else 0.0, *(entry.entry.changed for entry in working)])


def times_of_files(fleet: Fleet, policy: Policy) -> Iterator[datetime]:
    """The times at which each backup may have been made: that in its name, and its mtime.

    Files whose names do not fit the policy are left out. Raises Unobservable where the files were not seen.
    """
    zone = policy.zone
    for file in raise_if_unobservable(fleet.of(policy.volume.node, Backups).files, policy.volume.node):
        named = dump_times.moment_of_name(file.name, policy, file.mtime)
        if named is not None and file.kind == "file":
            yield named
            yield dump_times.written_at(file.mtime).astimezone(zone)
