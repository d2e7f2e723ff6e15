"""The rules that nothing was forgotten: every database and every volume with data is backed up, or excused."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import date
from fnmatch import fnmatchcase

from fleetkeeper.inventory.schema import NotBackedUp
from fleetkeeper.judging.finding import Finding
from fleetkeeper.judging.rule import Subject
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.coverage.holdings import Holding, uncovered_databases, uncovered_volumes
from fleetkeeper.transport.commands import Unobservable

Search = Callable[[Fleet, str], Iterator[Holding | Unobservable]]
LOST = "what is in it is gone with its disk"


def cover_every_database(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every Postgres that runs on a node is one that `backups` dumps, or is excused under `not_backed_up`.

    A database that nobody wrote down is the one that is missing after the disk has died. Looked for are processes of
    Postgres on every node of the inventory, in a container of whatever service, or in none, and other databases with
    rows in the server that is dumped (not those that the newest complete dump holds); throwaway servers of drills do
    not count. Copies of a running server's files are no backup of it. A standby is a warning: its primary must be
    backed up. An excuse whose day is over excuses nothing, and one that nothing needs is a warning. A node whose
    processes or containers were not seen is unknown, and so is which of several servers in one container is dumped. The
    runbook does not ask for this: it is an addition of this project.
    """
    yield from uncovered(fleet, uncovered_databases, database_finding)
    yield from unneeded_excuses(fleet)


def cover_every_volume(fleet: Fleet, subject: Subject) -> Iterator[Finding | Unobservable]:
    """Every volume in which a declared service keeps data is covered, or is excused under `not_backed_up`.

    Uploads, queues and indexes are lost with their disk as the database is. Looked at are volumes and directories of
    the node that a running container of a declared service may write and that hold a file with content; not those of a
    database (`backups.cover_every_database`) or of the backups, and no configuration, sockets, caches or logs (below
    /etc, /run, /tmp, /var/cache, /var/log), nor one that a container mounts read-only which makes backups by the clock
    (a sidecar that packs volumes), with what that one writes. Findings are warnings: fleetkeeper dumps databases only,
    so whoever else keeps a volume is named in its excuse. Unknown where it could not be seen whether one holds data.
    The runbook does not ask for this: it is an addition of this project.
    """
    yield from uncovered(fleet, uncovered_volumes, volume_finding)


def uncovered(
    fleet: Fleet, search: Search, finding: Callable[[Holding, str], Finding]
) -> Iterator[Finding | Unobservable]:
    """What `search` finds on every node and nothing excuses, as findings, each once.

    An Unobservable for what could not be seen. An excuse whose day is over excuses nothing: the hint says so.
    """
    told: set[tuple[str, str]] = set()
    for holding in searched(fleet, search):
        if isinstance(holding, Unobservable):
            yield holding
            continue
        excuses = [excuse for excuse in fleet.inventory.not_backed_up if excuses_holding(excuse, holding)]
        if not any(in_force(excuse, fleet.looked_at.date()) for excuse in excuses):
            where = (holding.node, holding.name + holding.directory)
            if where not in told:
                told.add(where)
                yield finding(holding, coverage_hint(holding, excuses))


def searched(fleet: Fleet, search: Search) -> Iterator[Holding | Unobservable]:
    """What `search` finds on each node of the inventory, or the Unobservable that it raised there."""
    for node in fleet.inventory.nodes:
        try:
            yield from search(fleet, node)
        except Unobservable as why:
            yield why


def excuses_holding(excuse: NotBackedUp, holding: Holding) -> bool:
    """Whether an excuse names this database or volume, whether or not its day is over."""
    return fnmatchcase(holding.node, excuse.node) and any(fnmatchcase(name, excuse.what) for name in holding.names)


def in_force(excuse: NotBackedUp, today: date) -> bool:
    """Whether an excuse still counts: up to and including its day."""
    return today <= excuse.until


def coverage_hint(holding: Holding, over: Iterable[NotBackedUp]) -> str:
    """What to do about it. `over` are excuses of it whose day is over."""
    ended = "".join(f"its excuse ended on {excuse.until} ({excuse.because}); " for excuse in over)
    kept = f"{holding.kept}; " if holding.kept else ""
    return f"{ended}{kept}back it up, or say why not: `not_backed_up: [{{what: {holding.name}, because: …, until: …}}]`"


def database_finding(holding: Holding, hint: str) -> Finding:
    """The finding about a database; a warning about a standby."""
    at = f" in {holding.directory}" if holding.directory and holding.directory != holding.name else ""
    kind = "a standby of postgres" if holding.standby else "postgres"
    saw = f"{kind} runs as {holding.name}{at}" if not holding.inside else f"the database {holding.name} holds rows"
    return Finding(
        saw=f"{saw}, and no `backups` covers it",
        want="a backup of every database",
        why=LOST,
        node=holding.node,
        about=holding.name,
        severity="warning" if holding.standby else "error",
        hint=hint,
    )


def volume_finding(holding: Holding, hint: str) -> Finding:
    """The warning about a volume. `hint` is what a person can do."""
    return Finding(
        saw=f"{holding.name}, which {', '.join(holding.uses)} may write, holds data, and nothing here backs it up",
        want="a backup of what a service keeps",
        why=LOST,
        node=holding.node,
        about=holding.name,
        severity="warning",
        hint=hint,
    )


def unneeded_excuses(fleet: Fleet) -> Iterator[Finding]:
    """A warning for each excuse that names no database and no volume which lacks a backup.

    Whether its day is over does not matter. Nothing at all while something could not be seen.
    """
    holdings = [*searched(fleet, uncovered_databases), *searched(fleet, uncovered_volumes)]
    if any(isinstance(holding, Unobservable) for holding in holdings):
        return
    for excuse in fleet.inventory.not_backed_up:
        if not any(isinstance(holding, Holding) and excuses_holding(excuse, holding) for holding in holdings):
            yield Finding(
                saw=f"`not_backed_up` excuses {excuse.what}, and nothing of that name lacks a backup",
                want="excuses that something needs",
                why="a name that is spelled wrong, or is used again, would excuse what nobody thought of",
                about=excuse.what,
                severity="warning",
                hint="take it out, or name the service, the container, the volume or the directory as it is seen",
            )
