"""The topic `schedules`: the backup runs on the node where the database runs, by a cron that runs."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.protocol import Topic
from fleetkeeper.topics.schedules import facts, observe, rules

TOPIC = Topic(
    "schedules",
    observers=(Observer(facts.Facts, observe.observe),),
    rules=rules.RULES,
    remedies=("schedules.cron_is_active", "schedules.backup_runs_where_postgres_runs"),
    root_questions=observe.root_questions,
)
