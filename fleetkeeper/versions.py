"""Versions of what fleetkeeper writes down, on the auditing machine and on nodes.

What an older one wrote is converted, or read with care. What a newer one wrote is said in one line, and is never
guessed at, written over or removed.
"""

from __future__ import annotations

UPGRADE = "upgrade fleetkeeper here: a newer one wrote it"


def is_newer(what: str, version: int, newest: int) -> str:
    """The line about something that a newer fleetkeeper wrote; empty where it is not newer.

    >>> is_newer("journal.sqlite", 3, 2)
    'journal.sqlite has version 3, and this fleetkeeper knows versions up to 2'
    >>> is_newer("journal.sqlite", 1, 2)
    ''
    """
    return (
        f"{what} has version {version}, and this fleetkeeper knows versions up to {newest}" if version > newest else ""
    )
