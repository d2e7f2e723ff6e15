"""Which cron reads the crontabs of a node: their rules for files and lines differ.

`debian12` is Vixie's cron as Debian 12 and older have it, `debian13` that of 3.0pl1-187 and later, `cronie` the one
of Red Hat, SUSE, Arch and Debian's package of that name. The running daemon and the installed package tell which; where
both leave several, all of them are possible. Sources: NEWS of Debian's cron, cron(8) and crontab(5); all three tried.
"""

from __future__ import annotations

import re
from typing import Literal

from fleetkeeper.readers.cron.daemon import daemon
from fleetkeeper.readers.cron.snapshot import Snapshot
from fleetkeeper.transport.commands import Unobservable

Loader = Literal["debian12", "debian13", "cronie"]
ALL: tuple[Loader, ...] = ("debian12", "debian13", "cronie")
REVISION = re.compile(r"3\.0pl1-([0-9]{1,5})")
FIRST_OF_13 = 187
CRON_PATH = "/usr/bin:/bin"
CRONIE_PATH = "/usr/bin:/bin:/usr/sbin:/sbin"
"""The PATH of a command whose crontab sets none; the second is that of cronie from 1.7 on.

Source: crontab(5), crond(8), and pathnames.h of cron (_PATH_DEFPATH) and of cronie (_PATH_STDPATH); both tried.
"""
CRONIE_VERSION = re.compile(r"(?:[0-9]{1,4}:)?([0-9]{1,4})\.([0-9]{1,4})(?![0-9])")
FIRST_WITH_SBIN = (1, 7)


def possible_loaders(printed: Snapshot) -> tuple[Loader, ...]:
    """The kinds of cron that may read the crontabs, at least one; all of them where nothing tells.

    The running daemon's name decides, then the installed packages: lines of `printed`. Raises nothing.
    """
    try:
        running = daemon(printed)
    except Unobservable:
        running = None
    packages = [row.split(" ") for row in printed.lines.get("package", []) if " " in row]
    kinds = tuple(dict.fromkeys(loader for row in packages if (loader := loader_of(row[0], row[1]))))
    if running is not None:
        family = ("cronie",) if running.name == "crond" else ("debian12", "debian13") if running.name == "cron" else ALL
        fitting = tuple(loader for loader in kinds if loader in family)
        busybox = any("busybox" in row for row in printed.lines.get("exe", []))
        return fitting or (ALL if busybox else tuple(loader for loader in ALL if loader in family))
    return kinds or ALL


def loader_of(package: str, version: str) -> Loader | None:
    """The kind of cron that a package holds; None for another. None, too, for a version without Debian's revision.

    >>> loader_of("cron", "3.0pl1-162"), loader_of("cron", "3.0pl1-197"), loader_of("cronie", "1.7.2-5")
    ('debian12', 'debian13', 'cronie')
    """
    if package == "cronie":
        return "cronie"
    match = REVISION.search(version) if package == "cron" else None
    return None if match is None else "debian13" if int(match[1]) >= FIRST_OF_13 else "debian12"


def default_path(printed: Snapshot) -> str:
    """The PATH of a command whose crontab sets none; the shorter one where cronie's version is not known.

    The version is in the lines `package` of `printed`.

    >>> default_path(Snapshot(lines={"package": ["cronie 1.7.2-4"]}))
    '/usr/bin:/bin:/usr/sbin:/sbin'
    >>> default_path(Snapshot(lines={"package": ["cronie 1.5.7-11.el9"]}))
    '/usr/bin:/bin'
    """
    versions = [row.removeprefix("cronie ") for row in printed.lines.get("package", []) if row.startswith("cronie ")]
    if possible_loaders(printed) != ("cronie",) or not versions:
        return CRON_PATH
    match = CRONIE_VERSION.match(versions[0])
    return CRONIE_PATH if match and (int(match[1]), int(match[2])) >= FIRST_WITH_SBIN else CRON_PATH
