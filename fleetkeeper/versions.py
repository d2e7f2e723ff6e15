"""Versions of the files that fleetkeeper writes, on the auditing machine and on nodes.

A file of an older version is converted, or read with care. A file of a newer version is reported in one line, and is
never interpreted, overwritten or removed.
"""

from __future__ import annotations

UPGRADE = "upgrade fleetkeeper here: a newer one wrote it"


def is_newer(what: str, version: int, newest: int) -> str:
    """The message that `what` has a version newer than `newest`, the newest that is known here; "" when it has not.

    >>> is_newer("journal.sqlite", 3, 2)
    'journal.sqlite has version 3, and this fleetkeeper knows versions up to 2'
    >>> is_newer("journal.sqlite", 1, 2)
    ''
    """
    return (
        f"{what} has version {version}, and this fleetkeeper knows versions up to {newest}" if version > newest else ""
    )
