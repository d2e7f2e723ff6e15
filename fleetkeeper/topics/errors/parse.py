"""Facts from `docker inspect` and from the output of the script that looks at logs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from fleetkeeper.readers.json_documents import Json, part, text_in, texts
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.readers.output_pieces import Piece, pieces_of
from fleetkeeper.topics.containers.facts import Container
from fleetkeeper.topics.errors.facts import Facts, Inside, JournalLimits, LoggingContainer, OpenLog, Shipper
from fleetkeeper.transport.commands import Output, Unobservable

UNSEEN = "?"
"""What the script prints for what it could not see."""
SENTRY = re.compile("[A-Za-z0-9_]*sentry[A-Za-z0-9_]*", re.ASCII | re.IGNORECASE)
KIB = 1024
EMPTY = '""'
"""How an option is kept that stands there with nothing in it."""
NOT_LOOKED_INTO = Unobservable("it was not looked into: more containers run there than are looked at")


def parse_configuration(inspected: Json) -> LoggingContainer:
    """One container, from its object in the output of `docker inspect`; `inside` is not filled in here.

    Raises Unobservable for a field of the wrong kind.

    >>> parse_configuration({"Id": "4f", "HostConfig": {"LogConfig": {"Type": "json-file", "Config": {"tag": "x"}}}})
    LoggingContainer(id='4f', driver='json-file', max_size='', max_file='', declared=(), inside=None, digest=None)
    """
    logging = part(part(inspected, "HostConfig"), "LogConfig")
    names = (text.partition("=")[0] for text in texts(part(inspected, "Config"), "Env"))
    return LoggingContainer(
        id=text_in(inspected, "Id"),
        driver=text_in(logging, "Type"),
        max_size=option_in(part(logging, "Config"), "max-size"),
        max_file=option_in(part(logging, "Config"), "max-file"),
        declared=tuple(name for name in names if SENTRY.fullmatch(name)),
    )


def option_in(options: Json, name: str) -> str:
    """An option of a log driver as it is written; "" without it. Raises Unobservable for what is no text.

    >>> option_in({"max-size": "10m"}, "max-size"), option_in({"max-size": ""}, "max-size"), option_in({}, "max-size")
    ('10m', '""', '')
    """
    return text_in(options, name, "" if options.get(name) is None else EMPTY)


def join_answer(
    configured: Iterable[LoggingContainer], containers: Sequence[Container], answer: Output | None
) -> Facts:
    """The facts of a node: its containers, with what the script printed of their processes.

    `configured` are the same containers as `containers`. `answer` is None where none runs. What the script could not
    see is Unobservable in its own field. Of an image one container is searched for an SDK: that counts for all of it.
    """
    if answer is None:
        return Facts("present", tuple(configured))
    pids = {container.id: container.pid for container in containers}
    try:
        pieces = list(pieces_of(answer.text(), "the look at logs"))
    except Unobservable as why:
        dark = tuple(replace(each, inside=why if pids[each.id] else None) for each in configured)
        return Facts("present", dark, journal=why)
    seen = {piece.word: parse_inside(piece) for piece in pieces if piece.name == "container"}
    inside = {each.id: seen.get(str(each.pid), NOT_LOOKED_INTO) if each.pid else None for each in containers}
    packages = packages_of_images(containers, inside)
    images = {container.id: container.image_id for container in containers}
    return Facts(
        "present",
        tuple(
            replace(each, inside=with_package(inside[each.id], packages.get(images[each.id]))) for each in configured
        ),
        tuple(parse_shipper(piece) for piece in pieces if piece.name == "shipper"),
        parse_journal(pieces),
    )


def packages_of_images(
    containers: Iterable[Container], inside: Mapping[str, Inside | Unobservable | None]
) -> dict[str, str]:
    """The SDK in each image of which a container was searched, by the image's id; empty where it has none."""
    return {
        container.image_id: shown.package
        for container in containers
        if isinstance(shown := inside[container.id], Inside) and shown.package is not None
    }


def with_package(inside: Inside | Unobservable | None, package: str | None) -> Inside | Unobservable | None:
    """The same with the SDK of its image, where it was not searched itself."""
    if isinstance(inside, Inside) and inside.package is None:
        return replace(inside, package=package)
    return inside


def parse_inside(piece: Piece) -> Inside | Unobservable:
    """What the processes of one container show; an Unobservable where none of them could be looked into.

    >>> parse_inside(Piece("container", ("7",), ("program /bin/a", "file 1:2 overlay / /b.log", "searched")))
    Inside(programs=('/bin/a',), files=(OpenLog(path='/b.log', mount='/', kind='overlay', number='1:2'),), \
filled=(), secrets=(), package='')
    """
    if "hidden" in piece.lines:
        return Unobservable("its processes could not be looked into", hint="set `sudo: true`, or `audit`")
    packages = rows_of(piece, "package")
    return Inside(
        rows_of(piece, "program"),
        tuple(parse_open_log(row) for row in rows_of(piece, "file")),
        rows_of(piece, "filled"),
        rows_of(piece, "secret"),
        packages[0] if packages else ("" if "searched" in piece.lines else None),
    )


def rows_of(piece: Piece, key: str) -> tuple[str, ...]:
    """The rests of the rows that begin with a word."""
    return tuple(row.partition(" ")[2] for row in piece.lines if row.partition(" ")[0] == key)


def parse_open_log(row: str) -> OpenLog:
    """One open file from its row, `NUMBER KIND MOUNT PATH`."""
    number, kind, mount, path = (*row.split(" ", 3), "", "", "")[:4]
    number, kind, mount = ("" if word == UNSEEN else word for word in (number, kind, mount))
    return OpenLog(path, mount, kind, number)


def parse_shipper(piece: Piece) -> Shipper:
    """A process that ships logs."""
    return Shipper(piece.word, rows_of(piece, "reads"), rows_of(piece, "file"), "journal" in piece.lines)


def parse_journal(pieces: Iterable[Piece]) -> JournalLimits | Unobservable:
    """The limits of the journal; of a setting that stands several times the last one counts, as for journald.

    An Unobservable where the script could not ask for them.

    >>> parse_journal([Piece("journal", (), ("SystemMaxUse 1G", "SystemMaxUse 2G", "disk 4"))])
    JournalLimits(storage='', max_use='2G', keep_free='', disk=4096)
    """
    piece = next((each for each in pieces if each.name == "journal"), None)
    if piece is None:
        return Unobservable("the settings of journald could not be asked for")
    settings = dict(row.partition(" ")[::2] for row in piece.lines)
    return JournalLimits(
        settings.get("Storage", ""),
        settings.get("SystemMaxUse", ""),
        settings.get("SystemKeepFree", ""),
        whole_number(settings["disk"]) * KIB if "disk" in settings else 0,
    )
