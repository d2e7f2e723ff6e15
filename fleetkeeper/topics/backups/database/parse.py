"""The servers that the containers of the database's service reported: one block of lines for each."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote

from fleetkeeper.readers.docker.inspection import ABSENT
from fleetkeeper.readers.lines import split_lines
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.backups.database.facts import (
    LARGE_OBJECTS,
    BackupsView,
    Cluster,
    Disk,
    LiveTable,
    OtherDatabase,
    ShownFile,
    SilentServer,
)
from fleetkeeper.transport.commands import Output, Unobservable

UNSIGNED = (1 << 64) - 1
KIB = 1024
GRANT = "`GRANT pg_read_all_settings, pg_read_all_data TO` the user of backups (`backups.user`)"
NO_CONNECTION = re.compile(
    "too many (?:clients|connections)|remaining connection slots are reserved|timeout expired|no answer within"
    "|the database system is |server closed the connection unexpectedly|terminating connection"
)
"""What says that the server itself takes no connection: neither a password nor a name that is wrong."""


@dataclass
class Block:
    """The lines about one container: `lines` by first word, and what follows that word in each of them."""

    container: str
    lines: dict[str, list[str]] = field(default_factory=dict)

    def all(self, word: str) -> Sequence[str]:
        """What follows the word in each line that begins with it."""
        return self.lines.get(word, ())

    def last(self, word: str) -> str | None:
        """What follows the word in the last line that begins with it; None without one."""
        return next(iter(reversed(self.all(word))), None)


def blocks_of(output: Output) -> Iterator[Block]:
    """A block for each container of which the answer tells; none where there is no answer.

    The lines of a block are by their first word.
    """
    text = output.out.decode("utf-8", "replace")
    for part in re.split("^cluster ", text, flags=re.MULTILINE)[1:]:
        container, *answers = split_lines(part)
        block = Block(container)
        for answer in answers:
            word, _, rest = answer.partition(" ")
            block.lines.setdefault(word, []).append(rest)
        yield block


def silent_servers(output: Output) -> tuple[SilentServer, ...]:
    """The servers that take no connection, with their reason in one line.

    Only where their message says so: one that refuses a password or a role is none of them.

    >>> silent_servers(Output(0, b"cluster f00\\nsilent FATAL:  sorry, too many clients already\\n"))
    (SilentServer(container='f00', why='FATAL:  sorry, too many clients already'),)
    """
    told = ((block.container, block.last("silent")) for block in blocks_of(output))
    return tuple(SilentServer(container, why) for container, why in told if why and NO_CONNECTION.search(why))


def parse_clusters(output: Output) -> tuple[Cluster, ...]:
    r"""The clusters that the containers reported; empty on a node without Docker.

    Raises Unobservable when a container could not be asked, a server does not answer, its user may not read all
    settings, or a number makes no sense: then none of the others is returned either.

    >>> told = b"cluster f00\nsystem 7575134923612332072\ndirectory /d\nrows 120 auth_user\n"
    >>> [one] = parse_clusters(Output(0, told))
    >>> one.container, one.system, one.directory, one.rows
    ('f00', '7575134923612332072', '/d', {'auth_user': 120})
    """
    if output.rc == ABSENT:
        return ()
    output.text()
    return tuple(cluster_of(block) for block in blocks_of(output))


def cluster_of(block: Block) -> Cluster:
    """The server in one block. Raises Unobservable when it did not answer, or did not say who it is.

    A number that makes no sense raises it too. `tables` and `unread` are None where they were not asked for.
    """
    if (why := block.last("silent")) is not None:
        raise Unobservable(f"the database does not answer: {why}" if why else "the database does not answer")
    system, directory = block.last("system"), block.last("directory")
    if system is None or directory is None:
        raise Unobservable("the database does not say who it is: its user may not read all settings", hint=GRANT)
    counted = (row.partition(" ") for row in block.all("rows"))
    tables, asked = live_tables(block), block.last("asked")
    return Cluster(
        block.container,
        str(whole_number(system, most=UNSIGNED)),
        directory,
        {table: whole_number(number, least=-1) for number, _, table in counted},
        database=block.last("database") or "",
        tables=None if asked is None else tables,
        unread=None if asked is None else max(whole_number(asked) - len(block.all("table")), 0),
        available=tuple(block.all("available")) or None,
        disk=disk_of(block),
        view=view_of(block),
        others=parse_others(block) if "others" in block.lines else None,
        unmounted=tuple((path, point) for path, _, point in (line.partition("\t") for line in block.all("unmounted"))),
    )


def live_tables(block: Block) -> tuple[LiveTable, ...]:
    r"""The tables with rows, in the order in which they were told; lines that make no sense are left out.

    Times are epoch seconds, None where they are not known. Of large objects only the time of the last one is: their
    file came with the database.

    >>> block = Block("f", {"table": ["base/1/2 public.a%20b\t 1", "base/1/3 public.c\t 0"], "file": ["0 5 base/1/2"]})
    >>> live_tables(block)
    (LiveTable(name='public.a b', root='public.a b', born=None, written=5.0),)
    """
    times = {}
    for line in block.all("file"):
        born, _, rest = line.partition(" ")
        written, _, path = rest.partition(" ")
        times[path] = (epoch(born), epoch(written))
    tables = []
    for line in block.all("table"):
        path, _, rest = line.partition(" ")
        names, _, filled = rest.rpartition(" ")
        name, tab, root = names.partition("\t")
        if tab and filled == "1":
            own, (made, changed) = unquote(name), times.get(path, (None, None))
            tables.append(LiveTable(own, unquote(root) or own, None if own == LARGE_OBJECTS else made, changed))
    return tuple(tables)


FILLED = {"1": True, "0": False}


def parse_others(block: Block) -> tuple[OtherDatabase, ...]:
    """The other databases of the server, in the order in which they were told.

    >>> parse_others(Block("f", {"other": ["1 tickets", "- a%20b"]}))
    (OtherDatabase(name='tickets', filled=True), OtherDatabase(name='a b', filled=None))
    """
    parts = (line.partition(" ") for line in block.all("other"))
    return tuple(OtherDatabase(unquote(name), FILLED.get(rows)) for rows, _, name in parts)


def epoch(told: str) -> float | None:
    """A time in epoch seconds; None for anything else: `stat` prints 0, `-` or its own letter where it knows none."""
    return float(told) if told.isascii() and told.isdigit() and int(told[:18]) > 0 else None


def disk_of(block: Block) -> Disk | None:
    """The disk under the data directory; None when `df` did not tell of it in numbers, 0 inodes where not of those.

    Sizes in bytes.
    """
    disk, inodes = (block.last("disk") or "").split(), (block.last("inodes") or "").split()
    if len(disk) != 3 or not all(word.isascii() and word.isdigit() for word in disk[1:]):
        return None
    counted = (
        [int(word[:18]) if word.isascii() and word.isdigit() else 0 for word in inodes] if len(inodes) == 2 else [0, 0]
    )
    return Disk(disk[0], int(disk[1][:15]) * KIB, int(disk[2][:15]) * KIB, *counted)


def view_of(block: Block) -> BackupsView | None:
    """What the container shows of the backups; None where it mounts nothing there.

    Its `files` are None where the directory cannot be read. Raises Unobservable for a number that makes no sense.
    """
    directory = block.last("backups")
    if directory is None:
        return None
    if "readable" not in block.lines:
        return BackupsView(directory, None)
    shown = (line.split(" ", 2) for line in block.all("shown"))
    files = (
        ShownFile(parts[2].removeprefix("./"), whole_number(parts[0]), whole_number(parts[1]))
        for parts in shown
        if len(parts) == 3
    )
    return BackupsView(directory, tuple(files))
