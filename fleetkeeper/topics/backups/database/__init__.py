"""The database behind the backups: is it still the same one, and have its backups come back?

Its rules stand where people look for them: `services.postgres_kept_its_data` and `backups.come_back`.
"""

from fleetkeeper.judging.rules import Rule
from fleetkeeper.topics.backups.database.facts import Accepted, AcceptedSize, Cluster, Drill, Facts, Records
from fleetkeeper.topics.backups.database.observation import observe
from fleetkeeper.topics.backups.database.record import contains_addition, merge_records

RULES: tuple[Rule, ...] = ()

__all__ = [
    "RULES",
    "Accepted",
    "AcceptedSize",
    "Cluster",
    "Drill",
    "Facts",
    "Records",
    "contains_addition",
    "merge_records",
    "observe",
]
