"""The newest backups at both of their places, told apart by digest.

The rule stands where people look for it: `backups.exist_elsewhere`.
"""

from fleetkeeper.judging.rules import Rule
from fleetkeeper.topics.backups.second_copy.facts import (
    DIGESTED,
    CopyDirectory,
    Facts,
    is_one_file,
    is_other_file,
    is_same_copy,
    is_uncompared,
)
from fleetkeeper.topics.backups.second_copy.observation import observe

RULES: tuple[Rule, ...] = ()

__all__ = [
    "DIGESTED",
    "RULES",
    "CopyDirectory",
    "Facts",
    "is_one_file",
    "is_other_file",
    "is_same_copy",
    "is_uncompared",
    "observe",
]
