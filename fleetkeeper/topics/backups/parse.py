"""Listing the directory of the backups: one round trip, names that may hold anything, no link followed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetkeeper.topics.backups.facts import File, Kind, Storage
from fleetkeeper.topics.backups.policy import Policy
from fleetkeeper.transport.commands import Command, Output, Unobservable
from fleetkeeper.transport.script_files import load_script

LIST_BACKUPS = "fleetkeeper/topics/backups/scripts/list_backups.sh"

KINDS: dict[str, Kind] = {"f": "file", "d": "directory", "l": "link"}
MODES: dict[int, Kind] = {0x8000: "file", 0x4000: "directory", 0xA000: "link"}
BLOCK = 512
LISTERS = ("find: ", "stat: ")
FACTS = re.compile(rb"([!-~]|[0-9a-f]{2,8})( -?[0-9]{1,30}(\.[0-9]{1,30})?){8}")
MOST = (1 << 64) - 1
STORAGE = b"kind "


def list_directory(policy: Policy) -> Command:
    """The command that lists the directory of a policy's backups. Its output is for `parse_listing`."""
    volume = policy.volume
    return Command(
        ("sh", "-c", load_script(LIST_BACKUPS), "list-backups", volume.name, volume.path or "", policy.path), sudo=True
    )


def parse_listing(output: Output) -> tuple[str, tuple[File, ...]]:
    """The directory's path, and its entries. Raises Unobservable when it could not be listed completely."""
    raise_if_incomplete(output)
    directory, _, rest = output.out.partition(b"\0")
    entries = rest.partition(b"\0")[2] if rest.startswith(STORAGE) else rest
    return directory.decode("utf-8", "backslashreplace").removesuffix("\n"), tuple(parse_entries(entries))


def parse_storage(output: Output) -> Storage | None:
    r"""What the directory lies on, from the output of `list_directory`; None when it does not tell.

    >>> parse_storage(Output(0, b"/srv/bk\n\0kind ext4\nunmounted /srv\n\0"))
    Storage(kind='ext4', unmounted=('/srv',))
    """
    rest = output.out.partition(b"\0")[2]
    if not rest.startswith(STORAGE):
        return None
    lines = rest.partition(b"\0")[0].decode("utf-8", "replace").split("\n")
    kind = lines[0].removeprefix(STORAGE.decode())
    points = (line.removeprefix("unmounted ") for line in lines[1:] if line.startswith("unmounted "))
    return Storage(kind, tuple(dict.fromkeys(points)))


def raise_if_incomplete(output: Output) -> None:
    """Raise Unobservable when a listing command failed or complained.

    Files that vanished while find was listing ("No such file or directory") are the one complaint that is let pass.
    """
    complaints = [line for line in output.err.decode("utf-8", "replace").split("\n") if line]
    vanished = [line for line in complaints if line.startswith(LISTERS) and line.endswith("No such file or directory")]
    output.text(ok={0, 1} if complaints and vanished == complaints else {0})


def parse_entries(listed: bytes) -> Iterator[File]:
    """Entries from records `TYPE SIZE MTIME INODE DEVICE LINKS UID BLOCKS CTIME/NAME`, each ended by NUL.

    Where there is no NUL, by `//` and a newline. What stands behind the last end is left out.

    TYPE is a letter of find's or the mode in hex. An entry whose numbers cannot be read becomes one of kind "other".
    Raises Unobservable, as it is iterated, for a record without a name, and when there are more than 200000 records.

    >>> [file] = parse_entries(b"f 20 1700000000.5 7 1 1 0 8 1700000001.5/a.sql.gz\\0")
    >>> file.name, file.size, file.kind, file.blocks
    ('a.sql.gz', 20, 'file', 4096)
    >>> [file] = parse_entries(b"81a4 20 1700000000 7 0 1 0 8 1700000001/./a.sql.gz//\\n")
    >>> file.name, file.kind
    ('a.sql.gz', 'file')
    """
    for record in split_records(listed):
        facts, slash, written = record.partition(b"/")
        if not slash:
            raise Unobservable(f"the listing holds a record that makes no sense: {facts[:60]!r}")
        name = written.removeprefix(b"./").decode("utf-8", "backslashreplace")
        yield parse_entry(name, facts) if FACTS.fullmatch(facts) else File(name, 0, 0.0, 0, kind="other")


def parse_entry(name: str, facts: bytes) -> File:
    """One entry of the directory. `facts` must match `FACTS`.

    A number below 0 or above what a file system can hold becomes the nearest valid one. Sizes are in bytes, times in
    epoch seconds.
    """
    kind, *written = facts.decode("ascii").split(" ")
    size, inode, device, links, uid, blocks = (parse_whole_number(written[index]) for index in (0, 2, 3, 4, 5, 6))
    return File(
        name=name,
        size=size,
        mtime=float(written[1]),
        inode=inode,
        kind=KINDS.get(kind, "other") if len(kind) == 1 else MODES.get(int(kind, 16) & 0xF000, "other"),
        device=device,
        links=links,
        uid=uid,
        blocks=blocks * BLOCK,
        changed=float(written[7]),
    )


def parse_whole_number(number: str) -> int:
    """The whole part of a number, at least 0 and at most 2^64 - 1."""
    return min(max(int(number.partition(".")[0]), 0), MOST)


MOST_FILES = 200_000
"""So many entries are read of one directory: more would hold up the looks at all other nodes."""


def split_records(listed: bytes) -> list[bytes]:
    """The records of a listing; what stands behind the last end is left out.

    Raises Unobservable when there are more than 200000.
    """
    end = b"\0" if b"\0" in listed else b"//\n"
    if listed.count(end) > MOST_FILES:
        raise Unobservable(f"there are more than {MOST_FILES} files in the directory")
    if end == b"\0":
        return listed.split(end)[:-1]
    return [record.removeprefix(b"\n") for record in listed.split(b"//\n")[:-1]]
