"""The faults of an entry in sentences: which entry, what is wrong with it, and what to do."""

from __future__ import annotations

from fleetkeeper.readers.cron.faults import FAULTS, Fault
from fleetkeeper.topics.schedules.facts import Entry


def harmful(entry: Entry) -> tuple[Fault, ...]:
    """The faults that keep an entry from running."""
    return tuple(fault for fault in entry.faults if not FAULTS[fault].harmless)


def saw(entry: Entry, fault: Fault) -> str:
    """One sentence: which entry, and what is wrong with it."""
    return f"the entry {entry.where} {fill(FAULTS[fault].saw, entry)}"


def hint(entry: Entry, fault: Fault) -> str:
    return fill(FAULTS[fault].hint, entry)


def fill(text: str, entry: Entry) -> str:
    return text.replace("{user}", entry.user).replace("{fault_line}", str(entry.fault_line))
