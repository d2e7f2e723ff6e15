"""Database dumps that happen, are complete, can be told apart, and fit: the heart of the audit."""

from fleetkeeper.looking.observer import Observer
from fleetkeeper.topics.backups import database, second_copy
from fleetkeeper.topics.backups.facts import DumpProof, Facts, File
from fleetkeeper.topics.backups.observe import observe
from fleetkeeper.topics.backups.policy import Elsewhere, Keep, Policy, Volume
from fleetkeeper.topics.backups.rules.dumps import RULES
from fleetkeeper.topics.protocol import Topic

TOPIC = Topic(
    "backups",
    observers=(
        Observer(database.Facts, database.observe),
        Observer(second_copy.Facts, second_copy.observe),
        Observer(Facts, observe),
    ),
    rules=RULES,
    policy=Policy,
    about="Who dumps the database, when and where to; or `none: why`.",
    required=True,
    remedies=("backups.are_fresh", "backups.exist_elsewhere", "backups.are_thinned"),
)

__all__ = ["RULES", "TOPIC", "DumpProof", "Elsewhere", "Facts", "File", "Keep", "Policy", "Volume", "observe"]
