"""Database dumps that happen, are complete, can be told apart, and fit: the heart of the audit."""

from fleetkeeper.topics.backups.facts import Facts, File, Verified
from fleetkeeper.topics.backups.observe import observe
from fleetkeeper.topics.backups.policy import Elsewhere, Keep, Policy, Volume
from fleetkeeper.topics.backups.rules.dumps import RULES

__all__ = ["RULES", "Elsewhere", "Facts", "File", "Keep", "Policy", "Verified", "Volume", "observe"]
