"""The Postgres servers and the written mounts of one node: the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable

Content = Literal["data", "empty", "other", "denied"]


@dataclass(frozen=True)
class PostgresServer:
    """One running Postgres server (postmaster), in whatever container, or in none.

    `pid` is its process on the node. `directory` is its data directory as the server itself sees it; empty where this
    account may not see it. `containers` are the ids (64 hexadecimal digits) that its control groups name, of whatever
    engine. `standby`: it receives its data from another server.
    """

    pid: int
    directory: str = ""
    containers: tuple[str, ...] = ()
    standby: bool = False


@dataclass(frozen=True)
class Facts:
    """One node.

    `content` is what lies in each directory that a container of a declared service may write, by its path on the node:
    "data" when there is a file with content, "empty" when there is none, "other" for what is no directory (a socket, a
    file), "denied" where this account may not look.
    """

    topic: ClassVar[str] = "coverage"
    postgres: tuple[PostgresServer, ...] | Unobservable
    content: dict[str, Content] | Unobservable
