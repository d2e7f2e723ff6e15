"""Schedules: whether the backup is run on the node where the database runs, by a cron that is alive."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.readers.cron.daemon import Daemon
from fleetkeeper.readers.cron.own_crontab import Crontab
from fleetkeeper.readers.docker.exec_targets import Target
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.schedules.facts import Entry, Facts, Suspect
from fleetkeeper.topics.schedules.observe import observe
from fleetkeeper.topics.schedules.rules.entries import RULES

TOPIC = Topic(
    "schedules",
    observers=(Observer(Facts, observe),),
    rules=RULES,
    remedies=("schedules.cron_is_active", "schedules.backup_runs_where_postgres_runs"),
)

__all__ = ["RULES", "TOPIC", "Crontab", "Daemon", "Entry", "Facts", "Suspect", "Target", "observe"]
