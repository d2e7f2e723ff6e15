"""The rules that backups are young, complete, of a plausible size and time, and thinned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from fleetkeeper.errors import BY_QUICK, NotJudgedNow
from fleetkeeper.inventory.units import count_of, show_duration, show_size
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.backup import Backup, TooSmall
from fleetkeeper.topics.backups.catalog import (
    CHANGED,
    NOT_YET,
    UNFINISHED,
    Catalog,
    catalog_of,
    seen_files,
    true_clock,
    unfinished_dumps,
    unlike_pattern,
)
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_times import max_age
from fleetkeeper.topics.backups.facts import Facts, File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.retention import (
    MEANT_TO_GROW,
    MEANT_TO_SHRINK,
    SEE_COMMAND,
    Hold,
    Retention,
    apply_keep,
    let_go,
    let_go_before,
)
from fleetkeeper.topics.backups.rules.drills import failed_drill
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory

NAMED = 5
SHOWN = "`remediate` shows which go, and why each of the others stays"
GUESSED = (
    "nothing goes while `guessed: true` stands in `backups`: read what `fleetkeeper init` proposed, then remove it"
)
VERIFY = "`remediate backups verify` streams them on the node, and remembers"
SEE = "see what they are: they were read, and nobody can tell (`remediate backups list`)"


def each_database(inventory: Inventory) -> Iterable[Subject]:
    """The service whose database is dumped, as the one subject.

    Raises NotApplicable with the reason where there is none.
    """
    return (Subject("service", inventory.section(Policy).service),)


def are_fresh(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The newest complete backup is young enough.

    Everything that was entered since is lost when the disk dies. Judged by the time in the file's name, in the policy's
    time zone (or its mtime, if that is older), against the clock of the volume's node. Only a dump that was streamed
    and is proven whole counts; one from the future never does. While the only young ones are implausibly small, lack
    tables or are not proven yet, it is unknown: backups.have_plausible_size and backups.hold_the_live_tables say what
    to do. Allowed is `max_age`, or else the longest gap of the schedule and `grace`. Unknown, too, where the directory
    or the node's clock was not seen, or that clock is more than 5 minutes off. Source: docs/runbook.md, "Backups on a
    schedule".
    """
    policy = fleet.inventory.section(Policy)
    node = policy.volume.node
    now = true_clock(fleet, node)
    backups = catalog_of(fleet, policy)
    allowed = max_age(policy, now)
    newest = next(iter(backups.counted), None)
    if newest and now - newest.time <= allowed:
        return
    young = [backup for backup in backups.backups if not backup.future and now - backup.time <= allowed]
    if lacking := [backup for backup in young if backup.lacks]:
        yield Unobservable(f"{lacking[0].name} is young enough, but {lacking[0].lacks}", SEE_COMMAND, node)
        return
    if small := [backup for backup in young if backup.small]:
        yield Unobservable(f"{small[0].name} is young enough, but {small[0].doubt}", MEANT_TO_SHRINK, node)
        return
    if unknown := [backup for backup in young if backup.state == "unknown"]:
        yield not_proven(fleet, f"{unknown[0].name} is young enough, but {not_known(unknown[0])}", unknown)
        return
    yield Finding(
        saw=describe_stale(newest, backups, now) + unlike_pattern(backups, newest, policy),
        want=f"at most {show_duration(allowed)} old",
        why="all that was entered since then would be lost with the database",
        node=node,
        hint="`remediate` makes one now; then see why the schedule did not",
    )


def not_proven(fleet: Fleet, why: str, unknown: Sequence[Backup] = ()) -> Unobservable:
    """The Unobservable that says why nothing can be judged, with a hint.

    `unknown` are the backups that are not known to be complete. Raises NotJudgedNow for an audit with --quick, which
    does not stream. It is returned, not raised.
    """
    if fleet.inventory.quick:
        raise NotJudgedNow(f"{BY_QUICK}: {why}")
    unread = any(backup.why in {NOT_YET, CHANGED} for backup in unknown)
    return Unobservable(
        why, hint=VERIFY if unread else SEE if unknown else "", node=fleet.inventory.section(Policy).volume.node
    )


def not_known(backup: Backup) -> str:
    """Why a backup does not count, as the end of a sentence that begins with its name."""
    return f"it is {backup.doubt}" if backup.state == "unknown" and not backup.growing else backup.doubt


