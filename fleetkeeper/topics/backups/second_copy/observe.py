"""Listing both places of the backups, and reading the newest files to their end where no digest is remembered."""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Without, require_policy
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.backups.dump_times import stamp_in_name
from fleetkeeper.topics.backups.facts import File
from fleetkeeper.topics.backups.observe import newest_first, place_of
from fleetkeeper.topics.backups.parse import list_directory, parse_entries, parse_listing, raise_if_incomplete
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.proven_dumps import recall_digests, remember_digests
from fleetkeeper.topics.backups.second_copy.facts import DIGESTED, MOST, CopyDirectory, Facts
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

LIST_COPIES = "fleetkeeper/topics/backups/second_copy/scripts/list_copies.sh"
DIGEST_FILES = "fleetkeeper/topics/backups/second_copy/scripts/digest_files.sh"

PACE = 20 * 10**6


@dataclass(frozen=True)
class Listing:
    """The entries of one place; `directory`, `device` and `free` as in `CopyDirectory`."""

    directory: str
    files: tuple[File, ...]
    device: int = 0
    free: int = -1


Seeing = Generator[Sequence[Command], list[Output], CopyDirectory | Unobservable]


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts of the two nodes that have the places; None for any other node, and where there is no second place.

    A generator: yields commands, receives their outputs. A place that could not be read is an Unobservable in the
    facts.
    """
    policy = inventory.section(Policy)
    if policy.elsewhere is None or isinstance(policy.elsewhere, Without):
        return None
    here = directory = None
    if policy.volume.node == node.name:
        here = yield from list_and_digest(list_directory(policy), policy, inventory, "here")
    if policy.elsewhere.node == node.name:
        directory = yield from list_and_digest(look_into_copies(policy.elsewhere.path), policy, inventory, "there")
    return Facts(here, directory)


def look_into_copies(path: str) -> Command:
    """The command that lists the second place, which need not exist. Its output is for `parse_copies`."""
    return Command(("sh", "-c", load_script(LIST_COPIES), "list-copies", path), sudo=True)


def list_and_digest(listing: Command, policy: Policy, inventory: Inventory, which: str) -> Seeing:
    """List one place, and read its newest files whose digest is not remembered.

    `listing` is the command that lists it, `which` is "here" or "there". Returns an Unobservable where that failed.
    Stores new digests in the state directory; --quick reads no file, so that only remembered digests are there.
    """
    try:
        [listed] = yield [listing]
        copies = parse_copies(listed) if which == "there" else Listing(*parse_listing(listed))
        backups = newest_first(copies.files, policy)
        location = f"{place_of(inventory, copies.directory)} {which}"
        recent = recent_backups(backups, policy, require_policy(policy.elsewhere).max_age) if policy.elsewhere else []
        digests = recall_digests(inventory.state, location, recent)
        unknown = within_budget([file for file in recent if file.name not in digests], backups, policy.verify)
        if unknown and not inventory.quick:
            [answer] = yield [digest_command(copies.directory, unknown)]
            digests |= parse(answer)
            remember_digests(inventory.state, location, backups, digests)
    except Unobservable as why:
        return why
    return CopyDirectory(
        names=tuple(file.name for file in backups),
        digests=digests,
        directory=copies.directory,
        marks={file.name: file_mark(file) for file in backups if file.name in digests},
        device=copies.device or (backups[0].device if backups else 0),
        free=copies.free,
        parts={file.name: file.mtime for file in copies.files if file.kind == "file" and PART.fullmatch(file.name)},
    )


PART = re.compile(r"\.fleetkeeper\..+\.part", re.DOTALL)
"""What a copy is called until it is whole (see take_copy.sh)."""


def parse_copies(output: Output) -> Listing:
    r"""The listing of the second place. Raises Unobservable when it could not be listed completely.

    `free` is in bytes, -1 where df did not tell; no directory, "", where there is none.

    >>> parse_copies(Output(0, b"2048 65024 \0"))
    Listing(directory='', files=(), device=65024, free=2097152)
    """
    raise_if_incomplete(output)
    head, _, entries = output.out.partition(b"\0")
    free, device, directory = head.decode("utf-8", "backslashreplace").split(" ", 2)
    return Listing(
        directory,
        tuple(parse_entries(entries)),
        whole_number(device),
        whole_number(free) * 1024 if free.isascii() and free.isdigit() else -1,
    )


def within_budget(unknown: Sequence[File], backups: Sequence[File], budget: int) -> list[File]:
    """The unknown files to read now: those of the newest three, and as many others as fit in `budget` (bytes).

    `backups` are all files, newest first. Where the newest three are known already, the next one is read whatever its
    size: so each is read at some look.
    """
    newest = [file for file in unknown if file in backups[:DIGESTED]]
    rest = unknown[len(newest) :]
    chosen, spent = newest or list(rest[:1]), 0
    for file in rest:
        spent += file.size
        if spent <= budget and file not in chosen:
            chosen.append(file)
    return chosen


def recent_backups(backups: Sequence[File], policy: Policy, max_age: timedelta) -> list[File]:
    """The files of which a copy may be young enough, newest first: at most `MOST`, and always the newest three.

    The age is the difference to the newest, by the times in the names.
    """
    stamps = [stamp_in_name(file.name, policy.pattern) for file in backups[:MOST]]
    dated = [(local, file) for local, file in zip(stamps, backups, strict=False) if local is not None]
    return [file for index, (local, file) in enumerate(dated) if index < DIGESTED or dated[0][0] - local <= max_age]


def file_mark(file: File) -> str:
    """Inode and ctime of a file as text: no copy was changed in the same second and has the same inode."""
    return f"{file.inode}.{int(file.changed)}"


def digest_command(directory: str, files: Sequence[File]) -> Command:
    """The command that prints the SHA-256 of these files. Its output is for `parse`."""
    words = ("sh", "-c", load_script(DIGEST_FILES), "digest-backups", directory, *(f"./{file.name}" for file in files))
    return Command(words, sudo=True, limit=60 + sum(file.size for file in files) / PACE)


def parse(output: Output) -> dict[str, str]:
    """The SHA-256 (hex) of each file, by name, from the output of `digest_command`.

    Raises Unobservable when the command failed.

    >>> parse(Output(0, b"e3b0 ./backup_1.sql.gz\\n"))
    {'backup_1.sql.gz': 'e3b0'}
    """
    answers = (line.split(" ./", 1) for line in split_lines(output.text()))
    return {name: digest for digest, name in answers}
