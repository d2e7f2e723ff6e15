"""Differences between what two databases hold, or one at two times: rows, and changes within them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fleetkeeper.inventory.units import count_of
from remediate.backups.database_contents import DatabaseContents


@dataclass(frozen=True)
class Losses:
    """What would be lost if `now` were replaced by `instead`, as far as it was counted.

    `rows` are how many more rows each table has in `now`, by table, most first; `whole` those of the tables that
    `instead` lacks. `changed` are tables with as many rows and other content, `extensions` those that `instead` lacks,
    `back` tables with more rows in `instead`, `blind` those whose content could not be compared. `differs`: some table
    has other content.
    """

    rows: dict[str, int]
    whole: frozenset[str]
    changed: tuple[str, ...]
    extensions: tuple[str, ...]
    back: tuple[str, ...]
    blind: tuple[str, ...]
    differs: bool

    @property
    def none(self) -> bool:
        """Whether nothing that could be compared differs."""
        return not (self.rows or self.extensions or self.differs or self.back)


def count_losses(now: DatabaseContents, instead: DatabaseContents) -> Losses:
    """What would be lost if `now` were replaced by `instead`, by numbers of rows and by sums over them.

    A table that `instead` lacks is among `rows` even with no row in `now`.
    """
    more = {table: number - instead.rows.get(table, 0) for table, number in now.rows.items()}
    gone = {table: number for table, number in more.items() if number > 0 or table not in instead.rows}
    differing = [table for table, content in now.content.items() if instead.content.get(table, content) != content]
    both = [table for table in now.rows if table in instead.rows]
    unsummed = [table for table in both if table not in now.content or table not in instead.content]
    return Losses(
        rows=dict(sorted(gone.items(), key=lambda pair: -pair[1])),
        whole=frozenset(table for table in gone if table not in instead.rows),
        changed=tuple(table for table in differing if more.get(table) == 0),
        extensions=tuple(name for name in now.extensions if name not in instead.extensions),
        back=tuple(table for table, number in more.items() if number < 0),
        blind=tuple(table for table in unsummed if table != "large objects"),
        differs=bool(differing),
    )


def entered_rows(now: DatabaseContents, then: DatabaseContents) -> tuple[str, ...]:
    """What was entered in a database since `then`: a line of text for each table.

    Most rows first; then a line for each table with changes within rows. Empty without any.

    >>> entered_rows(DatabaseContents({"public.a": 9, "public.b": 5000}), DatabaseContents({"public.a": 2}))
    ('5000 rows in public.b, a new table', '7 rows in public.a')
    """
    losses = count_losses(now, then)
    rows = [
        f"{count_of(number, 'row')} in {table}{', a new table' if table in losses.whole else ''}"
        for table, number in losses.rows.items()
        if number
    ]
    return (*rows, *(f"changes within the rows of {table}" for table in losses.changed))
