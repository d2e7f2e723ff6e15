"""Versions of the files that fleetkeeper writes, on the auditing machine and on nodes.

A file of an older version is converted, or read with care. A file of a newer version is reported in one line, and is
never interpreted, overwritten or removed.
"""

from __future__ import annotations

UPGRADE = "upgrade fleetkeeper here: a newer one wrote it"


def is_newer(what: str, version: int, known_value: int) -> str:
    """The message that `what` has a version newer than `known_value`, the newest known here; "" when it has not.

    >>> is_newer("journal.sqlite", 3, 2)
    'journal.sqlite has version 3, and this fleetkeeper knows versions up to 2'
    >>> is_newer("journal.sqlite", 1, 2)
    ''
    """
    return (
        f"{what} has version {version}, and this fleetkeeper knows versions up to {known_value}"
        if version > known_value
        else ""
    )
