"""Looking at the backups: list the directory, then stream files without a proof, all on the volume's node."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from fleetkeeper.inventory.schema import Without
from fleetkeeper.topics.backups.completeness import bytes_to_stream, parse_verified, verify_command
from fleetkeeper.topics.backups.dump_times import stamp_in_name
from fleetkeeper.topics.backups.facts import DumpProof, Facts, File
from fleetkeeper.topics.backups.parse import list_directory, parse_listing, parse_storage
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.topics.backups.proven_dumps import recall_proofs, remember_proofs
from fleetkeeper.transport.commands import Command, Output, Unobservable

if TYPE_CHECKING:
    from fleetkeeper.inventory.load import Inventory
    from fleetkeeper.inventory.schema import Node
    from fleetkeeper.looking.observer import Look

Stream = Generator[Sequence[Command], list[Output], tuple[DumpProof, ...] | Unobservable]
AT_ONCE = 500
NAMES = 1 << 16
"""Files that one command names at the most, and about how many bytes of names."""
TRIES = 4
"""So many of the newest are streamed, one by one, until one of them is whole: the answer to "how old is it"."""


def observe(node: Node, inventory: Inventory) -> Look:
    """The facts from the node that the inventory names; None for any other: a shared volume is counted once.

    A generator: yields commands, receives their outputs. Streams what has no proof yet, and stores the proofs in the
    state directory; with --quick it streams nothing.
    """
    policy = inventory.section(Policy)
    if policy.volume.node != node.name:
        return None
    [listed] = yield [list_directory(policy)]
    directory, files = parse_listing(listed)
    storage = parse_storage(listed)
    location = place_of(inventory, directory)
    remembered = recall_proofs(inventory.state, location, files)
    if inventory.quick:
        return Facts(directory, files, remembered, storage)
    verified = yield from stream_files(directory, files, policy, remembered, service=database_service_name(inventory))
    if not isinstance(verified, Unobservable):
        remember_proofs(inventory.state, location, verified)
    return Facts(directory, files, verified, storage)


def place_of(inventory: Inventory, directory: str) -> str:
    """The key under which proofs about a directory are remembered: inventory file, node and directory."""
    return f"{Path(inventory.path).absolute()} {inventory.section(Policy).volume.node} {directory}"


def database_service_name(inventory: Inventory) -> str:
    """The Docker name of the database's service; empty for an inventory without services.

    Raises NotApplicable without the section `backups`.
    """
    if isinstance(inventory.services, Without):
        return ""
    return inventory.services[inventory.section(Policy).service].name


def stream_files(
    directory: str, files: Sequence[File], policy: Policy, remembered: Sequence[DumpProof] = (), service: str = ""
) -> Stream:
    """Stream the newest backup, and of the others without a remembered proof as many as fit in the policy's `verify`.

    After those come the complete ones of which nobody knows what they hold. Returns the proofs, including the
    `remembered` ones of files that were not streamed; where a command failed, those of its files are "unknown". When
    none is "complete", up to three more files are streamed one by one, newest first. `service` is the Docker name of
    the database's service. Those commands are yielded; nothing is raised.
    """
    matches = newest_first(files, policy)
    newest = {file.name for file in matches[:1]}
    known_names = {proof.name for proof in remembered} - newest
    opaque = {proof.name for proof in remembered if proof.state == "complete" and proof.contents is None} - newest
    unproven = [file for file in matches if file.name not in known_names]
    again = [file for file in matches if file.name in opaque]
    batch, waiting = split_by_budget([*unproven, *again], policy.verify)
    streamed = {file.name for file in batch}
    verified = [proof for proof in remembered if proof.name not in newest | streamed]
    for _ in range(TRIES):
        if not batch:
            break
        for part in split_batch(batch):
            [answer] = yield [verify_command(directory, part, policy.format, service)]
            verified += proofs_in_answer(answer, part)
        done = any(proof.state == "complete" for proof in verified)
        batch, waiting = ([], waiting) if done else (waiting[:1], waiting[1:])
    return tuple(verified)


def proofs_in_answer(answer: Output, files: Sequence[File]) -> Sequence[DumpProof]:
    """The proofs of these files, in their order, that an answer gives; all "unknown" when the command failed."""
    try:
        return parse_verified(answer, files)
    except Unobservable as why:
        return [DumpProof(file.name, *file.identity, "unknown", str(why)) for file in files]


def split_batch(batch: Sequence[File]) -> Iterator[Sequence[File]]:
    """The same files in parts that one command line can name: at most 500 files and about 64 KiB of names.

    The first, which is the newest, is alone: whatever happens to a reader of the others, it is judged.

    >>> [len(part) for part in split_batch([File(f"{n}.sql.gz", 1, 0.0, n) for n in range(1202)])]
    [1, 500, 500, 201]
    """
    yield batch[:1]
    part: list[File] = []
    for file in batch[1:]:
        if len(part) == AT_ONCE or sum(len(file.name) for file in part) > NAMES:
            yield part
            part = []
        part.append(file)
    if part:
        yield part


def newest_first(files: Sequence[File], policy: Policy) -> list[File]:
    """The regular files whose names match the policy's pattern, the newest by name first."""
    named = [(stamp_in_name(file.name, policy.pattern), file) for file in files if file.kind == "file"]
    dated = [(local, file) for local, file in named if local is not None]
    return [file for _, file in sorted(dated, key=lambda pair: (pair[0], pair[1].name), reverse=True)]


def split_by_budget(waiting: Sequence[File], budget: int) -> tuple[list[File], list[File]]:
    """The files to read now (the newest whatever its size, then as many as fit in `budget` bytes), and the rest.

    A small file weighs as much as could be read while it is opened: tens of thousands of them do not fit either. One
    that goes beyond it is the first of the rest; smaller ones do not follow it.
    """
    batch, spent = list(waiting[:1]), 0
    rest: list[File] = []
    for file in waiting[1:]:
        spent += bytes_to_stream(file)
        (batch if spent <= budget else rest).append(file)
    return batch, rest
