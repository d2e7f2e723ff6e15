"""What was done, by whom, when, and what the second look saw: written before each step, so that a crash hides nothing.

Digests, paths and statuses only: never the content of a file, never what a command printed unless the remedy declared
it harmless.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import socket
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fleetkeeper.errors import UsageError, nearest_name
from fleetkeeper.state import Unwritable
from fleetkeeper.versions import UPGRADE, is_newer

VERSION = 1
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
        """Open the journal at this path; a new one is made, for this account alone. Raises UsageError."""
        self.path = path
        path.touch(mode=0o600)
        self.db = sqlite3.connect(path, timeout=10.0, isolation_level=None)
        try:
            version = self.known_version()
            self.db.execute("PRAGMA journal_mode = WAL")
            self.db.execute("PRAGMA synchronous = FULL")
            if not version:
                self.db.executescript(f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        except sqlite3.OperationalError as why:
            self.close()
            raise UsageError(f"the journal {path} cannot be written ({why}); nothing was changed", hint=ROOM) from None
        except sqlite3.DatabaseError as why:
            raise UsageError(f"the journal {path} cannot be used: {why}", hint=MOVE) from None

    def known_version(self) -> int:
        """The version of the journal's tables; 0 where it is empty. Raises UsageError for any other file."""
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
        self.db.close()

    def begin(self, who: str, inventory: str, path: str, program: str, undoes: str = "") -> str:
        """Write the beginning of a run. `inventory` and `path` are the inventory's, `undoes` the run that it undoes.

        Returns its id, which no other controller uses: UTC time, 4 random hex digits.
        """
        run = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"
        row = (run, utc_now(), who, inventory, path, program, socket.gethostname(), os.getpid(), undoes)
        self.write("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, NULL)", row)
        return run

    def end(self, run: str, exit_status: int) -> None:
        """Write the time at which a run ended, and its exit code."""
        self.write("UPDATE runs SET ended = ?, exit = ? WHERE id = ?", (utc_now(), exit_status, run))

    def plan(self, plan: PlanRow) -> None:
        """Write a plan, or replace the row of the same run and number."""
        row = (plan.run, plan.number, plan.rule, plan.subject, plan.shown, plan.memory, plan.outcome, plan.why)
        self.write("INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    def judged(self, run: str, plan: int, outcome: str, why: str) -> None:
        """Write the outcome of a plan, as the second look saw it, and the reason.

        `run` is the id of its run, `plan` its number there.
        """
        self.write("UPDATE plans SET outcome = ?, why = ? WHERE run = ? AND number = ?", (outcome, why, run, plan))

    def starting(self, row: StepRow) -> None:
        """Write a step, with its way back, before anything is sent to the node."""
        values = (row.run, row.number, row.plan, row.node, row.shown, row.step, row.inverse, "starting", utc_now())
        self.write(
            "INSERT INTO steps (run, number, plan, node, shown, step, inverse, state, started)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            values,
        )

    def ended(self, run: str, step: int, state: str, rc: int | None = None, text: str = "") -> None:
        """Write how a step ended: its state, exit status (None: unknown) and harmless text.

        `run` is the id of its run, `step` its number there.
        """
        self.write(
            "UPDATE steps SET state = ?, rc = ?, said = ?, ended = ? WHERE run = ? AND number = ?",
            (state, rc, text, utc_now(), run, step),
        )

    def left(self, run: str, step: int, before: str, after: str) -> None:
        """Write the digests before and after a step (number `step` of the run with this id)."""
        self.write("UPDATE steps SET before = ?, after = ? WHERE run = ? AND number = ?", (before, after, run, step))

    def state(self, run: str, step: int, state: str) -> None:
        """Write the new state of a step (number `step` of the run with this id)."""
        self.write("UPDATE steps SET state = ? WHERE run = ? AND number = ?", (state, run, step))

    def runs(self, limit: int = 20) -> list[RunRow]:
        """The latest `limit` runs (-1: all), newest first: by the order in which they were begun, not by the clock."""
        return [RunRow(*row) for row in self.all("SELECT * FROM runs ORDER BY rowid DESC LIMIT ?", limit)]

    def run(self, name: str) -> RunRow:
        """The run with that id, with an id that begins so, or the last one that has a step ("last").

        Raises UsageError when there is none, or when several begin so.
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
        """The plans of the run with that id, by number."""
        return [PlanRow(*row) for row in self.all("SELECT * FROM plans WHERE run = ? ORDER BY number", run)]

    def steps(self, run: str) -> list[StepRow]:
        """The steps of the run with that id, by number."""
        return [StepRow(*row) for row in self.all("SELECT * FROM steps WHERE run = ? ORDER BY number", run)]

    def interrupted(self) -> list[RunRow]:
        """Runs without an end whose process is gone, and that had started a step or were undoing another run.

        Oldest first. Those that a person has decided about (`noticed`) are left out.
        """
        rows = self.all(f"{THAT_CHANGED} AND ended IS NULL AND noticed IS NULL ORDER BY rowid")
        return [run for run in (RunRow(*row) for row in rows) if not is_alive(run)]

    def noticed(self, run: str) -> None:
        """Mark a run, and the attempts to undo it, as decided by a person: `interrupted` then leaves them out."""
        self.write("UPDATE runs SET noticed = ? WHERE id = ? OR undoes = ?", (utc_now(), run, run))

    def rolled_back(self, inventory: str, rule: str, subject: str, memory: str) -> tuple[RunRow, str] | None:
        """The run that applied the same plan and rolled it back, and why; None without one, or if it helped since."""
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


def is_alive(run: RunRow) -> bool:
    """Whether the process of a run still exists.

    False for a run of another machine, which a person is then asked about.
    """
    if run.host != socket.gethostname():
        return False
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if run.pid == os.getpid() or is_zombie(run.pid):
        return False
    return not born_after(run.pid, datetime.fromisoformat(run.started))


def is_zombie(pid: int) -> bool:
    """Whether a process has ended and nobody has waited for it. False where there is no /proc to tell.

    Source: proc_pid_stat(5), field 3.
    """
    fields = stat_fields(pid)
    return bool(fields) and fields[0] in {"Z", "X"}


def stat_fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on, the process's state; none where they cannot be read."""
    with suppress(OSError, ValueError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return []


CLOCKS_DIFFER = 5.0
"""Seconds by which a process may seem to have begun after the time that it wrote itself."""


def born_after(pid: int, moment: datetime) -> bool:
    """Whether a process began after `moment`: then it merely has the number of one that has ended.

    False where there is no /proc to tell (proc(5): field 22 of stat in clock ticks since boot, `btime` in seconds).

    >>> born_after(1, datetime(1999, 12, 31, tzinfo=UTC)), born_after(1, datetime.now(UTC))
    (True, False)
    """
    try:
        ticks = int(stat_fields(pid)[19])
        boot = int(re.findall(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)[0])
    except (OSError, ValueError, IndexError):
        return False
    return boot + ticks / os.sysconf("SC_CLK_TCK") > moment.timestamp() + CLOCKS_DIFFER


def utc_now() -> str:
    """The time in UTC, in ISO 8601 with whole seconds."""
    return datetime.now(UTC).isoformat(timespec="seconds")
