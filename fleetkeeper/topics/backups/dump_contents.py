"""What one dump holds, by the names of its tables: the fact, and how it is read from the one word that awk prints."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

PART = re.compile(r'("[^"]*")+|[^."]+')
SWITCH = re.compile(r"dbname='((?:[^'\\]|\\.)*)'")


@dataclass(frozen=True)
class DatabasePart:
    """The tables of one database in a dump, as `schema.table` without quotes (old dumps: `table`).

    `database` is the name that the dump connects to, empty where it names none. `filled` have rows, `empty` have a part
    for their rows and none in it, `created` are created only.
    """

    database: str = ""
    filled: frozenset[str] = frozenset()
    empty: frozenset[str] = frozenset()
    created: frozenset[str] = frozenset()

    @property
    def dumped(self) -> frozenset[str]:
        """The tables whose rows were dumped, whether there were any."""
        return self.filled | self.empty


@dataclass(frozen=True)
class DumpContents:
    """What one dump holds.

    `databases` is the number of databases in it (0: only roles and settings), `cluster` whether they stand inside of a
    dump of pg_dumpall. `unnamed` counts tables whose names are not told: too many, or odd. `inserts`: its rows are
    INSERT statements, and a table without rows leaves no trace but its CREATE. `extensions` and `subscriptions` are the
    names of those that it creates. `makes_tables`: it creates any table.
    """

    databases: int
    cluster: bool = False
    inserts: bool = False
    unnamed: int = 0
    parts: tuple[DatabasePart, ...] = ()
    extensions: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()
    makes_tables: bool = True

    def of(self, database: str) -> DatabasePart | None:
        """What it holds of a database (empty: of any); None when it is of others only.

        A part without a name may be of any database.
        """
        parts = [part for part in self.parts if not database or part.database in {"", database}]
        if self.parts and not parts:
            return None
        named = {part.database for part in parts} - {""}
        return DatabasePart(
            named.pop() if len(named) == 1 else "",
            frozenset().union(*(part.filled for part in parts)),
            frozenset().union(*(part.empty for part in parts)),
            frozenset().union(*(part.created for part in parts)),
        )

    @property
    def named(self) -> tuple[str, ...]:
        """The databases that it connects to, sorted."""
        return tuple(sorted({part.database for part in self.parts} - {""}))

    @property
    def filled(self) -> bool:
        """Whether any table in it is known to have rows."""
        return any(part.filled for part in self.parts)


@dataclass
class Reading:
    """A word that is being read: the tables of each database by what they hold."""

    parts: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    others: dict[str, list[str]] = field(default_factory=lambda: {"*": [], "&": []})
    database: str = ""

    def take(self, item: str) -> None:
        """Add one item of the word to `parts` or `others`: `@DATABASE`, or a mark and a name.

        The marks: `=` a table with rows, `-` one without, `+` one that is only created, `*` an extension, `&` a
        subscription. An item with any other is left out. Names are percent-encoded, and kept without SQL's quotes.
        Tables belong to the database named last, before any to "".
        """
        mark, name = item[:1], unquote(item[1:])
        if mark == "@":
            self.database = connected_name(name)
            self.parts.setdefault(self.database, {})
        elif mark in {"=", "-", "+"}:
            self.parts.setdefault(self.database, {}).setdefault(mark, set()).add(plain_name(name))
        elif mark in self.others:
            self.others[mark].append(plain_name(name))


HEAD = re.compile(r"([0-9]{1,9}):([0-9]):([0-9]):([0-9]{1,9}):([0-9])", re.ASCII)


def parse_contents(word: str) -> DumpContents | None:
    """The contents in the word of dump_contents.awk; None for a word that makes no sense, or `-`.

    >>> found = parse_contents('1:0:0:0:1,=public.a,-public."B%20c",*hstore')
    >>> found.of("").filled, found.of("").empty, found.extensions
    (frozenset({'public.a'}), frozenset({'public.B c'}), ('hstore',))
    """
    head, *items = word.split(",")
    match = HEAD.fullmatch(head)
    if not match:
        return None
    reading = Reading()
    for item in items:
        reading.take(item)
    databases, inside, inserts, unnamed, made = map(int, match.groups())
    parts = tuple(
        DatabasePart(name, *(frozenset(kinds.get(mark, ())) for mark in "=-+")) for name, kinds in reading.parts.items()
    )
    extensions, subscriptions = (tuple(dict.fromkeys(names)) for names in reading.others.values())
    return DumpContents(databases, bool(inside), bool(inserts), unnamed, parts, extensions, subscriptions, bool(made))


def plain_name(name: str) -> str:
    """A name of SQL without its quotes: `"public"."a b"` becomes `public.a b`.

    >>> plain_name('public."a ""b"'), plain_name("a.b")
    ('public.a "b', 'a.b')
    """
    parts = (match.group() for match in PART.finditer(name))
    return ".".join(part[1:-1].replace('""', '"') if part.startswith('"') else part for part in parts)


def connected_name(told: str) -> str:
    r"""The database that the argument of `\connect` names: a word, a quoted name, or a connection string.

    Of a connection string the `dbname`.

    >>> connected_name("shop"), connected_name('"my db"'), connected_name('''"dbname='a b'"''')
    ('shop', 'my db', 'a b')
    """
    told = told.strip()
    switch = SWITCH.search(told)
    if switch:
        return re.sub(r"\\(.)", r"\1", switch[1])
    return told[1:-1].replace('""', '"') if told.startswith('"') else told.partition(" ")[0]
