"""The newest backups at both of their places, told apart by digest.

The rule stands where people look for it: `backups.exist_elsewhere`.
"""

from fleet.rules import Rule
from fleet.topics.copies.facts import DIGESTED, Facts, Place, differs, same, shared, unread
from fleet.topics.copies.observing import observe

RULES: tuple[Rule, ...] = ()

__all__ = ["DIGESTED", "RULES", "Facts", "Place", "differs", "observe", "same", "shared", "unread"]
