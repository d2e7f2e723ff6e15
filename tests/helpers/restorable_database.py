"""A small fleet with a real database: its backups are real dumps, its container is a private server of postgres."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fleetkeeper.exit_codes import Exit
from fleetkeeper.inventory.load import Inventory
from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.topics.backups.database import observe
from fleetkeeper.topics.backups.database.facts import Cluster, Records
from fleetkeeper.topics.backups.database.facts import Facts as Databases
from fleetkeeper.topics.backups.facts import Facts as Backups
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from fleetkeeper.transport.commands import Command
from remediate.backups.context import Desk
from remediate.commands.run_log import Undoing
from remediate.journal import Journal
from remediate.render.console import Screen
from remediate.runner import Runner
from remediate.session import Session
from remediate.steps import StepContext
from tests.example_fleets import backups
from tests.helpers.local_nodes import step_context
from tests.helpers.postgres import PrivateServer, ServerLink

TEXT = backups.TEXT.replace("  service: postgres\n", "  service: postgres\n  user: postgres\n  database: live\n")
LIVE = "live"


@dataclass
class Database:
    """A server with a database `live` of a table `t`, and a folder with its dumps."""

    server: PrivateServer
    folder: Path
    moment: datetime = backups.NOW - timedelta(days=30)
    files: list[File] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dumps = self.folder / "dumps"
        self.dumps.mkdir(parents=True, exist_ok=True)
        self.link = ServerLink(server=self.server)
        self.journal = Journal(self.folder / "journal.sqlite")
        self.inventory: Inventory = backups.make_inventory(TEXT)
        observe.RECORDS = str(self.folder)
        self.records = Path(observe.record_path(self.policy))
        self.server.sql(f"CREATE DATABASE {LIVE}")
        self.server.sql("CREATE TABLE t (id int PRIMARY KEY)", LIVE)

    def rows(self, database: str = LIVE) -> set[int]:
        return set(map(int, self.server.sql("SELECT id FROM t", database).split()))

    def dump(self) -> str:
        """Make a backup of the live database, and return its name."""
        return self.keep(self.server.dump(LIVE).read_bytes())

    def keep(self, sql: bytes) -> str:
        """Put a dump among the backups, whatever it holds, as one that was proven complete."""
        self.moment += timedelta(hours=12)
        name = backups.dump_name(self.moment)
        path = self.dumps / name
        path.write_bytes(gzip.compress(sql))
        size = path.stat().st_size
        self.files.insert(0, backups.dump_file(self.moment, size, name=name, inode=path.stat().st_ino, blocks=4096))
        return name

    @property
    def container(self) -> Container:
        mount = Mount("volume", str(self.dumps), str(self.dumps), "rodan_pg_backup")
        return Container(
            self.link.container,
            "rodan_postgres.1.x",
            labels={SWARM_SERVICE: "rodan_postgres"},
            pid=1,
            mounts=(mount,),
        )

    def replaced(self) -> None:
        """The swarm starts a new container of postgres, on the same data."""
        self.link.container = hashlib.sha256(self.link.container.encode()).hexdigest()

    def fleet(self) -> Fleet:
        """One look at it."""
        fleet = backups.backup_fleet(tuple(self.files), text=TEXT, now=datetime.now(UTC))
        system = self.server.sql("SELECT system_identifier FROM pg_control_system()")
        seen = fleet.facts["data", "backups"]
        assert isinstance(seen, Backups)
        facts = {
            **fleet.facts,
            ("data", "backups"): replace(seen, directory=str(self.dumps)),
            ("data", "containers"): Containers("present", (self.container,)),
            ("vgpu", "containers"): Containers("present", ()),
            ("data", "databases"): Databases((Cluster(self.link.container, system, "/d"),), self.recorded),
            ("vgpu", "databases"): Databases(()),
        }
        return replace(fleet, inventory=self.inventory, facts=facts)

    @property
    def recorded(self) -> Records:
        """What is written down."""
        [answer] = self.link.inner.ask([Command(("sh", "-c", observe.SHELL_RECORDS, "read-record", str(self.records)))])
        return observe.parse_records(answer)

    def record(self, records: Records) -> None:
        """What somebody else writes down."""
        self.records.write_bytes(observe.record_bytes(records))

    def desk(self, screen: Screen | None = None) -> FolderDesk:
        made = FolderDesk(self.inventory, self.policy, self.session, screen or Screen(), self.journal)
        made.context = step_context(self.folder)
        return made

    def undo(self, run: str, screen: Screen | None = None) -> Exit:
        """`remediate undo RUN --yes`."""
        row = self.journal.run(run)
        return Undoing(
            self.journal, row, lambda node: self.link, screen or Screen(), step_context(self.folder)
        ).show_and_undo(True)

    @property
    def policy(self) -> Policy:
        return self.inventory.section(Policy)

    @property
    def session(self) -> DatabaseSession:
        return DatabaseSession(self.inventory, lambda node: self.link, patience=0, database=self)


@dataclass
class FolderDesk(Desk):
    """A desk whose locks and kept content are in the database's folder."""

    context: StepContext = field(default_factory=lambda: StepContext("", 0))

    @property
    def runner(self) -> Runner:
        return replace(super().runner, context=self.context)


@dataclass
class DatabaseSession(Session):
    """A session whose looks see the database."""

    database: Database | None = None

    def look(self, topics: Collection[str] = ()) -> Fleet:
        assert self.database is not None
        return self.database.fleet()
