"""One restore as plans: a new database beside the live one, then the two change their names. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fleet.discovery import Placement
from fleet.topics.backups.catalog import Backup
from fleet.topics.backups.policy import Policy
from remediate.backups.restore_scripts import DROP, RESTORE, SWAP
from remediate.plan import Plan
from remediate.steps import Run, RunInContainer

PACE = 250_000
"""Bytes of a compressed dump that the slowest server restores in a second."""
LONGEST = 36
"""So much of the live name goes into the new names: with what is added they stay within Postgres' 63 bytes."""


@dataclass(frozen=True)
class Swap:
    """One restore: what is restored, where, and the names that the databases get.

    `path` is the dump as the container sees it; `there` says whether a database of the live name is there at all.
    """

    policy: Policy
    place: Placement
    backup: Backup
    path: str
    user: str
    live: str
    stamp: str
    there: bool = True

    @property
    def short(self) -> str:
        """The live name in plain letters, so that nobody has to quote the names that are made of it.

        They end in a stamp: two databases whose names look alike so do not meet.
        """
        return re.sub(r"[^A-Za-z0-9_]", "_", self.live, flags=re.ASCII)[:LONGEST]

    @property
    def new(self) -> str:
        """The restored database, before it takes the live name."""
        return f"{self.short}_restored_{self.stamp}"

    @property
    def aside(self) -> str:
        return f"{self.short}_before_{self.stamp}"

    def inside(self, script: str, *arguments: str, says: str, undo: tuple[str, ...] = ()) -> RunInContainer:
        """One of the scripts in the live container, with the names it needs first."""
        return RunInContainer(
            node=self.place.node,
            container=self.place.container.id,
            words=self.words(script, *arguments),
            service=self.policy.service,
            says=says,
            unchanged=(65, 73, 74),
            undo=undo,
            tells=True,
            limit=600 + self.backup.file.size / PACE,
        )

    def words(self, script: str, *arguments: str) -> tuple[str, ...]:
        return ("sh", "-c", script, "sh", self.user, self.live, *arguments)

    def beside(self, proof: Run) -> Plan:
        """Verify the dump once more, and restore it into a new database."""
        step = self.inside(
            *(RESTORE, self.new, self.path, self.policy.format),
            says=f"restore {self.backup.name} into the new database {self.new}, beside {self.live}",
            undo=self.words(DROP, self.new),
        )
        return Plan(steps=(proof, step), undo=f"drop {self.new}", success="it restores to its end without an error")

    def change(self) -> Plan:
        """Give the live name to the restored database, and keep the old one aside."""
        old = f"end all sessions, rename {self.live} to {self.aside} and " if self.there else ""
        step = self.inside(
            *(SWAP, self.new, self.aside),
            says=f"{old}rename {self.new} to {self.live}{', at once' if old else ''}",
            undo=self.words(SWAP, self.aside, self.new) if self.there else (),
        )
        return Plan(
            steps=(step,),
            disturbs=("restart",),
            disturbance=f"every session on {self.live} is ended; programs must connect again",
            undo=f"the same change of names: {self.aside} gets its name back" if self.there else "",
            success="the live name is there, and holds what was restored",
        )

    def away(self) -> Plan:
        """Drop the restored database again."""
        return Plan(steps=(self.inside(DROP, self.new, says=f"drop {self.new}"),))