def describe_stale(newest: Backup | None, backups: Catalog, now: datetime) -> str:
    """How old the newest complete backup is (None: there is none), and why the two youngest do not count, in words."""
    younger = [backup for backup in backups.backups if newest is None or backup.time > newest.time]
    but = "; ".join(f"{backup.name} does not count: {backup.doubt}" for backup in younger[:2])
    if newest is None:
        text = "no complete backup at all" if backups.backups else "no backup at all"
    else:
        text = f"the newest complete backup is {show_duration(now - newest.time)} old: {newest.name}"
    return f"{text} ({but})" if but else text


def are_complete(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every backup is a complete dump, from its first line to its end mark.

    A dump that was cut short restores without a word, with part of the tables. `gzip -t` is content with a gzip of
    nothing, so each file is streamed on its node: checksums right, each dump in it with its own end mark, no COPY block
    open at the end, and nothing around them that pg_dump does not write. Broken is only what is proven; what is not
    understood is unknown. The newest is streamed at every look, the others once. One that is still being written is let
    be; what an interrupted dump left is a warning.
    """
    policy = fleet.inventory.section(Policy)
    node = policy.volume.node
    catalog = seen_files(fleet, policy)
    backups = catalog.backups
    yield from left_over(unfinished_dumps(catalog, policy, true_clock(fleet, node)), node)
    broken = [backup for backup in backups if backup.state == "broken" and not backup.growing]
    for backup in broken:
        yield Finding(
            saw=f"{backup.name} ({show_size(backup.file.size)}) is {backup.why}",
            want="a complete dump",
            why="it would restore a part of the data, or nothing, without a word",
            node=node,
            about=backup.name,
            hint="see why it failed (disk full? database down?); it is removed by `keep` once a newer one is complete",
        )
    unknown = [backup for backup in backups if backup.state == "unknown" and not backup.growing]
    if unknown or fleet.inventory.quick:
        saw = f"{name_a_few(unknown)}: {unknown[0].why}" if unknown else "nothing was streamed this time"
        yield not_proven(fleet, saw, unknown)


def left_over(parts: Sequence[File], node: str) -> Iterator[Finding]:
    """A warning for each file that an interrupted dump left: it takes room, and no rule removes it.

    `parts` are those files, `node` the one where they lie.
    """
    for part in parts:
        yield Finding(
            saw=f"{part.name} ({show_size(part.size)}) is {UNFINISHED}",
            want="a complete dump, or none",
            why="it takes room that nobody counts as a backup",
            node=node,
            about=part.name,
            severity="warning",
            hint="`remediate backups create` makes a dump and removes it, or remove it by hand",
        )


def name_a_few(backups: Sequence[Backup]) -> str:
    """The names of the first five, and how many more there are.

    >>> name_a_few([])
    ''
    """
    text = ", ".join(backup.name for backup in backups[:NAMED])
    return text + (f" and {len(backups) - NAMED} more" if len(backups) > NAMED else "")


def have_plausible_size(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """The newest complete backup weighs about what the others weigh.

    A dump can be whole and hold nothing: of an empty database, or of the wrong one. Compared with the biggest of the
    last 30 plausible ones, or with the size that was accepted last (`remediate backups accept --because TEXT`) and
    those since: `shrink` percent below it is too much, and so is less than `smallest`. Each dump is judged so; one that
    is implausible counts for nothing that `keep` and `at_least` ask for, and while the newest is, no complete dump is
    removed. A single giant among smaller ones is a yardstick until ten dumps in a row weigh what was usual before it;
    while it is the newest, no complete dump is removed either. A giant is a warning. Unknown while no dump is proven
    complete.
    """
    policy = fleet.inventory.section(Policy)
    backups = catalog_of(fleet, policy)
    if not backups.proven:
        raise not_proven(fleet, "there is no complete backup to weigh", backups.backups)
    newest = backups.proven[0]
    tiny = TooSmall(newest.file.size, policy.smallest) if newest.file.size < policy.smallest else None
    if wrong := newest.small or tiny:
        yield Finding(
            saw=f"{newest.name} has {show_size(newest.file.size)}",
            want=wrong.wanted,
            why="a complete dump of an empty or a wrong database is no backup, and would push out the good ones",
            node=policy.volume.node,
            about=newest.name,
            hint=f"{MEANT_TO_SHRINK}; until then no complete dump is removed" if newest.small else TINY,
        )
    for giant in (backup for backup in backups.proven if backup.giant or backup.unconfirmed):
        others = "before and after it" if giant.giant else "before it"
        yield Finding(
            saw=f"{giant.name} has {show_size(giant.file.size)}, far more than those {others}",
            want="sizes that agree",
            why="either it holds what was lost since, or it is a dump of something else",
            node=policy.volume.node,
            about=giant.name,
            severity="warning",
            hint=ODD_GIANT if giant.giant else f"{MEANT_TO_GROW}; until then no complete dump is removed",
        )


def are_thinned(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """There are no more backups than `keep` asks for.

    The runbook: keep less frequent backups for older files, cleaned by hand twice a year. Judged by restic's rules over
    proven dumps of a plausible size; what is not known to be complete stays, and fills no bucket. Each new backup lets
    another go: only what might have gone `slack` ago is too much. What holds thinning up (a newest dump that is
    implausible, many that look broken, a drill that failed) is said. Unknown while dumps that are not known to be
    complete would be too many if they were.
    """
    policy = fleet.inventory.section(Policy)
    node = policy.volume.node
    now = true_clock(fleet, node)
    backups = catalog_of(fleet, policy)
    if let_go_before(backups, policy, now):
        excess = let_go(backups, policy, now).excess
        weight = sum(gone.backup.file.blocks for gone in excess)
        held = why_held(fleet, policy)
        verb = "is" if len(excess) == 1 else "are"
        yield Finding(
            saw=f"{len(excess)} of {count_of(len(backups.backups), 'backup')} {verb} more than keep asks for "
            f"({show_size(weight)})",
            want=f"{policy.keep.in_words} (`backups.keep`)",
            why="they fill the volume until the next backup fails",
            node=node,
            hint=f"held up: {held.why}" if held else GUESSED if policy.guesses else SHOWN,
        )
    else:
        yield from hidden_excess(fleet, backups, now)


def hidden_excess(fleet: Fleet, backups: Catalog, now: datetime) -> Iterator[Unobservable]:
    """An Unobservable when backups of unknown state would be more than `keep` asks for, if they were complete.

    Nothing otherwise. Raises NotJudgedNow instead for an audit with --quick. Those that grow, or are dated oddly, are
    left out.
    """
    policy = fleet.inventory.section(Policy)
    unknown = [
        backup
        for backup in backups.backups
        if backup.state == "unknown" and not (backup.growing or backup.future or backup.odd)
    ]
    hopeful = replace(backups, backups=tuple(as_if_complete(backup) for backup in backups.backups))
    if unknown and let_go_before(hopeful, policy, now):
        verb = "is" if len(unknown) == 1 else "are"
        saw = f"{count_of(len(unknown), 'backup')} {verb} not known to be complete: {unknown[0].why}"
        yield not_proven(fleet, saw, unknown)


def as_if_complete(backup: Backup) -> Backup:
    """The backup as if it were complete, if its state is unknown and it is not being written."""
    return replace(backup, state="complete") if backup.state == "unknown" and not backup.growing else backup


def retention_of(fleet: Fleet, policy: Policy) -> Retention:
    """Which backups stay and which may go, as this look saw them. Raises Unobservable as `catalog_of` does."""
    return apply_keep(catalog_of(fleet, policy), policy, true_clock(fleet, policy.volume.node))


def why_held(fleet: Fleet, policy: Policy) -> Hold | None:
    """Why no complete dump may go: sizes that cannot be believed, too many broken ones, a failed drill.

    None when one may go. Raises Unobservable as `retention_of` and `failed_drill` do.
    """
    return retention_of(fleet, policy).held or failed_drill(fleet, policy)


ODD_GIANT = "see which (`remediate backups drill NAME`); `remediate backups accept --because TEXT` ends this"
TINY = "look into the database; if a dump of it is so small, say so: `backups.smallest`"
FILES = (Facts, Nodes)
READS = (*FILES, Databases)
DRILL = "a drill takes minutes and a share of the server: `remediate backups drill` does it when you say so"
BROKEN = "only a person can find out why a dump broke; a new one is made by backups.are_fresh"
SIZE = "only a person knows whether the database should have shrunk: `remediate backups accept --because TEXT`"
TIME = "only a person can tell which of two times is right"
