"""The proofs of earlier looks, so that no file is streamed twice: kept by the controller, in its state directory.

A proof is of one file: same place, name, inode, size and mtime. Losing them all costs time, never a wrong answer.
`given` is the state directory that --state names; empty: the default one. `location` is a key from `place_of`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from fleetkeeper import state
from fleetkeeper.topics.backups.dump_contents import DumpContents
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.versions import UPGRADE, is_newer

VERSION = 4
"""Of the file. Version 4 added what a dump holds; proofs of version 3 count, without that."""
DEFINITION = 4
"""Of the definition of complete, and of what is told of a dump: a proof by an older one is none."""

TABLE = """
CREATE TABLE IF NOT EXISTS verified (
    place TEXT, version INTEGER, name TEXT, inode INTEGER, size INTEGER, mtime REAL, state TEXT, why TEXT,
    contents TEXT,
    PRIMARY KEY (place, name)
)
"""
DIGESTS = """
CREATE TABLE IF NOT EXISTS digests (
    place TEXT, name TEXT, inode INTEGER, size INTEGER, mtime REAL, digest TEXT, PRIMARY KEY (place, name)
)
"""
CONTENTS: TypeAdapter[DumpContents | None] = TypeAdapter(DumpContents | None)
PROOFS_OF = "SELECT name, inode, size, mtime, state, why, contents FROM verified WHERE place = ? AND version = ?"
DIGEST_OF = "SELECT digest FROM digests WHERE place = ? AND name = ? AND inode = ? AND size = ? AND mtime = ?"


def recall_proofs(given: str, location: str, files: Sequence[File]) -> tuple[DumpProof, ...]:
    """The remembered proofs of exactly these files; empty when nothing is remembered, or the database cannot be read.

    `given` is the state directory (--state, "" for the usual one), `location` the key of the place (`place_of`),
    here and below.

    Raises Unobservable when a newer fleetkeeper wrote the database. Raises UsageError for a state directory that cannot
    be used.
    """
    identities = {file.name: file.identity for file in files}
    try:
        with open_database(given) as connection:
            rows = connection.execute(
                PROOFS_OF,
                (location, DEFINITION),
            ).fetchall()
        proofs = [
            replace(DumpProof(*row[:-1]), lasting=True, contents=CONTENTS.validate_json(row[-1] or "null"))
            for row in rows
        ]
    except (sqlite3.Error, OSError, ValidationError):
        return ()
    return tuple(proof for proof in proofs if identities.get(proof.name) == proof.identity)


def remember_proofs(given: str, location: str, proofs: Sequence[DumpProof]) -> None:
    """Store the proofs about the files of a place in place of all earlier ones of it.

    A proof of "unknown" is stored only where reading the file again would give the same. Errors are ignored: nothing is
    changed then, as where a newer fleetkeeper wrote the database. But for a state directory that cannot be used:
    UsageError.
    """
    rows = [
        (
            location,
            DEFINITION,
            proof.name,
            *proof.identity,
            proof.state,
            proof.why,
            CONTENTS.dump_json(proof.contents).decode(),
        )
        for proof in proofs
        if (proof.state != "unknown" or proof.lasting) and fits_in_sqlite(proof.inode, proof.size)
    ]
    try:
        with open_database(given) as connection:
            connection.execute("DELETE FROM verified WHERE place = ?", (location,))
            connection.executemany("INSERT OR REPLACE INTO verified VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    except (sqlite3.Error, OSError, Unobservable):
        return


def fits_in_sqlite(*numbers: int) -> bool:
    """Whether SQLite can hold these: an inode may have 64 bits, without a sign."""
    return all(number < 1 << 63 for number in numbers)


def recall_digests(given: str, location: str, files: Sequence[File]) -> dict[str, str]:
    """The remembered SHA-256 (hex) of exactly these files, by name; files without one are left out.

    Empty when the database cannot be read. Raises Unobservable when a newer fleetkeeper wrote the database, UsageError
    for a state directory that cannot be used. `given` is that directory (--state, "" for the usual one), `location` the
    key of the place (`place_of`).
    """
    digests: dict[str, str] = {}
    try:
        with open_database(given) as memory:
            for file in files:
                if not fits_in_sqlite(file.inode, file.size):
                    continue
                key = (location, file.name, *file.identity)
                row = memory.execute(DIGEST_OF, key).fetchone()
                digests |= {file.name: row[0]} if row else {}
    except (sqlite3.Error, OSError):
        return {}
    return digests


def remember_digests(given: str, location: str, files: Sequence[File], digests: Mapping[str, str]) -> None:
    """Store the SHA-256 (hex, by name) of these files of a place in place of all earlier ones of it.

    Files that have none are left out. `given` is the state directory (--state, "" for the usual one), `location` the
    key of the place (`place_of`). Errors are ignored, and nothing is changed then; but for a state directory that
    cannot be used: UsageError.
    """
    rows = [
        (location, file.name, *file.identity, digests[file.name])
        for file in files
        if file.name in digests and fits_in_sqlite(file.inode, file.size)
    ]
    try:
        with open_database(given) as memory:
            memory.execute("DELETE FROM digests WHERE place = ?", (location,))
            memory.executemany("INSERT OR REPLACE INTO digests VALUES (?, ?, ?, ?, ?, ?)", rows)
    except (sqlite3.Error, OSError, Unobservable):
        return


def forget_digests(given: str, location: str) -> None:
    """Delete the digests of every place whose key begins with `location`: the next look reads the files again.

    `given` is the state directory (--state, "" for the usual one). Errors are ignored; but for a state directory that
    cannot be used: UsageError.
    """
    try:
        with open_database(given) as memory:
            memory.execute("DELETE FROM digests WHERE substr(place, 1, ?) = ?", (len(location), location))
    except (sqlite3.Error, OSError, Unobservable):
        return


@contextmanager
def open_database(given: str) -> Iterator[sqlite3.Connection]:
    """The database, in one transaction that is committed at the end of the `with`, and undone by an exception.

    Makes the file and its tables where they are not there, and brings older ones up to date. `given` is the state
    directory (--state, "" for the usual one). Raises sqlite3.Error or OSError, Unobservable when a newer fleetkeeper
    wrote it, and UsageError for a state directory that cannot be used.
    """
    path = state.directory(given) / "verified.sqlite"
    with closing(sqlite3.connect(path, timeout=5)) as connection, connection:
        [version] = connection.execute("PRAGMA user_version").fetchone()
        if newer := is_newer(str(path), version, VERSION):
            raise Unobservable(newer, UPGRADE)
        if version != VERSION:
            connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute(TABLE)
        if "contents" not in {column for _, column, *_ in connection.execute("PRAGMA table_info(verified)")}:
            connection.execute("ALTER TABLE verified ADD COLUMN contents TEXT")
        connection.execute(DIGESTS)
        yield connection
