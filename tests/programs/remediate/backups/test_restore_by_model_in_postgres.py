"""Restores and undos in any order, killed and cut anywhere, on a real server: what was ever live is somewhere."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from fleetkeeper.exit_codes import Exit
from remediate.backups.context import Desk
from remediate.backups.restore import restore
from remediate.render.console import Screen
from tests.helpers.postgres import THERE, PrivateServer, private_server
from tests.helpers.restorable_database import LIVE, Database

pytestmark = pytest.mark.skipif(not THERE, reason="postgres is not installed")
SECOND = re.compile(r"live_(filling|restored|before)_[0-9]{8}_[0-9]{6}")


@pytest.fixture(scope="module")
def server() -> Iterator[PrivateServer]:
    with private_server() as own:
        yield own


def make_empty(server: PrivateServer) -> None:
    for name in server.databases():
        server.sql(f'DROP DATABASE "{name}" WITH (FORCE)')


class Restoring(RuleBasedStateMachine):
    """`ever` are the rows that were ever in a database of the live name."""

    server: PrivateServer

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        make_empty(self.server)
        self.database = Database(self.server, self.folder)
        self.next, self.dumps = 0, list[str]()
        self.ever = set[int]()
        self.insert(3)
        self.dump()

    @rule(count=st.integers(1, 3))
    def insert(self, count: int) -> None:
        numbers = range(self.next, self.next + count)
        self.next += count
        self.server.sql("INSERT INTO t VALUES " + ", ".join(f"({number})" for number in numbers), LIVE)
        self.ever |= set(numbers)

    @rule()
    def dump(self) -> None:
        self.dumps.append(self.database.dump())

    @rule()
    def restart(self) -> None:
        """The server ends without a word, and its container is replaced."""
        self.server.stop("immediate")
        self.server.start()
        self.database.replaced()

    @rule(
        which=st.integers(0),
        agrees=st.booleans(),
        kill=st.none() | st.floats(0.02, 1.5),
        cut=st.none() | st.integers(1, 12),
    )
    def restore(self, which: int, agrees: bool, kill: float | None, cut: int | None) -> None:
        link = self.database.link
        link.killed_after, link.cut_at = kill, cut
        before = self.server.databases()[LIVE]
        name = self.dumps[which % len(self.dumps)]
        code = (
            restore(self.database.desk(Screen(quiet=True)), name, LIVE)
            if agrees
            else refusal_of(self.database.desk(Screen(quiet=True)), name)
        )
        link.killed_after = link.cut_at = None
        changed = self.server.databases()[LIVE] != before
        assert (code is Exit.NOTHING_LEFT) <= changed, "success is said of what was done only"
        assert code is not Exit.USAGE

    @precondition(lambda self: self.database.journal.runs())
    @rule(which=st.integers(0), kill=st.none() | st.floats(0.02, 0.5))
    def undo(self, which: int, kill: float | None) -> None:
        runs = self.database.journal.runs(-1)
        run = runs[which % len(runs)]
        if run.undoes:
            return
        self.database.link.killed_after = kill
        self.database.undo(run.id, Screen(quiet=True))
        self.database.link.killed_after = None

    @rule()
    def rename_back_by_hand(self) -> None:
        """As the end of a restore says how."""
        kept = sorted(name for name in self.server.databases() if "_before_" in name)
        if kept and kept[-1].replace("before", "restored") not in self.server.databases():
            new = kept[-1].replace("before", "restored")
            self.server.sql(f"ALTER DATABASE {LIVE} RENAME TO {new}; ALTER DATABASE {kept[-1]} RENAME TO {LIVE};")

    @invariant()
    def nothing_that_was_live_is_lost(self) -> None:
        names = self.server.databases()
        assert LIVE in names
        assert all(name == LIVE or SECOND.fullmatch(name) for name in names)
        self.ever |= self.database.rows()
        match = set[int]()
        for name in names:
            if "_filling_" not in name:
                match |= self.database.rows(name)
        assert self.ever <= match

    def teardown(self) -> None:
        self.database.journal.close()
        make_empty(self.server)
        shutil.rmtree(self.folder, ignore_errors=True)


def refusal_of(desk: Desk, name: str) -> Exit:
    """A restore to whose end nobody agrees."""
    from unittest.mock import patch

    with patch("remediate.backups.restore.person_agrees", lambda live: False), patch("sys.stdin.isatty", lambda: True):
        return restore(desk, name, "")


def test_what_was_ever_live_is_always_somewhere(server: PrivateServer, request: pytest.FixtureRequest) -> None:
    thorough = request.config.getoption("all")
    machine = type("Machine", (Restoring,), {"server": server, "TestCase": None})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40 if thorough else 3,
            stateful_step_count=12 if thorough else 6,
            derandomize=not thorough,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
