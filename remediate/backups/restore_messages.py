"""Text for a person about a restore: what would be lost, what stays behind, and the ways back. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from fleetkeeper.inventory.units import count_of
from fleetkeeper.transport.commands import Unobservable
from remediate.backups.database_contents import DatabaseContents
from remediate.backups.database_swap import Swap
from remediate.backups.losses import count_losses
from remediate.render.plan_text import Line, safe_line


def left_over(server: DatabaseContents) -> Iterator[Line]:
    """A line with the databases of earlier restores, which take room until somebody drops them; none without any."""
    if server.besides:
        yield Line(f"Of earlier restores there are still: {safe_line(', '.join(server.besides))}")


def lost_lines(swap: Swap, live: DatabaseContents | Unobservable, restored: DatabaseContents) -> Iterator[Line]:
    """Lines about what was written since the dump, and would be lost: by numbers of rows and by sums over them.

    Then what comes back, and what was not compared. One line when `live` is an Unobservable, or nothing has changed.
    """
    yield Line(f"{safe_line(swap.backup.name)} was made at {swap.backup.time:%Y-%m-%d %H:%M} UTC.", "title")
    if isinstance(live, Unobservable):
        yield Line(f"  what would be lost is not known: {safe_line(live.why)}", "loud")
        return
    losses = count_losses(live, restored)
    for table, more in losses.rows.items():
        text = (
            f"the whole table, {count_of(more, 'row')},"
            if table in losses.whole
            else f"at least {count_of(more, 'row')}"
        )
        yield Line(f"  lost: {text} of {safe_line(table)}", "loud")
    yield from (Line(f"  lost: the extension {safe_line(name)}", "loud") for name in losses.extensions)
    if losses.changed:
        yield Line(f"  lost: changes within rows of {safe_line(', '.join(losses.changed))}", "loud")
    if losses.back:
        yield Line(f"  come back: rows of {safe_line(', '.join(losses.back))}")
    if losses.none:
        yield Line("  Nothing that could be compared has changed since then.")
    if losses.blind:
        yield Line(f"  Not compared within rows: {safe_line(', '.join(losses.blind))}")


def left_behind_lines(swap: Swap, server: DatabaseContents) -> Iterator[Line]:
    """Lines about replication slots and subscriptions, which neither the dump nor the change of names carries over.

    Nothing without either.
    """
    if server.slots:
        names = safe_line(", ".join(server.slots))
        yield Line(f"  stay with {safe_line(swap.aside)}: the replication slots {names}; make them anew", "loud")
    if server.subscriptions:
        names = safe_line(", ".join(server.subscriptions))
        yield Line(f"  stay with {safe_line(swap.aside)}, and go on in it: the subscriptions {names}", "loud")
        yield Line(
            "    what the other server sends is then missing here: disable them there, make them anew here", "loud"
        )


def way_back(swap: Swap, run: str) -> list[Line]:
    """Lines after a restore: how to undo it (the run `run`) or do so by hand, and how to drop the old database.

    Only that it is done, when no database had the name before.
    """
    done = Line(f"{safe_line(swap.live)} is now what {safe_line(swap.backup.name)} held.", "good")
    if not swap.there:
        return [done]
    return [
        done,
        Line(f"  The old one is {safe_line(swap.aside)}. Way back: `remediate undo {run}`."),
        Line(
            "  By hand, once nobody is connected: "
            f"{renamed_line(swap.live, swap.new)} {renamed_line(swap.aside, swap.live)}"
        ),
        Line(f"  When nobody needs it any more: DROP DATABASE {quote_identifier(swap.aside)};"),
    ]


def renamed_line(name: str, to: str) -> str:
    """The SQL that gives the database `name` the name `to`."""
    return safe_line(f"ALTER DATABASE {quote_identifier(name)} RENAME TO {quote_identifier(to)};")


def quote_identifier(name: str) -> str:
    """A name as a quoted identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'
