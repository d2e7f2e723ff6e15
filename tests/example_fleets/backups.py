"""A small fleet of backups for unit tests: a good one, of which each test breaks one thing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fleetkeeper.inventory.load import Inventory
from fleetkeeper.judging.verdicts import Verdict, judge_subject, subjects_of
from fleetkeeper.looking.fleet import Facts, Fleet
from fleetkeeper.topics.backups.catalog import Catalog, build_catalog
from fleetkeeper.topics.backups.facts import DumpProof, File
from fleetkeeper.topics.backups.facts import Facts as Seen
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.nodes.facts import Facts as Nodes
from fleetkeeper.topics.registry import RULES, load_inventory
from fleetkeeper.topics.volumes.facts import Facts as Volumes
from fleetkeeper.topics.volumes.facts import VolumeEntry
from fleetkeeper.transport.commands import Unobservable
from fleetkeeper.transport.script_files import load_script

NOW = datetime(2026, 6, 15, 16, 30, tzinfo=UTC)
TORONTO = ZoneInfo("America/Toronto")
HALF_DAY = timedelta(hours=12)
MIB = 2**20


def judging_awk(zero: str = "000", more: str = "") -> str:
    """The awk program that judges a dump's text, as the script puts it together, with `more` of its rules.

    `zero` is the octal number of the byte that a zero byte is to this awk.
    """
    script = load_script("fleetkeeper/topics/backups/scripts/read_dumps.sh")
    [zeros] = re.findall(rf"^ *judge=\$judge'(/\\{zero}/ .*\n)'$", script, re.MULTILINE)
    sections, lines = (
        load_script(f"fleetkeeper/topics/backups/scripts/dump_{part}.awk") for part in ("sections", "lines")
    )
    return sections + more + zeros + lines


TEXT = """
nodes:
  data: {address: 192.0.2.12}
  vgpu: {address: 192.0.2.13}
services:
  postgres: {name: rodan_postgres, user: postgres}
backups:
  service: postgres
  schedule: "0 0,12 * * *"
  command: backup
  volume: {name: rodan_pg_backup, node: data, budget: 60 GiB}
  timezone: America/Toronto
  keep: {last: 4, daily: 14, weekly: 8, monthly: 12, yearly: 10}
  at_least: 3
certificates: {none: "not here"}
"""


def make_inventory(text: str = TEXT) -> Inventory:
    """The inventory of the good fleet, or a changed one."""
    return load_inventory(Path("world.yml"), text)


def make_policy(**changes: Any) -> Policy:
    """The policy of the good fleet; a change is given as it is written in the inventory."""
    written = {
        "service": "postgres",
        "schedule": "0 0,12 * * *",
        "volume": {"name": "rodan_pg_backup", "node": "data", "budget": "60 GiB"},
        "timezone": "America/Toronto",
        "keep": {"last": 4, "daily": 14, "weekly": 8, "monthly": 12, "yearly": 10},
        "at_least": 3,
    }
    return Policy.model_validate(written | changes)


def dump_name(moment: datetime) -> str:
    return moment.astimezone(TORONTO).strftime("backup_%Y_%m_%dT%H_%M_%S.sql.gz")


def dump_file(moment: datetime, size: int = MIB, **changes: Any) -> File:
    """A regular file with a backup's name, written a second after it."""
    made = File(
        name=dump_name(moment),
        size=size,
        mtime=moment.timestamp() + 1,
        inode=round(moment.timestamp()),
        blocks=size,
        links=1,
    )
    return replace(made, **changes)


def proof_of(of: File, state: Any = "complete", why: str = "") -> DumpProof:
    return DumpProof(of.name, *of.identity, state, why)


def proofs_of(files: Iterable[File]) -> tuple[DumpProof, ...]:
    return tuple(proof_of(item) for item in files)


def twice_a_day(count: int, newest: datetime = NOW - timedelta(minutes=29)) -> tuple[File, ...]:
    """So many files, newest first, twelve hours apart."""
    return tuple(dump_file(newest - location * HALF_DAY) for location in range(count))


GOOD = twice_a_day(4)


def catalog_of_files(files: Sequence[File], verified: Sequence[DumpProof] | None = None, **changes: Any) -> Catalog:
    match = proofs_of(files) if verified is None else tuple(verified)
    return build_catalog(tuple(files), match, make_policy(**changes), NOW)


def backup_fleet(
    files: Sequence[File] | Unobservable = GOOD,
    verified: Sequence[DumpProof] | Unobservable | None = None,
    *,
    text: str = TEXT,
    ahead: float = 0.0,
    volume: Volumes | Unobservable | None = None,
    now: datetime = NOW,
) -> Fleet:
    """One look at the fleet. `verified` None: every file is proven complete."""
    seen = files if isinstance(files, Unobservable) else tuple(files)
    if verified is None:
        verified = () if isinstance(files, Unobservable) else proofs_of(files)
    node = Nodes(ahead=ahead, uncertainty=0.01, hostname="data", timezone="UTC", utc_offset=0, uid=0, root_uid=0)
    facts: dict[tuple[str, str], Facts | Unobservable] = {
        ("data", "backups"): Seen(
            "/var/lib/docker/volumes/rodan_pg_backup/_data",
            seen,
            verified if isinstance(verified, Unobservable) else tuple(verified),
        ),
        ("data", "nodes"): node,
        ("data", "volumes"): volume or volume_usage(() if isinstance(seen, Unobservable) else seen),
    }
    return Fleet(make_inventory(text), now, facts)


def volume_usage(files: Sequence[File], **changes: Any) -> Volumes:
    """The volume that holds these files and nothing else, on a disk with much room."""
    made = Volumes(
        path="/var/lib/docker/volumes/rodan_pg_backup/_data",
        used=4096 + sum(item.blocks for item in files),
        entries=1 + len(files),
        disk=200 * 2**30,
        free=100 * 2**30,
        inodes=10**6,
        free_inodes=10**6,
        biggest=tuple(VolumeEntry(item.name, item.blocks) for item in files[:40]),
    )
    return replace(made, **changes)


def verdict_of(rule: str, fleet: Fleet) -> Verdict:
    """What a rule says about its one subject in this fleet."""
    [subject] = subjects_of(RULES[rule], fleet.inventory)
    return judge_subject(RULES[rule], fleet, subject)
