"""Schedules: whether the backup is run on the node where the database runs, by a cron that is alive."""

from fleetkeeper.topics.schedules.facts import Crontab, Daemon, Entry, Facts, Suspect, Target
from fleetkeeper.topics.schedules.observe import observe
from fleetkeeper.topics.schedules.rules.entries import RULES

__all__ = ["RULES", "Crontab", "Daemon", "Entry", "Facts", "Suspect", "Target", "observe"]
