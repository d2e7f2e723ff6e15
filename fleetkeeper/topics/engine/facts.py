"""What was seen of the Docker engine of a node: what it says of itself, its settings, its files, and who records them.

Nothing secret is kept: of settings, options and `docker info` only the keys that rules read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from fleetkeeper.transport.commands import Unobservable

Values = dict[str, tuple[str, ...]]
"""Texts by the name of a setting of dockerd; `true` and `false` for switches."""


@dataclass(frozen=True)
class EngineFile:
    """A file, directory or socket of the engine. `role` says what it is to the engine, such as `config` or `tlskey`.

    `path` is where the engine or systemd has it, `real` the same without links. `owner` and `group` are numbers, `mode`
    the nine bits with set-uid and sticky; all three are None where they could not be seen.
    """

    role: str
    path: str
    real: str
    owner: int | None = None
    group: int | None = None
    mode: int | None = None
    group_name: str = ""


@dataclass(frozen=True)
class Watch:
    """A rule of the kernel's audit about a path: the path without links, and what it records, of `rwxa`.

    `below`: it covers everything below the path too.
    """

    path: str
    records: str
    below: bool


@dataclass(frozen=True)
class Auditing:
    """The kernel's audit. `enabled` is its own word; `loaded` is in force now, `saved` is loaded at the next boot."""

    enabled: bool
    loaded: tuple[Watch, ...] = ()
    saved: tuple[Watch, ...] = ()


@dataclass(frozen=True)
class EngineInfo:
    """What `docker info` says: its keys in our spelling.

    `storage` is the storage driver, `snapshotter` whether images are containerd's. `security` are the security options
    (`name=seccomp,profile=builtin`). `insecure` are registries and networks of registries that are used without TLS.
    """

    version: str
    root: str = ""
    storage: str = ""
    snapshotter: bool = False
    logging: str = ""
    debug: bool = False
    experimental: bool = False
    live_restore: bool = False
    in_swarm: bool = False
    security: tuple[str, ...] = ()
    insecure: tuple[str, ...] = ()
    authorization: tuple[str, ...] = ()
    images: int = 0


@dataclass(frozen=True)
class Facts:
    """The engine of one node. `engine` is "absent" without one, "podman" where Podman answers in its place.

    `options` are those of the dockerd that runs, `settings` what its file says. `bridge_icc` is whether containers on
    the default bridge may talk to each other, None without that network. `seccomp_default` is the default action of the
    seccomp profile that the settings name, None without one and in looks of before. `units` are the addresses of
    docker.socket, `unit_group` is the group that it gives its sockets, empty where it names none, None in looks of
    before. `unix` and `tcp` are the sockets on which dockerd listens: paths, and ports with addresses as /proc/net
    has them. `members` may use its socket by their group, `by_acl` by an access list. `disks` says of each root of its
    data whether it is a file system of its own.
    """

    topic: ClassVar[str] = "engine"
    engine: Literal["docker", "podman", "absent"]
    info: EngineInfo = EngineInfo("")
    options: Values | Unobservable | None = None
    settings: Values | Unobservable | None = None
    bridge_icc: bool | Unobservable | None = None
    seccomp_default: str | Unobservable | None = None
    systemd: bool = True
    units: tuple[str, ...] = ()
    unit_group: str | None = None
    files: tuple[EngineFile, ...] = ()
    unix: tuple[str, ...] | Unobservable = ()
    tcp: tuple[str, ...] | Unobservable = ()
    members: tuple[str, ...] | Unobservable = ()
    by_acl: tuple[str, ...] | Unobservable = ()
    disks: dict[str, bool | None] | None = None
    audit: Auditing | Unobservable = Auditing(enabled=False)

    def files_of(self, *roles: str) -> tuple[EngineFile, ...]:
        """The files with these roles; empty where there are none."""
        return tuple(file for file in self.files if file.role in roles)
