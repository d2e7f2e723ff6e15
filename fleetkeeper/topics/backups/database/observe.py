"""Asking the database for its system identifier, inside its own container, and reading the record about it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from pydantic import TypeAdapter, ValidationError

from fleetkeeper.inventory.schema import Node, require_policy
from fleetkeeper.topics.backups.database.facts import Accepted, AcceptedSize, Drill, Facts, Records
from fleetkeeper.topics.backups.database.parse import parse_clusters, silent_servers
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script
from fleetkeeper.untrusted import one_line
from fleetkeeper.versions import UPGRADE, is_newer

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.looking.observer import Look

ASK_CONTAINERS = "fleetkeeper/topics/backups/database/scripts/ask_containers.sh"
ASK_DATABASE = "fleetkeeper/topics/backups/database/scripts/ask_database.sh"

T = TypeVar("T")
RECORDS = "/var/lib/fleetkeeper"
SHELL_RECORDS = """for record; do
if [ -e "$record" ] || [ -h "$record" ]; then [ "$record" = "$1" ] || echo adopted; exec cat -- "$record"; fi
done; exit 3"""
ADOPTED = b"adopted\n"
NONE_YET = 3


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts of a node after one round trip: no clusters without Docker, the record on the volume's node only."""
    policy = inventory.section(Policy)
    commands = [clusters_of(policy, require_policy(inventory.services)[policy.service].name)]
    here = policy.volume.node == node.name
    answers = yield [*commands, *([records_of(policy)] if here else [])]
    parse = partial(parse_records, of=backups_of(policy), older=ends_of_older(policy), path=record_path(policy))
    records = clusters_or_why(parse, answers[1]) if here else None
    return Facts(clusters_or_why(parse_clusters, answers[0]), records, silent_servers(answers[0]))


def clusters_or_why(parse: Callable[[Output], T], answer: Output) -> T | Unobservable:
    """The parsed answer, or the Unobservable that parsing raised."""
    try:
        return parse(answer)
    except Unobservable as why:
        return why


def clusters_of(policy: Policy, service: str) -> Command:
    """The command that prints who the database is, and what it holds, for every container of the service.

    `service` is the Docker name of the service. The output is for `parse_clusters`.
    """
    volume, tables = policy.volume, tuple(policy.floors)
    questions = ("sh", "-c", load_script(ASK_CONTAINERS), "ask-database", load_script(ASK_DATABASE), service)
    mounted = (volume.name, volume.path or "", policy.directory, policy.path)
    return Command((*questions, *mounted, policy.user or "", policy.database or "", *tables), sudo=True)


def record_path(policy: Policy) -> str:
    """The path of the record about a policy's database, on the volume's node: one for volume, directory and database.

    Two inventories may give their services the same name, and one service another name: neither matters.
    """
    return f"{RECORDS}/backups-{hashlib.sha256(backups_of(policy).encode()).hexdigest()[:12]}.json"


def record_path_by_service(policy: Policy) -> str:
    """The path that older versions gave the record: it is read where there is no other yet, and never written."""
    return f"{RECORDS}/backups-{policy.service}.json"


def backups_of(policy: Policy) -> str:
    """The text that identifies the backups of a policy in their record: volume, path and database."""
    return " ".join((policy.volume.path or policy.volume.name, policy.path, policy.database or ""))


def ends_of_older(policy: Policy) -> tuple[str, str]:
    """How the text in records of older versions began and ended: between them it had the pattern."""
    return f"{policy.volume.path or policy.volume.name} {policy.path} ", f" {policy.database or ''}"


def records_of(policy: Policy) -> Command:
    """The command that prints the record about a policy's database; it exits with 3 (`NONE_YET`) when there is none.

    A record of an older version, under the name of its service, comes after a line `adopted`.
    """
    paths = (record_path(policy), record_path_by_service(policy))
    return Command(("sh", "-c", SHELL_RECORDS, "read-record", *paths), sudo=True)


def parse_records(
    output: Output, of: str = "", path: str = "the record of the database", older: tuple[str, str] = ("", "")
) -> Records:
    """The record, or an empty one where the file does not exist.

    `of` is the text of `backups_of` that the record must be about (empty: any), `path` the file, for messages. `older`
    is how the text begins and ends in a record that an older version left under the name of the service: it is adopted
    where it is about these backups, or does not say what it is about. Raises Unobservable when the file cannot be read
    or understood, was written by a newer fleetkeeper, or is about other backups than `of`. A file without a version is
    one of version 1, which had no accepted size.
    """
    if output.rc == NONE_YET:
        return Records()
    adopted = output.out.startswith(ADOPTED)
    content = output.text().removeprefix(ADOPTED.decode()) if adopted else output.text()
    try:
        version = VERSION_ADAPTER.validate_json(content).version
        kept = ADAPTER.validate_json(content) if version <= VERSION else StoredRecord()
    except ValidationError as odd:
        raise Unobservable(f"{path} makes no sense: {odd.errors()[0]['msg']}") from None
    if newer := is_newer(path, version, VERSION):
        raise Unobservable(newer, UPGRADE)
    if adopted:
        own = not kept.of or (kept.of.startswith(older[0]) and kept.of.endswith(older[1]))
        return Records(kept.accepted, kept.drills, "", kept.size) if own else Records()
    if of and kept.of and kept.of != of:
        raise Unobservable(f"{path} is about other backups ({one_line(kept.of)})", hint=ANOTHER)
    return Records(kept.accepted, kept.drills, hashlib.sha256(output.out).hexdigest(), kept.size)


def record_bytes(records: Records, of: str = "") -> bytes:
    """The record as the JSON file that is written to the node. `of` is the text of `backups_of`."""
    return (
        ADAPTER.dump_json(StoredRecord(VERSION, records.accepted, records.drills, records.size, of), indent=1) + b"\n"
    )


ANOTHER = "see who wrote it; move it away, and `remediate backups accept` writes a new one"
VERSION = 2
"""Of the record's file: 2 has the accepted size, and drills that were refused."""


@dataclass(frozen=True)
class Version:
    """The version of a record's file, which is read first: fields of a later version are not understood here."""

    version: int = 1


@dataclass(frozen=True)
class StoredRecord(Version):
    """The content of a record's file on the node. `of` is the text of `backups_of`; empty in older files."""

    accepted: Accepted | None = None
    drills: tuple[Drill, ...] = ()
    size: AcceptedSize | None = None
    of: str = ""


VERSION_ADAPTER: TypeAdapter[Version] = TypeAdapter(Version)
ADAPTER: TypeAdapter[StoredRecord] = TypeAdapter(StoredRecord)
