"""One restore as plans: a new database beside the live one, then the two change their names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleetkeeper.topics.backups.backup import Backup
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.containers.facts import Placement
from remediate.backups.database_contents import DatabaseContents
from remediate.plan import Plan
from remediate.steps import DropDatabase, RestoreDatabase, Run, SwapDatabases
from remediate.steps.swap_databases import Server

PACE = 250_000
"""Bytes per second of a compressed dump that the slowest server restores."""
NOTHING = DatabaseContents()
LONGEST = 36
"""Characters of the live name that go into the new names: with what is added they stay within Postgres' 63 bytes."""


@dataclass(frozen=True)
class Swap:
    """One restore: the backup, the container, and the names that the databases get.

    `path` is the dump as the container sees it; `there` is whether a database of the live name exists. `stamp` is the
    time in the new names. `called` is the service's name in Docker, `system` the system identifier of its data, if it
    is known.
    """

    policy: Policy
    placement: Placement
    backup: Backup
    path: str
    user: str
    live: str
    stamp: str
    there: bool = True
    called: str = ""
    system: str = ""

    @property
    def short(self) -> str:
        """The live name in plain letters, so that nobody has to quote the names that are made of it.

        They end in a stamp: so two databases with similar names do not collide.
        """
        return re.sub(r"[^A-Za-z0-9_]", "_", self.live, flags=re.ASCII)[:LONGEST]

    @property
    def new(self) -> str:
        """The name of the restored database, before it takes the live name."""
        return f"{self.short}_restored_{self.stamp}"

    @property
    def filling(self) -> str:
        """The name of the restored database until the restore is complete."""
        return f"{self.short}_filling_{self.stamp}"

    @property
    def aside(self) -> str:
        """The name that the old live database gets."""
        return f"{self.short}_before_{self.stamp}"

    @property
    def server(self) -> Server:
        """The server in the live container; its limit is the time in seconds that a restore may take there."""
        return Server(
            *(self.placement.node, self.placement.container.id, self.policy.service, self.user, self.live),
            called=self.called,
            system=self.system,
            limit=600 + self.backup.file.size / PACE,
        )

    def fill_plan(self, proof: Run) -> Plan:
        """The plan that verifies the dump once more (`proof`), and restores it into a new database."""
        step = RestoreDatabase(self.server, self.new, self.path, self.policy.format)
        return Plan(
            steps=(proof, step),
            undo=f"drop {self.new}, which was never live",
            success="it restores to its end without an error",
        )

    def change_plan(self, restored: DatabaseContents = NOTHING, takes_oid: str = "", live_oid: str = "") -> Plan:
        """The plan that gives the live name to the restored database, and keeps the old one as `aside`.

        `restored` is what the restored one holds, and the oids are those of both, as they were seen.
        """
        step = SwapDatabases(
            *(self.server, self.new, self.aside, takes_oid, live_oid),
            rows=tuple(restored.rows.items()),
            content=tuple(restored.content.items()),
            replaces=self.there,
        )
        back = f"the same change of names: {self.live} back to {self.new}, {self.aside} back to {self.live}"
        return Plan(
            steps=(step,),
            disturbs=("restart",),
            disturbance=f"every session on {self.live} is ended; programs must connect again",
            undo=back if self.there else "none: there is no database that had the name before",
            success="the live name is there, and holds what was restored",
        )

    def drop_plan(self) -> Plan:
        """The plan that drops the restored database."""
        return Plan(steps=(DropDatabase(self.server, self.new),), undo="none is needed: it holds what the dump holds")
