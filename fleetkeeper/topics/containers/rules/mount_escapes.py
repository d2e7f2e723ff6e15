"""The ways out of a container through what is mounted into it: the engine's socket, and directories of the node."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from fleetkeeper.topics.containers.facts import Container, Mount
from fleetkeeper.topics.containers.rules.escapes import RAW, Escape

SOCKET_PARENTS = re.compile(
    r"/|/var|(/var)?/run(/containerd|/podman|/crio|/docker(/containerd)?|/user(/[0-9]{1,10}(/podman|/docker)?)?)?",
    re.ASCII,
)
"""Directories that hold the socket of an engine; who has one of them has the socket."""
SOCKETS = ("docker.sock", "containerd.sock", "podman.sock", "crio.sock")
SYSTEM = re.compile(
    r"/(bin|boot|dev|etc|home|lib|lib64|opt|proc|root|run|sbin|sys|usr|var|var/run"
    r"|var/lib|var/lib/containerd|var/lib/docker|var/lib/docker/volumes)?"
)
"""The directories of the system itself."""
KEYS = (
    "/etc/cron*",
    "/etc/docker",
    "/etc/ld.so.preload",
    "/etc/pam.d",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/ssh",
    "/etc/sudoers*",
    "/etc/systemd",
    "/home/*/.ssh",
    "/proc/sys*",
    "/root/.ssh",
    "/var/spool/cron",
)
"""What lies deeper and still opens the node to whoever writes it; they and all below them."""


def socket_paths(container: Container) -> Iterator[Escape]:
    """An escape for each mounted socket of a container engine, even when it is read-only.

    By the name of the file, as it is written and behind links, and by what an engine of the node listens on, whatever
    it is called; a directory that holds one too.
    """
    for mount in container.mounts:
        named = next((path for path in (mount.source, *mount.node_paths) if PurePosixPath(path).name in SOCKETS), "")
        if named:
            yield Escape("5.32", f"holds the engine's socket {named}: it can start any container", "no engine socket")
        elif mount.engine and not is_sensitive(mount):
            saw = f"holds an engine's socket in {shown_path(mount)}: it can start any container"
            yield Escape("5.32", saw, "no engine socket")


def shown_path(mount: Mount) -> str:
    """What of the node a mount shows, in words.

    >>> shown_path(Mount("volume", "/v", "/x", "x", bound="/srv/link", real="/etc"))
    '/srv/link (which is /etc), by the volume x'
    """
    paths = mount.node_paths or (mount.source,)
    behind = f" (which is {paths[1]})" if len(paths) > 1 else ""
    return f"{paths[0]}{behind}" + (f", by the volume {mount.name}" if mount.bound else "")


def sensitive_mounts(container: Container) -> Iterator[Escape]:
    """An escape for each mount of a directory of the system; only a warning where it is mounted read-only.

    With an engine's socket in it, it is an error: a read-only mount keeps nobody from connecting. Bind mounts, and
    volumes that bind one. Raises Unobservable, after those that were seen, where a mount could not be followed.
    """
    for mount in container.mounts:
        if is_sensitive(mount):
            paths = (str(PurePosixPath(path)) for path in mount.node_paths)
            holds = bool(mount.engine) or any(SOCKET_PARENTS.fullmatch(path) for path in paths)
            yield Escape(
                "5.6",
                f"can {'write' if mount.rw else 'read'} {shown_path(mount)} of the node",
                "only directories made for it",
                "error" if mount.rw or holds else "warning",
                also=("5.32",) if holds else (),
            )
    if unseen := next((mount.unfollowed for mount in container.mounts if mount.unfollowed), None):
        raise unseen


def spreading_mounts(container: Container) -> Iterator[Escape]:
    """A warning for each mount whose own mounts spread onto the node."""
    for mount in container.mounts:
        if mount.propagation in ("shared", "rshared"):
            saw = f"can mount below {mount.source} of the node, for all to see ({mount.propagation})"
            yield Escape("5.20", saw, "mounts that stay its own (rprivate)", "warning")


def is_sensitive(mount: Mount) -> bool:
    """Whether a mount is a directory of the system itself, a disk, or a file that opens the node (`KEYS`).

    Harmless files, such as /etc/localtime, are none of these.

    >>> [is_sensitive(Mount("bind", source, "/x")) for source in ("/", "/etc/", "/etc/cron.d/x", "/dev/sda1")]
    [True, True, True, True]
    >>> [is_sensitive(Mount("bind", source, "/x")) for source in ("/etc/localtime", "/srv/data", "/home/ops/site")]
    [False, False, False]

    /etc/passwd only to be read is how some images learn names, and holds no secret.
    """
    return any(is_sensitive_path(PurePosixPath(path), mount) for path in mount.node_paths)


def is_sensitive_path(path: PurePosixPath, mount: Mount) -> bool:
    """Whether one path that a mount shows makes it sensitive."""
    if SYSTEM.fullmatch(str(path)) or str(path).startswith(RAW) or SOCKET_PARENTS.fullmatch(str(path)):
        return True
    below = (path, *path.parents)
    return any(fnmatchcase(str(path), key) for path in below for key in KEYS) and (mount.rw or path.name != "passwd")
