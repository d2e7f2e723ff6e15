"""What a drill brought back, held against the live database and the drill before. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from fleetkeeper.inventory.units import count_of
from remediate.backups.database_contents import DatabaseContents

BEFORE = "at the last drill"
TINY = 50
"""Tables with fewer rows may shrink as they like: sessions, queues, locks."""


def missing_tables(
    restored: DatabaseContents, live: DatabaseContents, before: Mapping[str, int], tolerance: int
) -> list[str]:
    """A line for each table or extension that is missing or too small, compared with the live database and `before`.

    `before` is the last success, `tolerance` in percent. A table of the live database that is missing counts always,
    rows only from TINY rows on.
    """
    lacking = [f"the extension {name} is missing" for name in live.extensions if name not in restored.extensions]
    for where, expected in (("live", live.rows), (BEFORE, before)):
        for table, rows in expected.items():
            got = restored.rows.get(table)
            if got is None and (where == "live" or rows >= TINY):
                lacking.append(f"table {table} is missing ({count_of(rows, 'row')} {where})")
            elif got is not None and rows >= TINY and got < rows * (100 - tolerance) / 100:
                lacking.append(f"table {table} has {count_of(got, 'row')} ({rows} {where})")
    return lacking


def doubts_about_live(restored: DatabaseContents, live: DatabaseContents, tolerance: int) -> list[str]:
    """A line for each table of which the live database has far fewer rows than the dump; `tolerance` in percent.

    One line where the live database holds nothing at all: a drill beside it proves nothing about which one is right.
    Only tables of TINY rows or more in the dump count. Empty without doubts.
    """
    matches = []
    for table, rows in restored.rows.items():
        here = live.rows.get(table, 0)
        if rows >= TINY and here < rows * (100 - tolerance) / 100:
            matches.append(f"table {table} has {count_of(here, 'row')} in the live database, and {rows} in the dump")
    empty = not any(rows for table, rows in live.rows.items() if "." in table)
    return matches or (["the live database holds no row of any table"] if empty else [])
