"""The contents of a database, as its server reports them inside its own container."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from fleetkeeper.readers.numbers import MOST, whole_number
from fleetkeeper.redact import masked
from fleetkeeper.topics.containers.facts import Placement
from fleetkeeper.transport.commands import OK, Command, Output, Unobservable
from fleetkeeper.transport.link import Link
from fleetkeeper.untrusted import one_line, without_values


@dataclass(frozen=True)
class DatabaseContents:
    """The contents of one database: rows by table, and extensions.

    `content` is a sum over each table's rows, by table; empty when it was not asked for. `said` are facts about the
    server by key: `user`, `database`, `preload`, and `encoding` when the database exists; empty when it was not asked
    for. The rest are names of roles, tablespaces, databases kept `besides` it, `prepared` transactions, replication
    `slots` and `subscriptions`.
    """

    rows: Mapping[str, int] = field(default_factory=dict)
    extensions: tuple[str, ...] = ()
    said: Mapping[str, str] = field(default_factory=dict)
    content: Mapping[str, int] = field(default_factory=dict)
    roles: tuple[str, ...] = ()
    tablespaces: tuple[str, ...] = ()
    besides: tuple[str, ...] = ()
    prepared: tuple[str, ...] = ()
    slots: tuple[str, ...] = ()
    subscriptions: tuple[str, ...] = ()

    def tell(self, what: str) -> str:
        """The server's fact with that key in `said`. Raises Unobservable without it: the role may not read it."""
        if what not in self.said:
            role = self.said.get("user") or "the role of the backups"
            raise Unobservable(
                f"the server does not tell {role} its {NAMED.get(what, what)}",
                hint=f"GRANT pg_read_all_settings TO {role};",
            )
        return self.said[what]


NAMED = {"preload": "shared_preload_libraries", "seconds": "time"}


def parse_contents(answer: Output) -> DatabaseContents:
    r"""The contents that a script printed: `KEY|VALUE`, `rows TABLE|NUMBER`, `content TABLE|NUMBER`, one a line.

    Raises Unobservable where a number is none. The exit status is not looked at: the caller has done so.

    >>> printed = b"user|a|b\nrole|rodan\nrows public.auth_user|120\ncontent public.auth_user|-7\n"
    >>> found = parse_contents(Output(0, printed))
    >>> found.said, found.roles, found.rows, found.content
    ({'user': 'a|b'}, ('rodan',), {'public.auth_user': 120}, {'public.auth_user': -7})
    """
    counted: dict[str, dict[str, int]] = {"rows": {}, "content": {}}
    lines: dict[str, list[str]] = {}
    for line in answer.out.decode("utf-8", "replace").split("\n"):
        kind, _, table = line.rpartition("|")[0].partition(" ")
        if kind in counted and table:
            counted[kind][table] = whole_number(line.rpartition("|")[2], least=-MOST)
        elif line:
            what, _, value = line.partition("|")
            lines.setdefault(what, []).append(value)
    return DatabaseContents(
        rows=counted["rows"],
        extensions=tuple(lines.pop("extension", ())),
        content=counted["content"],
        roles=tuple(lines.pop("role", ())),
        tablespaces=tuple(lines.pop("tablespace", ())),
        besides=tuple(lines.pop("besides", ())),
        prepared=tuple(lines.pop("prepared", ())),
        slots=tuple(lines.pop("slot", ())),
        subscriptions=tuple(lines.pop("subscription", ())),
        said={what: values[0] for what, values in lines.items()},
    )


@dataclass(frozen=True)
class Name:
    """What a server has under one name. `oid` is that of the database; empty when there is none. It never changes.

    `mark` is the comment that a restore wrote: that the database was never live, and what it held.
    """

    name: str
    oid: str = ""
    mark: str = ""

    @property
    def there(self) -> bool:
        """Whether a database of this name exists."""
        return bool(self.oid)

    @property
    def never_live(self) -> bool:
        """Whether a restore made it under this name, and nobody has given it the live name since."""
        return self.mark.startswith(f"fleetkeeper: {self.name} was never live; ")


def parse_names(answer: Output, names: Sequence[str]) -> tuple[str, tuple[Name, ...]]:
    r"""(system identifier, a `Name` for each of `names`), from the output of list_databases.sh.

    The identifier is empty when the role may not read it. Raises Unobservable.

    >>> parse_names(Output(0, b"system|7\noid 16384|\nabsent|\n"), ("live", "other"))
    ('7', (Name(name='live', oid='16384', mark=''), Name(name='other', oid='', mark='')))
    """
    lines = answer.text().split("\n")
    system = "".join(line.partition("|")[2] for line in lines if line.startswith("system|"))
    texts = [line for line in lines if line.startswith(("oid ", "absent|"))]
    if len(texts) != len(names):
        raise Unobservable(f"the server reported {len(texts)} databases, not of {len(names)}")
    matches = [(line.partition("|")[0].partition(" ")[2], line.partition("|")[2]) for line in texts]
    return system, tuple(
        Name(name, str(whole_number(oid)) if oid else "", mark)
        for name, (oid, mark) in zip(names, matches, strict=True)
    )


SAID = re.compile(r"(?:psql:[^ ]{0,40}:([0-9]{1,19}): |pg_restore: error: )?[^\W\d_]{3,20}:  ")
"""Where the server's own message begins in a script's text, and the line of the SQL that it is about."""
COMMAND = re.compile(r"(invalid command) .*", re.DOTALL)


def why_failed(text: str) -> str:
    r"""The reason in a script's error text, without secrets and without values of rows.

    In one line; the parameters of commands are left out.

    >>> why_failed('it does not restore: psql:<stdin>:7: ERROR:  invalid input syntax for type integer: "4111 1111"')
    'it does not restore: invalid input syntax for type integer (line 7 of its SQL)'
    >>> why_failed("it does not restore: gzip: crc error")
    'it does not restore: gzip: crc error'
    """
    text = COMMAND.sub(r"\1", text)
    match = SAID.search(text)
    if not match:
        return one_line(masked(text))
    line = f" (line {match[1]} of its SQL)" if match[1] else ""
    return f"{one_line(masked(text[: match.start()]))}{without_values(text[match.start() :])}{line}"


def ask_server(link: Link, command: Command, ok: Collection[int] = OK) -> Output:
    """The output of one command. Raises Unobservable when it was lost, or its exit status is not in `ok`."""
    [answer] = link.ask([command])
    answer.text(ok)
    return answer


def count_command(placement: Placement, script: str, *words: str, limit: float) -> Command:
    """The command that runs one of the read-only scripts in the live container; `limit` is in seconds."""
    return Command(("docker", "exec", placement.container.id, "sh", "-c", script, "sh", *words), sudo=True, limit=limit)
