"""Database dumps that happen, are complete, can be told apart, and fit: the heart of the audit."""

from fleet.topics.backups.files import Facts, File, Verified
from fleet.topics.backups.observe import observe
from fleet.topics.backups.policy import Elsewhere, Keep, Policy, Volume
from fleet.topics.backups.rules import RULES

__all__ = ["RULES", "Elsewhere", "Facts", "File", "Keep", "Policy", "Verified", "Volume", "observe"]
