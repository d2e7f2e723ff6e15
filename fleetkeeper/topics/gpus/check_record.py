"""The record of the checks that `remediate gpus check` ran: whether a program in a container sees a GPU.

It is kept like the record of drills of backups, in the same form, on the first node that `gpus` names: one file for
each command, so that another command begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from fleetkeeper.errors import NotApplicable
from fleetkeeper.looking.fleet import or_why
from fleetkeeper.topics.backups.database.facts import Records
from fleetkeeper.topics.backups.database.observe import RECORDS, SHELL_RECORDS, parse_records
from fleetkeeper.topics.gpus.observe import look_at_gpus
from fleetkeeper.topics.gpus.policy import Policy
from fleetkeeper.topics.protocol import RootQuestion
from fleetkeeper.transport.commands import Command, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

NO_CHECK = "the inventory names no command that sees a GPU (`gpus: {check: […]}`)"


@dataclass(frozen=True)
class Facts:
    """The record, on the first node that `gpus` names: a drill for each check; its `backup` is the service's key."""

    topic: ClassVar[str] = "gpu_checks"
    records: Records | Unobservable


def checked_command(policy: Policy) -> str:
    """The text that identifies the command of a policy in its record. Raises NotApplicable without a command."""
    if policy.check is None:
        raise NotApplicable(NO_CHECK)
    return f"gpus {hashlib.sha256(json.dumps(policy.check).encode()).hexdigest()}"


def check_record_path(policy: Policy) -> str:
    """The path of the record. Raises NotApplicable without a command."""
    return f"{RECORDS}/gpus-{checked_command(policy).removeprefix('gpus ')[:12]}.json"


def read_check_record(policy: Policy) -> Command:
    """The command that prints the record, for `parse_records`. Raises NotApplicable without a command."""
    return Command(("sh", "-c", SHELL_RECORDS, "read-record", check_record_path(policy)), sudo=True)


def root_questions_about_gpus(inventory: Inventory) -> Iterator[RootQuestion]:
    """The commands about an inventory's GPUs that an audit runs as root. Raises NotApplicable without the section."""
    policy = inventory.section(Policy)
    yield look_at_gpus(inventory).words
    if policy.check is not None:
        yield read_check_record(policy).words


def observe(node: Node, inventory: Inventory) -> Look:
    """The record, after one round trip. Raises NotApplicable on any node but the first, and without a command."""
    policy = inventory.section(Policy)
    question = read_check_record(policy)
    if node.name != policy.nodes[0]:
        raise NotApplicable("the record of checks is on another node")
    [answer] = yield [question]
    return Facts(or_why(lambda: parse_records(answer, of=checked_command(policy), path=check_record_path(policy))))
