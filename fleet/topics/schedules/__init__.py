"""Schedules: whether the backup is run on the node where the database runs, by a cron that is alive."""

from fleet.topics.schedules.facts import Crontab, Daemon, Entry, Facts, Suspect, Target
from fleet.topics.schedules.observe import observe
from fleet.topics.schedules.rules import RULES

__all__ = ["RULES", "Crontab", "Daemon", "Entry", "Facts", "Suspect", "Target", "observe"]
