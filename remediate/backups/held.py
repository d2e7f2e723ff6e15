"""What a database holds, as it says itself: asked inside its own container."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from fleet.commands import OK, Command, Output
from fleet.discovery import Placement
from fleet.links import Link


@dataclass(frozen=True)
class Held:
    """What one database holds: rows by table, and extensions. `content` is a sum over each table's rows, if asked for.

    Where the server was asked who it is, `said` has `user`, `database`, `preload`, and `encoding` when the database is
    there; the rest are names of roles, tablespaces, databases kept `besides` it, `prepared` transactions and
    replication slots.
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


def held(answer: Output) -> Held:
    r"""Read what the scripts print.

    >>> found = held(Output(0, b"user|a|b\nrole|rodan\nrows public.auth_user|120\ncontent public.auth_user|-7\n"))
    >>> found.said, found.roles, found.rows, found.content
    ({'user': 'a|b'}, ('rodan',), {'public.auth_user': 120}, {'public.auth_user': -7})
    """
    counted: dict[str, dict[str, int]] = {"rows": {}, "content": {}}
    told: dict[str, list[str]] = {}
    for line in answer.out.decode("utf-8", "replace").splitlines():
        kind, _, table = line.rpartition("|")[0].partition(" ")
        if kind in counted and table:
            counted[kind][table] = int(line.rpartition("|")[2])
        else:
            what, _, value = line.partition("|")
            told.setdefault(what, []).append(value)
    return Held(
        rows=counted["rows"],
        extensions=tuple(told.pop("extension", ())),
        content=counted["content"],
        roles=tuple(told.pop("role", ())),
        tablespaces=tuple(told.pop("tablespace", ())),
        besides=tuple(told.pop("besides", ())),
        prepared=tuple(told.pop("prepared", ())),
        slots=tuple(told.pop("slot", ())),
        said={what: values[0] for what, values in told.items()},
    )


def ask(link: Link, command: Command, ok: Collection[int] = OK) -> Output:
    """One command; raises Unobservable with what it said when it ended otherwise."""
    [answer] = link.ask([command])
    answer.text(ok)
    return answer


def inside(place: Placement, script: str, *words: str, limit: float) -> Command:
    """One of the scripts that only read, in the live container."""
    return Command(("docker", "exec", place.container.id, "sh", "-c", script, "sh", *words), sudo=True, limit=limit)
