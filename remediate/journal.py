"""What was done, by whom, when, and what the second look saw: written before each step, so that a crash hides nothing.

Digests, paths and statuses only: never the content of a file, never what a command printed unless the remedy declared
it harmless.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.state import Unwritable
from fleetkeeper.versions import UPGRADE, is_newer
from remediate.run_process import birth_of, is_process

VERSION = 1
PROCESSES = "CREATE TABLE IF NOT EXISTS processes (run TEXT PRIMARY KEY REFERENCES runs, birth TEXT NOT NULL)"
"""A table beside those of SCHEMA, in older journals of this version too: `birth` is that of `run_process.birth_of`."""
ROLLED_BACK, HELPED = "rolled back", "fixed"
SCHEMA = """
CREATE TABLE runs (
    id TEXT PRIMARY KEY, started TEXT NOT NULL, who TEXT NOT NULL, inventory TEXT NOT NULL, path TEXT NOT NULL,
    program TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, undoes TEXT NOT NULL DEFAULT '',
    ended TEXT, exit INTEGER, noticed TEXT
);
CREATE TABLE plans (
    run TEXT NOT NULL REFERENCES runs, number INTEGER NOT NULL, rule TEXT NOT NULL, subject TEXT NOT NULL,
    shown TEXT NOT NULL, memory TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '', why TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run, number)
);
CREATE TABLE steps (
    run TEXT NOT NULL REFERENCES runs, number INTEGER NOT NULL, plan INTEGER NOT NULL, node TEXT NOT NULL,
    shown TEXT NOT NULL, step TEXT NOT NULL, inverse TEXT, state TEXT NOT NULL, before TEXT NOT NULL DEFAULT '',
    after TEXT NOT NULL DEFAULT '', rc INTEGER, said TEXT NOT NULL DEFAULT '', started TEXT NOT NULL, ended TEXT,
    PRIMARY KEY (run, number)
);
"""


@dataclass(frozen=True)
class RunRow:
    """One run. `started`, `ended` and `noticed` are times in UTC (ISO 8601); `exit` is the exit code.

    `ended` is None while it lasts, or when it was killed. `undoes` is the id of the run that it undoes, else empty.
    `noticed` is when a person decided about an interrupted run, or when it was undone.
    """

    id: str
    started: str
    who: str
    inventory: str
    path: str
    program: str
    host: str
    pid: int
    undoes: str
    ended: str | None
    exit: int | None
    noticed: str | None


@dataclass(frozen=True)
class PlanRow:
    """One plan of a run, and what became of it. `outcome` is empty while it lasts, or when the run was killed.

    `shown` has the first line of each step; `memory` is that of `PlannedChange`.
    """

    run: str
    number: int
    rule: str
    subject: str
    shown: str
    memory: str
    outcome: str
    why: str


@dataclass(frozen=True)
class StepRow:
    """One step. `state` is starting, done, not done, failed, lost, undoing or undone.

    `step` and `inverse` are JSON; `before` and `after` are digests, or a harmless word such as a user's name. `plan` is
    the number of its plan, `rc` an exit status. `started` and `ended` are times in UTC (ISO 8601).
    """

    run: str
    number: int
    plan: int
    node: str
    shown: str
    step: str
    inverse: str | None
    state: str
    before: str
    after: str
    rc: int | None
    said: str
    started: str
    ended: str | None

    @property
    def way_back(self) -> Any:
        """The inverse as parsed JSON, for `steps.load`; None when there is no way back."""
        return json.loads(self.inverse) if self.inverse else None


class Journal:
    """The journal of one state directory, an SQLite file.

    Every method raises Unwritable when it cannot be written or read. Opening it raises UsageError when the file cannot
    be written, or is no journal of this version.
    """

    def __init__(self, path: Path) -> None:
        """Open the journal at this path; a new one is made, for this account alone.

        The directory must exist and be writable (`state.directory` sees to that): OSError otherwise. Raises UsageError
        for a file that is none of ours, or cannot be written.
        """
        self.path = path
        path.touch(mode=0o600)
        self.db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
        try:
            version = self.known_version()
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            if not version:
                self.db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
            self.db.execute(PROCESSES)
        except sqlite3.OperationalError as why:
            self.close()
            raise UsageError(f"the journal {path} cannot be written ({why}); nothing was changed", hint=ROOM) from None
        except sqlite3.DatabaseError as why:
            raise UsageError(f"the journal {path} cannot be used: {why}", hint=MOVE) from None

    def known_version(self) -> int:
        """The version of the journal's tables; 0 where it is empty. Raises UsageError for any other file.

        The journal is closed then.
        """
        [version] = self.db.execute("PRAGMA user_version").fetchone()
        [tables] = self.db.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        if newer := is_newer(f"the journal {self.path}", version, VERSION):
            self.close()
            raise UsageError(newer, hint=f"{UPGRADE}; --state names another directory")
        if version < 0 or bool(version) != bool(tables):
            self.close()
            raise UsageError(f"{self.path} is no journal of fleetkeeper", hint=MOVE)
        return int(version)

    def close(self) -> None:
        """Close the file. No other method may be called afterwards."""
        self.db.close()

    def begin(self, who: str, inventory: str, path: str, program: str, undoes: str = "") -> str:
        """Write the beginning of a run. `inventory` and `path` are the inventory's, `undoes` the run that it undoes.

        Returns its id, which no other controller uses: UTC time, 4 random hex digits. Raises Unwritable.
        """
        run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        row = (run, utc_now(), who, inventory, path, program, socket.gethostname(), os.getpid(), undoes)
        self.write("INSERT INTO processes VALUES (?, ?)", (run, birth_of(os.getpid())))
        self.write("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", row)
        return run

    def end(self, run: str, exit_status: int) -> None:
        """Write the time at which a run ended, and its exit code. Raises Unwritable."""
        self.write("UPDATE runs SET ended = ?, exit = ? WHERE id = ?", (utc_now(), exit_status, run))

    def plan(self, plan: PlanRow) -> None:
        """Write a plan, or replace the row of the same run and number. Raises Unwritable."""
        row = (plan.run, plan.number, plan.rule, plan.subject, plan.shown, plan.memory, plan.outcome, plan.why)
        self.write("INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def judged(self, run: str, plan: int, outcome: str, why: str) -> None:
        """Write the outcome of a plan, as the second look saw it, and the reason.

        `run` is the id of its run, `plan` its number there. Raises Unwritable.
        """
        self.write("UPDATE plans SET outcome = ?, why = ? WHERE run = ? AND number = ?", (outcome, why, run, plan))

    def starting(self, row: StepRow) -> None:
        """Write a step, with its way back, before anything is sent to the node. Raises Unwritable.

        `row.state` and `row.started` are not read: the state is `starting`, the time that of now.
        """
        values = (row.run, row.number, row.plan, row.node, row.shown, row.step, row.inverse, "starting", utc_now())
        self.write(
            "INSERT INTO steps (run, number, plan, node, shown, step, inverse, state, started)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    def ended(self, run: str, step: int, state: str, rc: int | None = None, text: str = "") -> None:
        """Write how a step ended: its state, exit status (None: unknown) and harmless text.

        `run` is the id of its run, `step` its number there. Raises Unwritable.
        """
        self.write(
            "UPDATE steps SET state = ?, rc = ?, said = ?, ended = ? WHERE run = ? AND number = ?",
            (state, rc, text, utc_now(), run, step),
        )

    def left(self, run: str, step: int, before: str, after: str) -> None:
        """Write the digests before and after a step (number `step` of the run with this id). Raises Unwritable."""
        self.write("UPDATE steps SET before = ?, after = ? WHERE run = ? AND number = ?", (before, after, run, step))

    def state(self, run: str, step: int, state: str) -> None:
        """Write the new state of a step (number `step` of the run with this id). Raises Unwritable."""
        self.write("UPDATE steps SET state = ? WHERE run = ? AND number = ?", (state, run, step))

    def runs(self, limit: int = 20) -> list[RunRow]:
        """The latest `limit` runs (-1: all), newest first: by the order in which they were begun. Raises Unwritable."""
        return [RunRow(*row) for row in self.all("SELECT * FROM runs ORDER BY rowid DESC LIMIT ?", limit)]

    def run(self, name: str) -> RunRow:
        """The run with that id, with an id that begins so, or the last one that has a step ("last").

        Raises UsageError when there is none, or when several begin so; Unwritable.
        """
        if name == "last":
            rows = [RunRow(*row) for row in self.all(f"{WITH_STEPS} ORDER BY rowid DESC LIMIT 1")]
        else:
            rows = [run for run in self.runs(-1) if run.id.startswith(name)]
        if len(rows) != 1:
            what = "several runs begin with" if rows else "there is no run"
            raise UsageError(f"{what} {name!r}", hint=nearest_name(name, [run.id for run in self.runs()], "runs"))
        return rows[0]

    def plans(self, run: str) -> list[PlanRow]:
        """The plans of the run with that id, by number; [] without one. Raises Unwritable."""
        return [PlanRow(*row) for row in self.all("SELECT * FROM plans WHERE run = ? ORDER BY number", run)]

    def steps(self, run: str) -> list[StepRow]:
        """The steps of the run with that id, by number; [] without one. Raises Unwritable."""
        return [StepRow(*row) for row in self.all("SELECT * FROM steps WHERE run = ? ORDER BY number", run)]

    def interrupted(self) -> list[RunRow]:
        """Runs without an end whose process is gone, and that had started a step or were undoing another run.

        Oldest first. Those that a person has decided about (`noticed`) are left out. Raises Unwritable.
        """
        rows = self.all(f"{THAT_CHANGED} AND ended IS NULL AND noticed IS NULL ORDER BY rowid")
        return [run for run in (RunRow(*row) for row in rows) if not self.is_alive(run)]

    def is_alive(self, run: RunRow) -> bool:
        """Whether the process of a run still exists. False for a run of another machine, and for this very process.

        A person is then asked about the run. A journal of before `processes` has only the time of the run's beginning.
        """
        if run.host != socket.gethostname() or run.pid == os.getpid():
            return False
        births = self.all("SELECT birth FROM processes WHERE run = ?", run.id)
        return is_process(run.pid, births[0][0] if births else "", datetime.fromisoformat(run.started))

    def noticed(self, run: str) -> None:
        """Mark a run, and the attempts to undo it, as decided by a person: `interrupted` then leaves them out.

        Raises Unwritable.
        """
        self.write("UPDATE runs SET noticed = ? WHERE id = ? OR undoes = ?", (utc_now(), run, run))

    def rolled_back(self, inventory: str, rule: str, subject: str, memory: str) -> tuple[RunRow, str] | None:
        """The run that applied the same plan and rolled it back, and why; None without one, or if it helped since.

        The last such run of the same inventory, rule and subject counts.
        """
        matches = self.all(
            "SELECT run, why, outcome FROM plans JOIN runs ON runs.id = run"
            " WHERE inventory = ? AND rule = ? AND subject = ? AND memory = ?"
            " AND outcome IN (?, ?) ORDER BY runs.rowid DESC, number DESC LIMIT 1",
            *(inventory, rule, subject, memory, ROLLED_BACK, HELPED),
        )
        return next(((self.run(run), why) for run, why, outcome in matches if outcome == ROLLED_BACK), None)

    def write(self, statement: str, values: Sequence[object]) -> None:
        """Change the journal: it is on the disk when this returns. Raises Unwritable."""
        try:
            self.db.execute(statement, values)
        except (sqlite3.Error, OSError) as why:
            raise Unwritable(self.path, why) from None

    def all(self, query: str, *values: object) -> list[Any]:
        """All rows of a query, as tuples. Raises Unwritable."""
        try:
            with closing(self.db.execute(query, values)) as cursor:
                return cursor.fetchall()
        except (sqlite3.Error, OSError) as why:
            raise Unwritable(self.path, why) from None

    def __iter__(self) -> Iterator[RunRow]:
        """All runs, newest first."""
        return iter(self.runs(-1))


WITH_STEPS = "SELECT * FROM runs WHERE EXISTS (SELECT 1 FROM steps WHERE steps.run = runs.id)"
THAT_CHANGED = "SELECT * FROM runs WHERE (undoes != '' OR EXISTS (SELECT 1 FROM steps WHERE steps.run = runs.id))"
ROOM = "make room for the state directory, or make it writable; --state names another one"
MOVE = "move the file away to begin a new journal; the old one is then only needed for `remediate undo`"


def utc_now() -> str:
    """The time in UTC, in ISO 8601 with whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
