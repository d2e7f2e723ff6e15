"""The catalog of the CIS Docker Benchmark: what each id of editions 1.6 and 1.8 asks for, in our own words.

One file for each section, in the folder `sections`. Under `shared` stand the keys that several entries have alike; an
entry names them with `shared: NAME` and writes over what is different. The key of an entry is its number in 1.8;
`before` is that in 1.6 where it is another one, or `none`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pydantic import Field, ValidationError

from fleetkeeper.inventory.benchmark_ids import EDITIONS
from fleetkeeper.inventory.schema import Strict
from fleetkeeper.inventory.strict_yaml import YamlError, read_document

SECTIONS = ("1_host", "2_daemon", "3_files", "4_images", "5_containers", "6_operations", "7_swarm")
ATTESTED = "benchmark.is_attested"
"""The rule of what only a person can say."""


class Entry(Strict):
    """One recommendation. `number` is that of 1.8, `before` that of 1.6, empty where it has none.

    `rule` is the promise that judges it, `of` what it is judged for: each node, or the fleet once. `needs` says what
    that takes: looking alone, a line of policy, or a person. `also` is a further promise that judges a part
    of it, with a cause and a remedy of its own; empty without one. `docker_bench` is what docker-bench-security does
    and why ours differs. Texts may hold backquotes for words of a program.
    """

    number: str = Field(pattern=r"^[1-7](\.[0-9]+){1,2}$")
    before: str
    section: str
    section_title: str
    title: str = Field(min_length=1, max_length=120)
    level: Literal[1, 2] = 1
    profile: Literal["linux", "swarm"] = "linux"
    rule: str = Field(pattern=r"^[a-z]+\.[a-z0-9_]+$")
    also: str = ""
    of: Literal["node", "fleet"] = "node"
    needs: Literal["looking", "policy", "person"] = "looking"
    what: str = ""
    why: str = Field(min_length=1)
    judged: str = Field(min_length=1)
    docker_bench: str = Field(min_length=1)
    remedy: str = Field(min_length=1)
    danger: str = ""

    @property
    def ids(self) -> tuple[str, ...]:
        """Its ids, such as `1.6:2.14` and `1.8:2.15`."""
        numbers = zip(EDITIONS, (self.before, self.number), strict=True)
        return tuple(f"{edition}:{number}" for edition, number in numbers if number)


class CatalogError(Exception):
    """A file of the catalog is not as it should be: which file, and what is wrong in it."""


@cache
def load_catalog() -> tuple[Entry, ...]:
    """All entries, in the order of 1.8. Raises CatalogError for a file that is broken, or an id that occurs twice."""
    entries = tuple(entry for name in SECTIONS for entry in section_entries(name, section_content(name)))
    ids = [name for entry in entries for name in entry.ids]
    if twice := sorted({name for name in ids if ids.count(name) > 1}):
        raise CatalogError(f"{', '.join(twice)}: an id that two entries have")
    return entries


def section_content(name: str) -> bytes:
    """The content of the file of one section."""
    return files("fleetkeeper").joinpath(f"topics/benchmark/sections/{name}.yml").read_bytes()


def section_entries(name: str, content: bytes) -> Iterator[Entry]:
    """The entries of one file. `name` is for messages. Raises CatalogError."""
    try:
        document = read_document(content)
    except YamlError as why:
        raise CatalogError(f"{name}.yml: {why}") from None
    if document.twice:
        raise CatalogError(f"{name}.yml: {document.twice[0][1]}")
    data = document.data
    for number, written in data["entries"].items():
        fields = {**shared_keys(name, data.get("shared", {}), written), "number": number}
        fields |= {"section": data["section"], "section_title": data["title"]}
        fields["before"] = {"none": ""}.get(written.get("before", number), written.get("before", number))
        try:
            yield Entry(**fields)
        except ValidationError as why:
            problem = why.errors()[0]
            where = f"{name}.yml:{document.line(('entries', number))}: {number}"
            raise CatalogError(f"{where}: {'.'.join(map(str, problem['loc']))}: {problem['msg']}") from None


def shared_keys(name: str, shared: Mapping[str, Any], written: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of an entry, with those that it shares. Raises CatalogError where it names a group that is not there."""
    group = written.get("shared")
    if group is not None and group not in shared:
        raise CatalogError(f"{name}.yml: nothing is shared under {group}")
    own = {key: value for key, value in written.items() if key != "shared"}
    return {**(shared[group] if group else {}), **own}


def entry_of(name: str) -> Entry | None:
    """The entry with this id, such as `1.8:5.26`; None without one."""
    return next((entry for entry in load_catalog() if name in entry.ids), None)
