"""The ports of one node on which TLS is expected: the facts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable

Speech = Literal["TLS", "plain", "silent", "closed"]


@dataclass(frozen=True)
class TlsPort:
    """One port that other machines can reach, and that by its number is one for TLS.

    `published` are the ids of the containers that publish it. For any other one `programs` are the names of those that
    listen, empty where this account may not see them, and `containers` the ids (64 hexadecimal digits) in their control
    groups. `speaks` is what a TLS client meets there: a handshake or an alert ("TLS"), another protocol or the end of
    the connection ("plain"), no answer ("silent") or no connection ("closed").
    """

    port: int
    published: tuple[str, ...] = ()
    programs: tuple[str, ...] = ()
    containers: tuple[str, ...] = ()
    speaks: Speech | Unobservable = "TLS"


@dataclass(frozen=True)
class Facts:
    """One node. `ports` are in the order of their numbers."""

    topic: ClassVar[str] = "listening"
    ports: tuple[TlsPort, ...] | Unobservable
