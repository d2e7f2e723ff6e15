"""Facts from the output of the script that measures a volume: sizes in KiB, as du and df count them."""

from __future__ import annotations

import re

from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.topics.volumes.facts import Facts, VolumeEntry
from fleetkeeper.transport.commands import Output, Unobservable

KIB = 1024
KIBS = re.compile("[0-9]{1,18}", re.ASCII)


def parse(output: Output) -> Facts:
    r"""The facts from the output of the script. Raises Unobservable when a part of the volume could not be counted.

    A file that was removed meanwhile is no such part. All sizes are in bytes.

    >>> usage = parse(Output(0, b"at /v\ndisk 1000 400\ninodes 0 0\nentries 3\n2 24\t.\n1 20\t./a\n"))
    >>> usage.used, usage.free, usage.biggest
    (24576, 409600, (VolumeEntry(path='a', used=20480),))
    """
    lines = output.text().split("\n")
    complaints = [line for line in output.err.decode("utf-8", "replace").split("\n") if line]
    grave = [line for line in complaints if not line.endswith("No such file or directory")]
    if grave:
        raise Unobservable(f"the volume could not be measured completely: {grave[0][:200]}")
    texts = {word: rest.split() for word, _, rest in (line.partition(" ") for line in lines[1:4])}
    total = whole_number(lines[4].removeprefix("2 ").partition("\t")[0]) * KIB
    entries = [volume_entry for line in lines[5:] if (volume_entry := entry(line)) is not None]
    return Facts(
        path=lines[0].partition(" ")[2],
        used=total,
        entries=int(texts["entries"][0]),
        disk=int(texts["disk"][0]) * KIB,
        free=int(texts["disk"][1]) * KIB,
        inodes=number(texts["inodes"], 0),
        free_inodes=number(texts["inodes"], 1),
        biggest=tuple(volume_entry for volume_entry in entries if volume_entry.used <= total),
    )


def entry(line: str) -> VolumeEntry | None:
    """An entry from its line of the script, `1 KIB<tab>./PATH`; its size is in bytes.

    None for a line of another form: the rest of a name that holds a newline.

    >>> entry("1 20\\t./a"), entry("of a name")
    (VolumeEntry(path='a', used=20480), None)
    """
    size, tab, path = line.removeprefix("1 ").partition("\t")
    if not (line.startswith("1 ") and tab and path.startswith("./") and KIBS.fullmatch(size)):
        return None
    return VolumeEntry(path.removeprefix("./").encode("utf-8", "backslashreplace").decode(), int(size) * KIB)


def number(words: list[str], index: int) -> int:
    """A count of df; 0 where it prints `-` or nothing, since the file system has none.

    Raises Unobservable for anything else that is no number.
    """
    return whole_number(words[index]) if words[index:] and words[index] != "-" else 0
