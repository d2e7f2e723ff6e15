"""`remediate backups restore NAME`: bring a backup back without ever being without a database.

It is restored into a new database beside the live one, checked there, and only then do the two change their names, in
one transaction. The old one is kept aside; the way back is the same change of names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import click

from fleet.commands import Unobservable
from fleet.discovery import Placement, placements
from fleet.reports.text import count
from fleet.topics.backups.completeness import prove
from fleet.topics.backups.files import Facts
from fleet.topics.backups.observe import called
from remediate.apply import Proof
from remediate.backups.accepting import records_of, right_one, writing
from remediate.backups.desk import Desk, Prove, one_of
from remediate.backups.held import Held, Name, ask, held, inside
from remediate.backups.losses import losses
from remediate.backups.scripts import WHO
from remediate.backups.swapping import Swap
from remediate.exits import Exit, worst
from remediate.lock import whoami
from remediate.plan import ForAPerson
from remediate.remedies.backups import mounted, not_one
from remediate.render.plans import Line, safe
from remediate.steps import Run, Stale

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
    code = desk.apply(desk.planned(RULE, swap.beside(proof)), proof_of(desk, swap, not_filled))
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
        told = (
            f"{count(len(server.prepared), 'prepared transaction')} in {server.tell('database')}: {server.prepared[0]}"
        )
        raise Refused(told, "COMMIT PREPARED or ROLLBACK PREPARED them, then restore")
    path = "/".join(part for part in (mount.destination.rstrip("/"), policy.path, name) if part)
    live, there = server.tell("database"), "encoding" in server.said
    swap = Swap(
        *(policy, found[0], backup, path, server.tell("user"), live, f"{datetime.now(UTC):%Y%m%d_%H%M%S}", there),
        called=called(desk.inventory),
        system=server.said.get("system", ""),
    )
    again = prove(fleet.of(policy.volume.node, Facts).directory, [backup.file], policy.format, called(desk.inventory))
    says = f"stream {name} once more"
    return swap, server, Run(policy.volume.node, again.words, says=says, changes=False, tells=True, limit=again.limit)


def server_of(desk: Desk, place: Placement) -> Held:
    """What the server says of itself. Raises Unobservable."""
    link = desk.session.link_to(desk.inventory.nodes[place.node])
    return held(ask(link, inside(place, WHO, desk.policy.user or "", desk.policy.database or "", limit=60)))


@dataclass(frozen=True)
class Names:
    """The three names of a restore, as the server knows them at one moment."""

    live: Name
    new: Name
    aside: Name


def names_of(desk: Desk, swap: Swap) -> Names:
    """Which database has which name now. Raises Unobservable, or Stale when the server runs on other data."""
    link = desk.session.link_to(desk.inventory.nodes[swap.place.node])
    return Names(*swap.server.names(link, swap.live, swap.new, swap.aside))


def proof_of(desk: Desk, swap: Swap, wanted: Callable[[Names], str]) -> Prove:
    """Success is said by the names on the server: `wanted` says what is wrong with them, or nothing."""

    def prove() -> tuple[Proof, str]:
        try:
            why = wanted(names_of(desk, swap))
        except (Unobservable, Stale) as unseen:
            return Proof.UNKNOWN, f"could not be looked at again: {unseen}"
        return (Proof.FAILING, why) if why else (Proof.FIXED, "")

    return prove


def not_filled(names: Names) -> str:
    """Why the dump is not restored beside the live database; empty when it is."""
    return "" if names.new.never_live else f"there is no restored database {names.new.name}"


def not_dropped(names: Names) -> str:
    return f"{names.new.name} is still there" if names.new.there else ""


def not_changed(before: Names) -> Callable[[Names], str]:
    """Which database has the live name, where it is not the restored one."""

    def wanted(now: Names) -> str:
        aside = now.aside.oid == before.live.oid
        if now.live.oid == before.new.oid and (aside or not before.live.there):
            return ""
        if now.live.oid == before.live.oid:
            return f"{now.live.name or 'it'} is what it was"
        return f"{now.live.name} is {'another database' if now.live.there else 'not there'}: look at the server"

    return wanted


def left_over(server: Held) -> Iterator[Line]:
    """Databases of earlier restores take room until somebody drops them."""
    if server.besides:
        yield Line(f"Of earlier restores there are still: {safe(', '.join(server.besides))}")


def finished(desk: Desk, swap: Swap, server: Held, typed: str) -> Exit:
    """Show what would be lost, ask for the name, and change the names; or drop the restored one again."""
    try:
        restored, before = holding(desk, swap, swap.new), names_of(desk, swap)
    except (Unobservable, Stale) as why:
        desk.screen.error(f"{swap.new} could not be looked at: {why}", hint="the live database was not touched")
        return Exit.NOT_ALL_SEEN
    desk.screen.lines(lost(swap, living(desk, swap), restored))
    desk.screen.lines(staying(swap, server))
    if typed != swap.live and not agreed(swap.live):
        desk.screen.say(f"not restored; {swap.new} is dropped again")
        desk.apply(desk.planned(RULE, swap.away()), proof_of(desk, swap, not_dropped))
        return Exit.FINDINGS_REMAIN
    change = swap.change(restored, before.new.oid, before.live.oid)
    code = desk.apply(desk.planned(RULE, change), proof_of(desk, swap, not_changed(before)))
    if code is not Exit.NOTHING_LEFT:
        desk.screen.say(f"{swap.new} is kept; drop it, or see why and restore again")
        return code
    desk.screen.lines(way_back(swap, desk.run))
    return worst([code, recorded(desk)])


def holding(desk: Desk, swap: Swap, database: str) -> Held:
    """What one database on the server holds. Raises Unobservable."""
    link = desk.session.link_to(desk.inventory.nodes[swap.place.node])
    return swap.server.holds(link, database)


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
    found = losses(live, restored)
    for table, more in found.rows.items():
        told = f"the whole table, {count(more, 'row')}," if table in found.whole else f"at least {count(more, 'row')}"
        yield Line(f"  lost: {told} of {safe(table)}", "loud")
    yield from (Line(f"  lost: the extension {safe(name)}", "loud") for name in found.extensions)
    if found.changed:
        yield Line(f"  lost: changes within rows of {safe(', '.join(found.changed))}", "loud")
    if found.back:
        yield Line(f"  come back: rows of {safe(', '.join(found.back))}")
    if found.none:
        yield Line("  Nothing that could be compared has changed since then.")
    if found.blind:
        yield Line(f"  Not compared within rows: {safe(', '.join(found.blind))}")


def staying(swap: Swap, server: Held) -> Iterator[Line]:
    """What neither the dump nor the change of names brings along."""
    if server.slots:
        names = safe(", ".join(server.slots))
        yield Line(f"  stay with {safe(swap.aside)}: the replication slots {names}; make them anew", "loud")
    if server.subscriptions:
        names = safe(", ".join(server.subscriptions))
        yield Line(f"  stay with {safe(swap.aside)}, and go on in it: the subscriptions {names}", "loud")
        yield Line(
            "    what the other server sends is then missing here: disable them there, make them anew here", "loud"
        )


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
