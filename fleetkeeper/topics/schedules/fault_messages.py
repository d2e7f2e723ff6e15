"""The faults of an entry in sentences: which entry, what is wrong with it, and what to do."""

from __future__ import annotations

from fleetkeeper.readers.cron.faults import FAULTS, Fault
from fleetkeeper.topics.schedules.facts import Entry


def harmful(entry: Entry) -> tuple[Fault, ...]:
    """The faults that keep an entry from running; those marked `harmless` are left out."""
    return tuple(fault for fault in entry.faults if not FAULTS[fault].harmless)


def saw(entry: Entry, fault: Fault) -> str:
    """One sentence: the entry, and its fault."""
    return f"the entry {entry.where} {fill(FAULTS[fault].saw, entry)}"


def hint(entry: Entry, fault: Fault) -> str:
    """What a person can do about a fault of an entry."""
    return fill(FAULTS[fault].hint, entry)


def fill(text: str, entry: Entry) -> str:
    """The text with the entry's user and fault line in place of `{user}` and `{fault_line}`."""
    return text.replace("{user}", entry.user).replace("{fault_line}", str(entry.fault_line))
