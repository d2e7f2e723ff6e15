"""`remediate backups restore NAME`: bring a backup back without ever being without a database.

It is restored into a new database beside the live one, checked there, and only then do the two change their names, in
one transaction. The old one is kept aside; the way back is the same change of names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import click

from fleet.commands import Unobservable
from fleet.discovery import Placement, placements
from fleet.topics.backups.catalog import Backup
from fleet.topics.backups.completeness import prove
from fleet.topics.backups.files import Facts
from fleet.topics.backups.observe import called
from fleet.topics.backups.policy import Policy
from remediate.backups.desk import Desk, one_of
from remediate.backups.drilling import Held, ask, held, live_of
from remediate.backups.scripts import DROP, RESTORE, SWAP
from remediate.exits import Exit
from remediate.plan import ForAPerson, Plan
from remediate.remedies.backups import mounted, not_one
from remediate.render.plans import Line, safe
from remediate.steps import Run, RunInContainer

RULE = "services.postgres_kept_its_data"
TOPICS = ("nodes", "containers", "backups", "databases", "services")
SLOW = 10**6
"""Bytes of a compressed dump that the slowest server restores in a second."""


@dataclass(frozen=True)
class Swap:
    """One restore: what is restored, where, and the names that the databases get. Pure."""

    policy: Policy
    place: Placement
    backup: Backup
    path: str
    user: str
    live: str
    stamp: str

    @property
    def short(self) -> str:
        """The beginning of the live name: with what is added, names stay within Postgres' 63 bytes."""
        return self.live.encode()[:36].decode("utf-8", "ignore")

    @property
    def new(self) -> str:
        """The restored database, before it takes the live name."""
        return f"{self.short}_restored_{self.stamp}"

    @property
    def aside(self) -> str:
        return f"{self.short}_before_{self.stamp}"

    def inside(self, script: str, *arguments: str, says: str, undo: tuple[str, ...] = ()) -> RunInContainer:
        """One of the scripts in the live container, with the names it needs first."""
        return RunInContainer(
            node=self.place.node,
            container=self.place.container.id,
            words=self.words(script, *arguments),
            service=self.policy.service,
            says=says,
            undo=undo,
            tells=True,
            limit=600 + self.backup.file.size / SLOW,
        )

    def words(self, script: str, *arguments: str) -> tuple[str, ...]:
        return ("sh", "-c", script, "sh", self.user, self.live, *arguments)

    def beside(self, proof: Run) -> Plan:
        """Verify the dump once more, and restore it into a new database."""
        step = self.inside(
            *(RESTORE, self.new, self.path, self.policy.format),
            says=f"restore {self.backup.name} into the new database {self.new}, beside {self.live}",
            undo=self.words(DROP, self.new),
        )
        return Plan(steps=(proof, step), undo=f"drop {self.new}", success="it restores to its end without an error")

    def change(self) -> Plan:
        """Give the live name to the restored database, and keep the old one aside."""
        step = self.inside(
            *(SWAP, self.new, self.aside),
            says=f"end all sessions, rename {self.live} to {self.aside} and {self.new} to {self.live}, at once",
            undo=self.words(SWAP, self.aside, self.new),
        )
        return Plan(
            steps=(step,),
            disturbs=("restart",),
            disturbance=f"every session on {self.live} is ended; programs must connect again",
            undo=f"the same change of names: {self.aside} gets its name back",
            success="the live name is there, and holds what was restored",
        )

    def away(self) -> Plan:
        """Drop the restored database again."""
        return Plan(steps=(self.inside(DROP, self.new, says=f"drop {self.new}"),))


def restore(desk: Desk, name: str, typed: str) -> Exit:
    """Restore a complete backup beside the live database, show what would be lost, ask, and change the names.

    `typed` is the database's name as --yes-restore gave it; empty: it is asked for at the terminal.
    """
    try:
        swap, live, proof = prepared(desk, name)
    except Unobservable as why:
        desk.screen.error(str(why), hint=why.hint)
        return Exit.NOT_ALL_SEEN
    except Refused as why:
        desk.screen.error(why.answer.why, hint=why.answer.what_to_do)
        return Exit.FINDINGS_REMAIN
    if typed and typed != swap.live:
        desk.screen.error(f"the database is called {swap.live}, not {typed}", hint="nothing was changed")
        return Exit.USAGE
    code = desk.apply(desk.planned(RULE, swap.beside(proof)))
    if code is not Exit.NOTHING_LEFT:
        return code
    return finished(desk, swap, live, typed)


