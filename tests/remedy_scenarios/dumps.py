"""Scenarios of backups: too old, too many, too heavy, or in one place only. The dumps are real ones."""

from __future__ import annotations

import gzip
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from fleetkeeper.looking.fleet import Fleet
from fleetkeeper.readers.docker.labels import SWARM_SERVICE
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.second_copy.facts import CopyDirectory
from fleetkeeper.topics.backups.second_copy.facts import Facts as Copies
from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.facts import Facts as Containers
from tests.example_fleets import backups
from tests.remedy_scenarios.base import Scenario

DUMP = b"--\n-- PostgreSQL database dump\n--\n\n--\n-- PostgreSQL database dump complete\n--\n\n"
NOW = datetime.now(UTC)
"""The names and times of files are compared with a clock that each test sets; the files themselves are made now."""
VOLUME = "/var/lib/docker/volumes/rodan_pg_backup/_data"
POSTGRES = Container(
    "f" * 64,
    "rodan_postgres.1.x",
    labels={SWARM_SERVICE: "rodan_postgres"},
    mounts=(Mount("volume", VOLUME, "/backups", "rodan_pg_backup"),),
)


class Backups(Scenario):
    """Real files with the names of backups; `many` of them, the newest so long ago."""

    rule, nodes, undone = "backups.are_thinned", ("data", "vgpu"), False
    directory = VOLUME
    many, age = 40, timedelta(hours=1)
    text = backups.TEXT.replace("budget: 60 GiB", "budget: 60 GiB, free: 1 MiB")

    def build(self) -> None:
        content = gzip.compress(DUMP)
        for item in backups.twice_a_day(self.many, NOW - self.age):
            self.write("data", f"{self.directory}/{item.name}", content)
            os.utime(self.at("data", f"{self.directory}/{item.name}"), (item.mtime, item.mtime))
        self.write("vgpu", "dump", DUMP)
        self.at("vgpu", "backups").symlink_to(self.at("data", self.directory))

    @property
    def files(self) -> tuple[File, ...]:
        """What a listing sees, newest first."""
        match = [(path.name, path.stat()) for path in self.at("data", self.directory).glob("backup_*.gz")]
        made = [
            File(name, item.st_size, item.st_mtime, inode=item.st_ino, blocks=item.st_blocks * 512, links=item.st_nlink)
            for name, item in match
        ]
        return tuple(sorted(made, key=lambda file: file.name, reverse=True))

    def fleet(self) -> Fleet:
        seen = backups.backup_fleet(
            self.files, text=self.text, now=NOW, volume=backups.volume_usage(self.files, free=self.free)
        )
        here = {("vgpu", "containers"): (POSTGRES,), ("data", "containers"): ()}
        match = {location: Containers("present", present) for location, present in here.items()}
        return replace(seen, facts={**seen.facts, **match})

    @property
    def free(self) -> int:
        return 2**40


class OverBudget(Backups):
    rule = "volumes.are_within_budget"
    text = backups.TEXT.replace("budget: 60 GiB", "budget: 120 KiB")


class Stale(Backups):
    rule, many, age = "backups.are_fresh", 4, timedelta(days=3)


class StaleAndFull(Backups):
    """There is room for another dump only once the backups have been thinned."""

    rule, age = "backups.are_fresh", timedelta(days=3)

    @property
    def free(self) -> int:
        return 2**30 if len(self.files) < self.many else 2**20


class OnePlaceOnly(Backups):
    rule, undone, many = "backups.exist_elsewhere", True, 4
    copied = "/srv/copies"
    text = backups.TEXT.replace("at_least: 3", "at_least: 3\n  elsewhere: {node: vgpu, path: /srv/copies, free: 1 MiB}")

    def build(self) -> None:
        super().build()
        self.at("vgpu", self.copied).parent.mkdir()

    def place(self, node: str, path: str) -> CopyDirectory:
        files = {item.name: item for item in self.at(node, path).glob("backup_*.gz")}
        digests = {name: sha256(item.read_bytes()).hexdigest() for name, item in files.items()}
        marks = {name: f"{item.stat().st_ino} {node}" for name, item in files.items()}
        present = path if self.at(node, path).exists() else ""
        return CopyDirectory(tuple(sorted(files, reverse=True)), digests, present, marks, device=1, free=2**40)

    def fleet(self) -> Fleet:
        seen = super().fleet()
        here, present = self.place("data", VOLUME), self.place("vgpu", self.copied)
        match = {("data", "copies"): Copies(here=here), ("vgpu", "copies"): Copies(there=present)}
        return replace(seen, facts={**seen.facts, **match})
