"""The rules about schedules."""

from fleetkeeper.judging.rule import Rule, each_node
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.rules.dumps import each_database
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.schedules.facts import Facts
from fleetkeeper.topics.schedules.rules.entries import backup_runs_where_postgres_runs, cron_is_active
from fleetkeeper.topics.schedules.rules.evidence import backups_appeared
from fleetkeeper.topics.schedules.rules.failure import backup_tells_failure

RULES: tuple[Rule, ...] = (
    Rule(
        topic="schedules",
        judge=backup_runs_where_postgres_runs,
        each=each_database,
        looks_at=(Facts, Containers, Nodes),
    ),
    Rule(
        topic="schedules",
        judge=backup_tells_failure,
        each=each_database,
        looks_at=(Facts, Containers),
        person="the line is somebody's own, and what it reports to is theirs to choose",
    ),
    Rule(topic="schedules", judge=cron_is_active, each=each_node, looks_at=(Facts,)),
    Rule(
        topic="schedules",
        judge=backups_appeared,
        each=each_database,
        looks_at=(Facts, Containers, Nodes, Backups),
        person="why an entry that is right did nothing is in the logs of its node; nothing there is to be guessed at",
    ),
)