class Refused(Exception):
    """Something that a person must settle first."""

    def __init__(self, answer: ForAPerson) -> None:
        super().__init__(answer.why)
        self.answer = answer


def prepared(desk: Desk, name: str) -> tuple[Swap, Held, Run]:
    """What is to be done, what the live database holds, and the step that verifies. Raises Refused, Unobservable."""
    fleet = desk.look(*TOPICS)
    backup = one_of(desk.catalog(fleet), name)
    if backup.state != "complete":
        state = f"{name} is {backup.state}: {backup.why}"
        raise Refused(ForAPerson(state, "only a complete backup is restored; `remediate backups list` shows them"))
    found = placements(fleet, desk.policy.service)
    if len(found) != 1:
        raise Refused(not_one(desk.policy, found))
    mount = mounted(found[0], desk.policy)
    if isinstance(mount, ForAPerson):
        raise Refused(mount)
    live = held(ask(desk.session.link_to(desk.inventory.nodes[found[0].node]), live_of(found[0], desk.policy)))
    path = "/".join(part for part in (mount.destination.rstrip("/"), desk.policy.path, name) if part)
    stamp = f"{datetime.now(UTC):%Y%m%d_%H%M%S}"
    swap = Swap(desk.policy, found[0], backup, path, live.said["user"], live.said["database"], stamp)
    node = desk.policy.volume.node
    again = prove(fleet.of(node, Facts).directory, [backup.file], desk.policy.format, called(desk.inventory))
    says = f"stream {name} once more"
    return swap, live, Run(node, again.words, says=says, changes=False, tells=True, limit=again.limit)


def finished(desk: Desk, swap: Swap, live: Held, typed: str) -> Exit:
    """Show what would be lost, ask for the name, and change the names; or drop the restored one again."""
    link = desk.session.link_to(desk.inventory.nodes[swap.place.node])
    policy = desk.policy.model_copy(update={"user": swap.user, "database": swap.new})
    try:
        restored = held(ask(link, live_of(swap.place, policy)))
    except Unobservable as why:
        desk.screen.error(f"{swap.new} could not be looked at: {why}", hint="the live database was not touched")
        return Exit.NOT_ALL_SEEN
    desk.screen.lines(lost(swap, live.rows, restored.rows))
    if typed != swap.live and not agreed(swap.live):
        desk.screen.say(f"not restored; {swap.new} is dropped again")
        desk.apply(desk.planned(RULE, swap.away()))
        return Exit.FINDINGS_REMAIN
    code = desk.apply(desk.planned(RULE, swap.change()))
    if code is Exit.NOTHING_LEFT:
        desk.screen.lines(way_back(swap))
    return code


def agreed(live: str) -> bool:
    """Whether a person at the terminal types the database's name."""
    try:
        said: str = click.prompt(f"Type the name of the database to replace it ({live})", default="", err=True)
    except click.Abort:
        return False
    return said == live


def lost(swap: Swap, live: Mapping[str, int], restored: Mapping[str, int]) -> Iterator[Line]:
    """What has been written since the dump, and would be gone: the tables that have more rows now."""
    yield Line(f"{safe(swap.backup.name)} was made at {swap.backup.time:%Y-%m-%d %H:%M} UTC.", "title")
    more = {table: rows - restored.get(table, 0) for table, rows in live.items() if rows > restored.get(table, -1)}
    if not more:
        yield Line("  No table of the live database has more rows; changes within rows since then would be lost.")
    for table, rows in sorted(more.items(), key=lambda pair: -pair[1]):
        gone = "" if table in restored else " (the whole table)"
        yield Line(f"  lost: {rows} rows of {safe(table)}{gone}", "loud")
    fewer = [table for table, rows in live.items() if rows < restored.get(table, 0)]
    if fewer:
        yield Line(f"  come back: rows of {safe(', '.join(fewer))}")


def way_back(swap: Swap) -> list[Line]:
    return [
        Line(f"{safe(swap.live)} is now what {safe(swap.backup.name)} held.", "good"),
        Line(f"  The old one is {safe(swap.aside)}. Way back: `remediate undo last`."),
        Line(f'  When nobody needs it any more: DROP DATABASE "{safe(swap.aside)}";'),
    ]
