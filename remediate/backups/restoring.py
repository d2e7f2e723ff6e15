"""`remediate backups restore NAME`: bring a backup back without ever being without a database.

It is restored into a new database beside the live one, checked there, and only then do the two change their names, in
one transaction. The old one is kept aside; the way back is the same change of names.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import click

from fleet.commands import Unobservable
from fleet.discovery import Placement, placements
from fleet.topics.backups.completeness import prove
from fleet.topics.backups.files import Facts
from fleet.topics.backups.observe import called
from remediate.apply import Proof, Prove
from remediate.backups.accepting import records_of, right_one, writing
from remediate.backups.desk import Desk, one_of
from remediate.backups.held import Held, ask, held, inside
from remediate.backups.scripts import HOLDS, WHO
from remediate.backups.swapping import PACE, Swap
from remediate.exits import Exit, worst
from remediate.lock import whoami
from remediate.plan import ForAPerson
from remediate.planning import Planned
from remediate.remedies.backups import mounted, not_one
from remediate.render.plans import Line, safe
from remediate.steps import Run

RULE = "services.postgres_kept_its_data"
TOPICS = ("nodes", "containers", "backups", "databases", "services")


def restore(desk: Desk, name: str, typed: str) -> Exit:
    """Restore a complete backup beside the live database, show what would be lost, ask, and change the names.

    `typed` is the database's name as --yes-restore gave it; empty: it is asked for at the terminal.
    """
    if not typed and not sys.stdin.isatty():
        desk.screen.error("nobody is there to be asked", hint="give the database's name: --yes-restore DATABASE")
        return Exit.USAGE
    try:
        swap, server, proof = prepared(desk, name)
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    except Refused as why:
        desk.screen.error(why.answer.why, hint=why.answer.what_to_do)
        return Exit.FINDINGS_REMAIN
    if typed and typed != swap.live:
        desk.screen.error(f"the database is called {swap.live}, not {typed}", hint="nothing was changed")
        return Exit.USAGE
    desk.screen.lines(left_over(server))
    code = desk.apply(desk.planned(RULE, swap.beside(proof)), seen(desk, swap, swap.new))
    if code is not Exit.NOTHING_LEFT:
        return code
    return finished(desk, swap, server, typed)


class Refused(Exception):
    """Something that a person must settle first."""

    def __init__(self, why: str, what_to_do: str) -> None:
        super().__init__(why)
        self.answer = ForAPerson(why, what_to_do)


def prepared(desk: Desk, name: str) -> tuple[Swap, Held, Run]:
    """What is to be done, what the server says of itself, and the step that verifies. Raises Refused, Unobservable."""
    fleet = desk.look(*TOPICS)
    backup = one_of(desk.catalog(fleet), name)
    if backup.state != "complete":
        state = f"{name} is {backup.state}: {backup.why}"
        raise Refused(state, "only a complete backup is restored; `remediate backups list` shows them")
    found = placements(fleet, desk.policy.service)
    mount = mounted(found[0], desk.policy) if len(found) == 1 else not_one(desk.policy, found)
    if isinstance(mount, ForAPerson):
        raise Refused(mount.why, mount.what_to_do)
    policy = desk.policy
    server = server_of(desk, found[0])
    if server.prepared:
        told = f"{len(server.prepared)} prepared transactions hold {server.said['database']}: {server.prepared[0]}"
        raise Refused(told, "COMMIT PREPARED or ROLLBACK PREPARED them, then restore")
    path = "/".join(part for part in (mount.destination.rstrip("/"), policy.path, name) if part)
    live, there = server.said["database"], "encoding" in server.said
    swap = Swap(policy, found[0], backup, path, server.said["user"], live, f"{datetime.now(UTC):%Y%m%d_%H%M%S}", there)
    again = prove(fleet.of(policy.volume.node, Facts).directory, [backup.file], policy.format, called(desk.inventory))
    says = f"stream {name} once more"
    return swap, server, Run(policy.volume.node, again.words, says=says, changes=False, tells=True, limit=again.limit)


def server_of(desk: Desk, place: Placement) -> Held:
    """What the server says of itself. Raises Unobservable."""
    link = desk.session.link_to(desk.inventory.nodes[place.node])
    return held(ask(link, inside(place, WHO, desk.policy.user or "", desk.policy.database or "", limit=60)))


def seen(desk: Desk, swap: Swap, *there: str) -> Prove:
    """Success is that of the three databases of a restore exactly these are there, besides the live one."""

    def prove(planned: Planned) -> tuple[Proof, str]:
        try:
            names = set(server_of(desk, swap.place).besides) & {swap.new, swap.aside}
        except Unobservable as why:
            return Proof.UNKNOWN, f"could not be looked at again: {why}"
        if names == set(there):
            return Proof.FIXED, ""
        return Proof.FAILING, f"beside the live one there is {' and '.join(sorted(names)) or 'no other database'}"

    return prove


def left_over(server: Held) -> Iterator[Line]:
    """Databases of earlier restores take room until somebody drops them."""
    if server.besides:
        yield Line(f"Of earlier restores there are still: {safe(', '.join(server.besides))}")


def finished(desk: Desk, swap: Swap, server: Held, typed: str) -> Exit:
    """Show what would be lost, ask for the name, and change the names; or drop the restored one again."""
    try:
        restored = holding(desk, swap, swap.new)
    except Unobservable as why:
        desk.screen.error(f"{swap.new} could not be looked at: {why}", hint="the live database was not touched")
        return Exit.NOT_ALL_SEEN
    desk.screen.lines(lost(swap, living(desk, swap), restored))
    desk.screen.lines(staying(swap, server))
    if typed != swap.live and not agreed(swap.live):
        desk.screen.say(f"not restored; {swap.new} is dropped again")
        desk.apply(desk.planned(RULE, swap.away()), seen(desk, swap))
        return Exit.FINDINGS_REMAIN
    kept = (swap.aside,) if swap.there else ()
    code = desk.apply(desk.planned(RULE, swap.change()), seen(desk, swap, *kept))
    if code is not Exit.NOTHING_LEFT:
        desk.screen.say(f"{swap.new} is kept; drop it, or see why and restore again")
        return code
    desk.screen.lines(way_back(swap, desk.run))
    return worst([code, recorded(desk)])


def holding(desk: Desk, swap: Swap, database: str) -> Held:
    """What one database on the server holds. Raises Unobservable."""
    link = desk.session.link_to(desk.inventory.nodes[swap.place.node])
    limit = 600 + 2 * swap.backup.file.size / PACE
    return held(ask(link, inside(swap.place, HOLDS, swap.user, database, limit=limit)))


def living(desk: Desk, swap: Swap) -> Held | Unobservable:
    """What the live database holds now. One that is damaged cannot say, and is the reason to restore."""
    if not swap.there:
        return Held()
    try:
        return holding(desk, swap, swap.live)
    except Unobservable as why:
        return why


def agreed(live: str) -> bool:
    """Whether a person at the terminal types the database's name."""
    try:
        said: str = click.prompt(f"Type the name of the database to replace it ({live})", default="", err=True)
    except click.Abort:
        return False
    return said == live


