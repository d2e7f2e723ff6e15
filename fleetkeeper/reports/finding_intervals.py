"""The history of findings in SQLite: since when each is open, when it was seen last, and when and how it ended.

It is one file for all inventories of a state directory, and the only memory of what is open. Whole audits write to it;
one of some promises only reads. A finding ends when its promise was judged again, in full, without it, when it is
accepted, or when the inventory no longer asks for its promise; what could not be seen neither begins nor ends one.
Losing the file costs the comparison and the trend, never a verdict.

Times are whole seconds in UTC, of this machine's clock. The file has a rollback journal: the state directory may be
copied between audits, as in a cache of a workflow, and a log beside the file would be lost
(https://www.sqlite.org/howtocorrupt.html). An audit writes in one transaction; another one waits for it.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.errors import UsageError
from fleetkeeper.reports.history import Memory, OpenFinding
from fleetkeeper.versions import UPGRADE, is_newer

if TYPE_CHECKING:
    from fleetkeeper.reports.history import Changes

VERSION = 1
APPLICATION = 0x666B6869
"""`PRAGMA application_id` of the file: "fkhi"."""
PATIENCE = 5.0
"""Seconds to wait for another audit's transaction."""
KEPT = timedelta(days=3 * 366)
"""How long the end of a finding is remembered."""
TABLES = """
CREATE TABLE inventory (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, file TEXT NOT NULL, reminded INTEGER, UNIQUE (name, file));
CREATE TABLE audit (
    inventory INTEGER NOT NULL REFERENCES inventory, began INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE TABLE rule (inventory INTEGER NOT NULL REFERENCES inventory, rule TEXT NOT NULL, PRIMARY KEY (inventory, rule));
CREATE TABLE finding (
    id INTEGER PRIMARY KEY, inventory INTEGER NOT NULL REFERENCES inventory, key TEXT NOT NULL,
    rule TEXT NOT NULL, subject TEXT NOT NULL, node TEXT NOT NULL, about TEXT NOT NULL, saw TEXT NOT NULL,
    severity TEXT NOT NULL, newly_judged INTEGER NOT NULL,
    opened INTEGER NOT NULL, seen INTEGER NOT NULL, closed INTEGER, ending TEXT,
    CHECK (opened <= seen), CHECK (seen <= closed), CHECK ((closed IS NULL) = (ending IS NULL)));
CREATE UNIQUE INDEX open_once ON finding (inventory, key) WHERE closed IS NULL;
"""
FIELDS = "key, rule, subject, node, about, saw, severity"
ADD = f"""
INSERT INTO finding (inventory, {FIELDS}, newly_judged, opened, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (inventory, key) WHERE closed IS NULL DO
"""  # noqa: S608 - no value from outside
SEE = ADD + "UPDATE SET seen = excluded.seen, about = excluded.about, saw = excluded.saw, severity = excluded.severity"
CLOSE = "UPDATE finding SET closed = ?, ending = ? WHERE inventory = ? AND key = ? AND closed IS NULL"
ENDINGS = {"gone": "gone", "waived": "waived", "dropped": "not asked"}
"""How a finding ended, by the name of its list in Changes."""
DAMAGE = {sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class Damaged(Exception):
    """The file is none of ours, or is broken; the text says how."""


@dataclass(frozen=True)
class InventoryFile:
    """The inventory whose findings are meant: two files of one name in two folders are two. `file` is its `path`."""

    name: str
    file: str


@dataclass(frozen=True)
class Interval:
    """One finding from its beginning to its end. Times are seconds since 1970, in UTC.

    `closed` and `ending` ("gone", "waived", "not asked") are None while it is open. `newly_judged` says that the audit
    which saw it first was the first to ask its rule: it may be older than `opened`.
    """

    key: str
    rule: str
    subject: str
    node: str
    newly_judged: bool
    opened: int
    seen: int
    closed: int | None
    ending: str | None


class FindingHistory:
    """The history in one open transaction: see `open_history`."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.connection = connection
        self.path = path

    def recall(self, inventory: InventoryFile) -> Memory | None:
        """What the last whole audit of an inventory left open; None when there was none."""
        number = self.number_of(inventory)
        row = self.connection.execute(
            "SELECT max(began), ended FROM audit WHERE inventory = ?", (number,)
        ).fetchone()  # SQLite takes `ended` from the row that has the maximum
        if row[0] is None:
            return None
        open_ = self.connection.execute(
            f"SELECT {FIELDS}, opened FROM finding WHERE inventory = ? AND closed IS NULL ORDER BY id",  # noqa: S608
            (number,),
        )
        rules = self.connection.execute("SELECT rule FROM rule WHERE inventory = ?", (number,))
        [reminded] = self.connection.execute("SELECT reminded FROM inventory WHERE id = ?", (number,)).fetchone()
        return Memory(
            finished=time_text(row[1]),
            open=tuple(replace(OpenFinding(*row[:-1]), since=time_text(row[-1])) for row in open_),
            rules=frozenset(rule for (rule,) in rules),
            reminded="" if reminded is None else time_text(reminded),
        )

    def intervals(self, inventory: InventoryFile) -> list[Interval]:
        """All findings of an inventory, open and ended, in the order in which they were first seen."""
        rows = self.connection.execute(
            "SELECT key, rule, subject, node, newly_judged, opened, seen, closed, ending FROM finding"
            " WHERE inventory = ? ORDER BY id",
            (self.number_of(inventory),),
        )
        return [
            replace(interval, newly_judged=bool(interval.newly_judged)) for interval in (Interval(*row) for row in rows)
        ]

    def refuse_older(self, inventory: InventoryFile, began: datetime) -> None:
        """Raise UsageError when an audit of the inventory that began later than `began` has been written already."""
        [last] = self.connection.execute(
            "SELECT max(began) FROM audit WHERE inventory = ?", (self.number_of(inventory),)
        ).fetchone()
        if last is not None and last > seconds(began):
            raise UsageError(
                f"{self.path} has an audit that began later, at {time_text(last)}",
                hint=f"if the clock here was ahead then, move {self.path} away: the history begins anew",
            )

    def remember(self, inventory: InventoryFile, changes: Changes, began: datetime, ended: datetime) -> None:
        """Write what a whole audit has changed. Raises UsageError for one that began before the last (`refuse_older`).

        A finding without a row here, which an older fleetkeeper remembered, gets one that begins with its `since`.
        """
        self.refuse_older(inventory, began)
        number, now = self.make_number(inventory), seconds(began)
        add_many = self.connection.executemany
        newly = {finding.key for finding in changes.newly_judged}
        seen = (*changes.new, *changes.newly_judged, *changes.old)
        add_many(SEE, (self.row_of(number, finding, now, now, newly) for finding in seen))
        missing = [finding for name in ("unseen", *ENDINGS) for finding in getattr(changes, name)]
        add_many(ADD + "NOTHING", (self.row_of(number, finding, now, 0, newly) for finding in missing))
        for name, ending in ENDINGS.items():
            add_many(CLOSE, ((now, ending, number, finding.key) for finding in getattr(changes, name)))
        add_many("INSERT OR IGNORE INTO rule VALUES (?, ?)", ((number, rule) for rule in changes.rules or ()))
        reminded = seconds(changes.reminded) if changes.reminded else None
        self.connection.execute("UPDATE inventory SET reminded = ? WHERE id = ?", (reminded, number))
        self.connection.execute("INSERT INTO audit VALUES (?, ?, ?)", (number, now, max(now, seconds(ended))))
        self.forget_before(now - int(KEPT.total_seconds()), number)

    def row_of(
        self, number: int, finding: OpenFinding, now: int, seen: int, newly: Collection[str]
    ) -> tuple[object, ...]:
        """The values of ADD for a finding that was seen at `seen` (0: when it began), and never after `now`."""
        opened = min(seconds(finding.since, now), now)
        fields = (getattr(finding, name) for name in FIELDS.split(", "))
        texts = (text.encode("utf-8", "backslashreplace").decode() for text in fields)
        return number, *texts, finding.key in newly, opened, max(opened, seen)

    def forget_before(self, limit: int, number: int) -> None:
        """Delete what ended before `limit`, and the audits that began before it. What is open stays."""
        self.connection.execute("DELETE FROM finding WHERE inventory = ? AND closed < ?", (number, limit))
        self.connection.execute("DELETE FROM audit WHERE inventory = ? AND began < ?", (number, limit))

    def number_of(self, inventory: InventoryFile) -> int:
        """The id of an inventory in the tables; 0 when it has none."""
        row = self.connection.execute("SELECT id FROM inventory WHERE name = ? AND file = ?", names_of(inventory))
        return next((number for (number,) in row), 0)

    def make_number(self, inventory: InventoryFile) -> int:
        """The id of an inventory in the tables; a new one when it has none."""
        self.connection.execute("INSERT OR IGNORE INTO inventory (name, file) VALUES (?, ?)", names_of(inventory))
        return self.number_of(inventory)


def names_of(inventory: InventoryFile) -> tuple[str, str]:
    """Name and file of an inventory as SQLite takes them: a path may hold bytes that are no UTF-8."""
    return inventory.name, inventory.file.encode("utf-8", "backslashreplace").decode()


def seconds(moment: datetime | str, otherwise: int = 0) -> int:
    """Seconds since 1970 of a time, or of its text in ISO 8601; `otherwise` for a text that is none.

    >>> seconds("2026-11-30T22:00:00+00:00"), seconds("", 7)
    (1796076000, 7)
    """
    try:
        time = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
        return int(time.timestamp())
    except (ValueError, OverflowError):
        return otherwise


def time_text(moment: int) -> str:
    """A time of the history as results.json has it.

    >>> time_text(1796076000)
    '2026-11-30T22:00:00+00:00'
    """
    return datetime.fromtimestamp(moment, UTC).isoformat()


@contextmanager
def open_history(state: Path, now: datetime, notes: list[str], *, write: bool) -> Iterator[FindingHistory | None]:
    """The history of a state directory in one transaction, committed at the end of the `with` where `write` is set.

    `state` exists. With `write` a file that is missing is made, and one that is damaged is renamed: a line about that
    is added to `notes`. Without, None is given for both. Raises UsageError when a newer fleetkeeper wrote the file, and
    OSError where it cannot be read or written; nothing is written after an exception.
    """
    path = state / "history.sqlite"
    try:
        connection = None
        for attempt in range(2):
            try:
                connection = connect_history(path, write=write)
                break
            except Damaged as why:
                if attempt or not write:
                    notes.append(f"{path} is damaged, so what changed is not known ({why})")
                    break
                if kept := set_aside(path, now):
                    notes.append(f"{path} was damaged ({why}) and is kept as {kept}: the history begins anew")
        if connection is None:
            yield None
            return
        with closing(connection):
            yield FindingHistory(connection, path)
            connection.execute("COMMIT" if write else "ROLLBACK")
    except sqlite3.Error as why:
        raise OSError(f"{path}: {why}") from None


def connect_history(path: Path, *, write: bool) -> sqlite3.Connection | None:
    """A connection with a transaction begun, to tables of our version; with `write` they are made where none are.

    None without `write`, where no history is there yet. Raises Damaged, UsageError for a newer file, sqlite3.Error.
    """
    if not write and not path.exists():
        return None
    if write:
        path.touch(mode=0o600)
    connection = sqlite3.connect(path, timeout=PATIENCE, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE" if write else "BEGIN")
        empty = check_file(connection, path)
        if empty and not write:
            connection.close()
            return None
        for statement in TABLES.split(";") if empty else ():
            connection.execute(statement)
        if empty:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error as why:
        connection.close()
        if why.sqlite_errorcode & 0xFF in DAMAGE:
            raise Damaged(str(why)) from None
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def check_file(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the file is empty yet. Raises UsageError for a newer one, Damaged for a broken or a strange one."""
    [version] = connection.execute("PRAGMA user_version").fetchone()
    [application] = connection.execute("PRAGMA application_id").fetchone()
    if newer := is_newer(str(path), version, VERSION):
        raise UsageError(newer, UPGRADE)
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if not (version or application or tables):
        return True
    if application != APPLICATION or not {"inventory", "audit", "rule", "finding"} <= tables:
        raise Damaged("it is no history of findings")
    check = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    if check != "ok":
        raise Damaged(str(check).partition("\n")[0])
    return False


def set_aside(path: Path, now: datetime) -> str:
    """Rename a damaged file, with what SQLite keeps beside it. Returns its new name. Raises OSError.

    Another audit may have done so meanwhile: then the file is a new one, which stays, and "" is returned.
    """
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        kept = path.with_name(f"history.broken-{now:%Y%m%d-%H%M%S}.sqlite")
        if not is_damaged(path):
            return ""
        for suffix in ("-journal", "-wal", "-shm", ""):
            beside = path.with_name(path.name + suffix)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + suffix))
        return kept.name
    finally:
        os.close(directory)


def is_damaged(path: Path) -> bool:
    """Whether a file cannot be used as the history, whatever its version."""
    try:
        connection = connect_history(path, write=False)
    except Damaged:
        return True
    except (UsageError, sqlite3.Error):
        return False
    if connection is not None:
        connection.close()
    return False
