"""The database behind the backups: is it still the same one, and have its backups come back?

Its rules stand where people look for them: `services.postgres_kept_its_data` and `backups.come_back`.
"""

from fleet.rules import Rule
from fleet.topics.databases.facts import Accepted, AcceptedSize, Cluster, Drill, Facts, Records
from fleet.topics.databases.merging import contains, merge
from fleet.topics.databases.observing import observe

RULES: tuple[Rule, ...] = ()

__all__ = [
    "RULES",
    "Accepted",
    "AcceptedSize",
    "Cluster",
    "Drill",
    "Facts",
    "Records",
    "contains",
    "merge",
    "observe",
]
