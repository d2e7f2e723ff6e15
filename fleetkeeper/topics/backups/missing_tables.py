"""Which complete dumps lack data that the database had when they were made: they are no backups of it. Pure.

A dump can be whole and plausible, and yet hold the schema only, one table of several, roles only, or another database.
What a dump holds is told by its own text, what the database holds by the live one. A table that came after a dump is no
fault of that dump: a missing one counts where it is known to have existed (its file was made or written before, an
older dump has it, or this one creates it without its rows). As many missing tables as the dump has of names that are
gone may have been renamed, and are not counted; but one that an older dump has by the same name, and whose file is
older than the dump, has no new name: the dump is of a database that shares some tables, as two sites of a framework do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from fleetkeeper.inventory.units import count_of
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.topics.backups.database.facts import LARGE_OBJECTS, Cluster, LiveTable
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.dump_contents import DatabasePart, DumpContents
from fleetkeeper.topics.backups.dump_times import EARLY
from fleetkeeper.transport.commands import Unobservable

if TYPE_CHECKING:
    from fleetkeeper.topics.backups.backup import Backup
    from fleetkeeper.topics.backups.policy import Policy

TOLD = 3
SHOWN = {LARGE_OBJECTS: f"{LARGE_OBJECTS} (the large objects)"}


@dataclass(frozen=True)
class LiveDatabase:
    """The database that runs: its name, and those of its tables that have rows and are not left out on purpose."""

    name: str
    tables: tuple[LiveTable, ...]


def only_cluster(fleet: Fleet) -> Cluster | None:
    """The one server of the backups' service; None when there is none or several, or a node was not seen.

    A node whose facts are missing counts as not seen.
    """
    matches: list[Cluster] = []
    for node in fleet.inventory.nodes:
        facts = fleet.facts.get((node, Databases.topic))
        if not isinstance(facts, Databases) or isinstance(facts.clusters, Unobservable):
            return None
        matches += facts.clusters
    return matches[0] if len(matches) == 1 else None


def live_database(fleet: Fleet, policy: Policy) -> LiveDatabase | None:
    """The database that runs; None when it is not known which one does, or what it holds. Never raises."""
    cluster = only_cluster(fleet)
    if cluster is None or cluster.tables is None:
        return None
    return LiveDatabase(cluster.database, tuple(table for table in cluster.tables if not is_left_out(table, policy)))


def is_left_out(table: LiveTable, policy: Policy) -> bool:
    """Whether the policy says that dumps leave this table out on purpose.

    A pattern with a dot is held against SCHEMA.TABLE, one without against the table alone, in any schema.
    """
    short = table.name.partition(".")[2]
    return any(fnmatchcase(table.name if "." in pattern else short, pattern) for pattern in policy.left_out)


@dataclass(frozen=True)
class History:
    """What all complete dumps tell: when each table was dumped first, and whether any of them has rows."""

    first: Mapping[str, datetime]
    filled: bool


def history_of(whole: Iterable[Backup]) -> History:
    """The history of these dumps; those whose contents are not known add nothing. Their order does not matter.

    It is when each table was first dumped, and whether any dump has rows.
    """
    first: dict[str, datetime] = {}
    filled = False
    for backup in whole:
        for part in backup.contents.parts if backup.contents else ():
            filled = filled or bool(part.filled)
            for name in part.dumped:
                if name not in first or backup.time < first[name]:
                    first[name] = backup.time
    return History(first, filled)


@dataclass(frozen=True)
class Holding:
    """One dump with its contents; `part` is what it holds of the database."""

    backup: Backup
    contents: DumpContents
    part: DatabasePart


@dataclass(frozen=True)
class Comparison:
    """What every dump is compared with: `live`, None where it could not be asked, and the history of all of them."""

    policy: Policy
    live: LiveDatabase | None
    history: History

    def why_no_backup(self, backup: Backup, *, newest: bool) -> str:
        """Why one dump is no backup of the database; empty when it is, or may be.

        Empty where its contents are not known. `newest`: it is the newest of all.
        """
        contents, live = backup.contents, self.live
        if contents is None:
            return ""
        if contents.databases == 0:
            return "it holds roles and settings only, and no database"
        part = contents.of(live.name if live else "")
        if part is None:
            return f"it is of {', '.join(contents.named)}, not of {live.name if live else 'this database'}"
        if why := no_tables_or_rows(contents, part):
            return why if part.filled or self.history.filled or (live and live.tables) else ""
        if live is None or contents.unnamed or not live.tables:
            return ""
        return self.why_lacking(Holding(backup, contents, part), live, newest=newest)

    def why_lacking(self, holding: Holding, live: LiveDatabase, *, newest: bool) -> str:
        """Which tables of the database a dump should hold and does not, in words; empty without any.

        Where no more are missing than the dump has tables that the database has not, those may have been renamed: only
        the ones that surely had their name before are told. Of the newest dump the tables in `floors` are asked too,
        whenever they came.
        """
        if is_of_another(holding, self.history, live, newest=newest):
            tables = count_of(len(live.tables), "table")
            return f"it holds none of the {tables} that have rows in {live.name or 'the database'}"
        asked = frozenset(self.policy.floors) if newest else frozenset()
        missing = proven_missing(holding, self.history, live, asked)
        if len(missing) <= len(gone_tables(holding.part, live)):
            kept = (had_its_name(table, holding.backup, self.history) for table in missing)
            missing = [table for table, named in zip(missing, kept, strict=True) if named or is_large_objects(table)]
        return f"it lacks {name_tables(missing)}" if missing else ""


def judge_contents(whole: Sequence[Backup], policy: Policy, live: LiveDatabase | None) -> Mapping[str, str]:
    """Why each of these dumps is no backup of the database, by name; those that are, or may be, are left out.

    `whole` are the complete dumps, newest first; `live` is None where it could not be asked.
    """
    if not any(backup.contents for backup in whole):
        return {}
    comparison = Comparison(policy, live, history_of(whole))
    reasons = {backup.name: comparison.why_no_backup(backup, newest=backup is whole[0]) for backup in whole}
    return {name: why for name, why in reasons.items() if why}


def no_tables_or_rows(contents: DumpContents, part: DatabasePart) -> str:
    """What a dump is of which nothing can be restored, in words; empty where it has tables and rows.

    Empty also where it names no table with rows and leaves out the names of some (`unnamed`): that is not known. That
    is: rows without tables, only empty tables, or none.
    """
    if part.filled and not contents.makes_tables:
        return "it holds rows only, and no table to put them into"
    if part.filled or contents.unnamed:
        return ""
    only = bool(part.created) and not part.dumped and not contents.inserts
    return "it holds no rows: tables are only created in it" if only else "it holds no row of any table"


def name_tables(tables: Sequence[LiveTable]) -> str:
    """How many tables, and the names of the first three: `2 tables with rows: public.a, public.b`."""
    names = ", ".join(SHOWN.get(table.name, table.name) for table in tables[:TOLD])
    more = f" and {len(tables) - TOLD} more" if len(tables) > TOLD else ""
    return f"{count_of(len(tables), 'table')} with rows: {names}{more}"


def is_of_another(holding: Holding, history: History, live: LiveDatabase, *, newest: bool) -> bool:
    """Whether a dump shares no table with the database, although it should: it is the newest, or an older one does."""
    tables = [table for table in live.tables if not is_large_objects(table)] or live.tables
    if any(is_in(table, holding.part, created=True) for table in tables):
        return False
    dumped = (time for table in tables if (time := history.first.get(table.name)))
    return newest or any(time < holding.backup.time for time in dumped)


def is_large_objects(table: LiveTable) -> bool:
    """Whether this is the name for all large objects, which every database has alike, and which nobody renames."""
    return table.name == LARGE_OBJECTS


def is_in(table: LiveTable, part: DatabasePart, *, created: bool) -> bool:
    """Whether a dump has the rows of a table, or where `created` is true creates it; a partition may be in its root.

    Old dumps name tables without their schema.
    """
    names = (table.name, table.root, table.name.partition(".")[2])
    return any(name in part.filled or name in part.empty or (created and name in part.created) for name in names)


def missing_tables(contents: DumpContents, part: DatabasePart, live: LiveDatabase) -> Iterator[LiveTable]:
    """The tables of the database whose rows are not in the dump, whether or not they existed then.

    In a dump of INSERT statements a table that is only created counts as held: it may have had no rows.
    """
    return (table for table in live.tables if not is_in(table, part, created=contents.inserts))


def gone_tables(part: DatabasePart, live: LiveDatabase) -> frozenset[str]:
    """The tables with rows in the dump that the database has not, or not with rows: they may have other names now."""
    names = (name for table in live.tables for name in (table.name, table.root, table.name.partition(".")[2]))
    known = {LARGE_OBJECTS, *names}
    return part.filled - known


def proven_missing(holding: Holding, history: History, live: LiveDatabase, asked: frozenset[str]) -> list[LiveTable]:
    """The missing tables that are known to have existed when the dump was made, and those that are `asked` for by name.

    A table counts that had a file then, that an older dump has, or that this one creates without rows.
    """
    backup, part = holding.backup, holding.part
    missing = []
    for table in missing_tables(holding.contents, part, live):
        short = table.name.partition(".")[2]
        dumped = table.born is None and history.first.get(table.name, backup.time) < backup.time
        if existed_before(table, backup) or dumped or table.name in part.created or {table.name, short} & asked:
            missing.append(table)
    return missing


def existed_before(table: LiveTable, backup: Backup) -> bool:
    """Whether the file of a table is known to be older than a dump. It may have had another name then."""
    return table.existed is not None and table.existed <= (backup.time - EARLY).timestamp()


def had_its_name(table: LiveTable, backup: Backup, history: History) -> bool:
    """Whether a table had the name of today before a dump was made: an older dump has it, and its file is older."""
    return existed_before(table, backup) and history.first.get(table.name, backup.time) < backup.time


def doubtful_tables(backup: Backup, live: LiveDatabase) -> list[LiveTable]:
    """The missing tables of which nobody knows whether they existed by their names when the dump was made.

    Empty where few are: half of the tables or more would be many for a day, below that they are taken for new or
    renamed ones. Empty also where what the dump holds is not known, or not by all names.
    """
    contents = backup.contents
    part = contents.of(live.name) if contents else None
    if contents is None or part is None or contents.unnamed:
        return []
    missing = [
        table for table in missing_tables(contents, part, live) if table.born is None or existed_before(table, backup)
    ]
    return missing if 2 * len(missing) >= len(live.tables) else []