def lost(swap: Swap, live: Held | Unobservable, restored: Held) -> Iterator[Line]:
    """What has been written since the dump, and would be gone: told by numbers of rows and by sums over them."""
    yield Line(f"{safe(swap.backup.name)} was made at {swap.backup.time:%Y-%m-%d %H:%M} UTC.", "title")
    if isinstance(live, Unobservable):
        yield Line(f"  what would be lost is not known: {safe(live.why)}", "loud")
        return
    rows = {table: count - restored.rows.get(table, 0) for table, count in live.rows.items()}
    gone = {table: count for table, count in rows.items() if count > 0 or table not in restored.rows}
    for table, count in sorted(gone.items(), key=lambda pair: -pair[1]):
        told = f"at least {count} rows" if table in restored.rows else f"the whole table, {count} rows,"
        yield Line(f"  lost: {told} of {safe(table)}", "loud")
    for name in (name for name in live.extensions if name not in restored.extensions):
        yield Line(f"  lost: the extension {safe(name)}", "loud")
    changed = [table for table, content in live.content.items() if restored.content.get(table, content) != content]
    same = [table for table in changed if rows[table] == 0]
    if same:
        yield Line(f"  lost: changes within rows of {safe(', '.join(same))}", "loud")
    fewer = [table for table, count in rows.items() if count < 0]
    if fewer:
        yield Line(f"  come back: rows of {safe(', '.join(fewer))}")
    if not (gone or changed or fewer):
        yield Line("  Nothing that could be compared has changed since then.")
    blind = [table for table in live.rows if table in restored.rows and table not in live.content]
    if unsummed := [table for table in blind if table != "large objects"]:
        yield Line(f"  Not compared within rows: {safe(', '.join(unsummed))}")


def staying(swap: Swap, server: Held) -> Iterator[Line]:
    """What neither the dump nor the change of names brings along."""
    if server.slots:
        names = safe(", ".join(server.slots))
        yield Line(f"  stay with {safe(swap.aside)}: the replication slots {names}; make them anew", "loud")


def way_back(swap: Swap, run: str) -> list[Line]:
    done = Line(f"{safe(swap.live)} is now what {safe(swap.backup.name)} held.", "good")
    if not swap.there:
        return [done]
    return [
        done,
        Line(f"  The old one is {safe(swap.aside)}. Way back: `remediate undo {run}`."),
        Line(f"  By hand, once nobody is connected: {renamed(swap.live, swap.new)} {renamed(swap.aside, swap.live)}"),
        Line(f"  When nobody needs it any more: DROP DATABASE {quoted(swap.aside)};"),
    ]


def renamed(name: str, to: str) -> str:
    return safe(f"ALTER DATABASE {quoted(name)} RENAME TO {quoted(to)};")


def quoted(name: str) -> str:
    """A name as SQL wants it."""
    return '"' + name.replace('"', '""') + '"'


def recorded(desk: Desk) -> Exit:
    """A restore that a person agreed to says which database is the right one from now on."""
    fleet = desk.look("nodes", "containers", "databases", "services")
    try:
        records, accepted = records_of(fleet, desk.policy), right_one(fleet, f"{whoami()}, by a restore")
    except Unobservable as why:
        desk.screen.error(
            f"which database is the right one was not written down: {why}", hint="`remediate backups accept`"
        )
        return Exit.NOT_ALL_SEEN
    known = records.accepted
    if known and (known.system, known.node, known.volume) == (accepted.system, accepted.node, accepted.volume):
        return Exit.NOTHING_LEFT
    return desk.apply(desk.planned(RULE, writing(desk.policy, records, replace(records, accepted=accepted))))
