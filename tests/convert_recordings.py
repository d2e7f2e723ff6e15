"""Converts the recorded looks when a field of a fact is renamed, or added with a value that a real lab would show.

`python -m tests.convert_recordings TOPIC PATH --rename NAME`, or `--value JSON` to add it where it is missing. PATH
leads from the topic's facts to the field, through lists: `containers.mounts.rw`; `*` is each key of a mapping.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FIXTURES = Path(__file__).parent / "fixtures"
RECORDINGS = (*sorted(FIXTURES.glob("verdicts/*.json.gz")), FIXTURES / "lab.json")
Record = dict[str, Any]


def read_look(path: Path) -> Record:
    """The look in a file, which is packed if its name ends with .gz."""
    look: Record = json.loads(gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes())
    return look


def write_look(path: Path, look: Record) -> None:
    """Write a look as `read_look` reads it; the same look gives the same bytes."""
    text = json.dumps(look).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def records_at(value: Any, path: list[str]) -> Iterator[Record]:
    """Every JSON object that a path of keys leads to, through lists; none where something on the way is missing."""
    if isinstance(value, list):
        for item in value:
            yield from records_at(item, path)
    elif isinstance(value, dict) and not path:
        yield value
    elif isinstance(value, dict):
        inner = list(value.values()) if path[0] == "*" else [value.get(path[0])]
        yield from records_at(inner, path[1:])


def rename_field(record: Record, old: str, new: str) -> None:
    """Give the value of `old` the name `new`, in the same place; nothing happens without such a field."""
    for key in list(record):
        record[new if key == old else key] = record.pop(key)


def convert_look(look: Record, topic: str, path: str, change: Callable[[Record, str], None]) -> int:
    """Call `change` with each record of a look that may have the field, and its name. Returns how many they are."""
    *way, field = path.split(".")
    entries = [entry["facts"] for entry in look["facts"] if entry["topic"] == topic and "facts" in entry]
    records = list(records_at(entries, way))
    for record in records:
        change(record, field)
    return len(records)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("topic")
    parser.add_argument("path")
    parser.add_argument("--rename", metavar="NAME")
    parser.add_argument("--value", metavar="JSON", type=json.loads)
    given = parser.parse_args()

    def change(record: Record, field: str) -> None:
        rename_field(record, field, given.rename) if given.rename else record.setdefault(field, given.value)

    looks = {path: read_look(path) for path in RECORDINGS}
    if not sum(convert_look(look, given.topic, given.path, change) for look in looks.values()):
        parser.error(f"no recorded look of {given.topic} has anything at {given.path}")
    for path, look in looks.items():
        write_look(path, look)


if __name__ == "__main__":
    main()
