"""What a node has answered about its entries so far, and the surroundings of a command that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from fleetkeeper.readers.cron.accounts import user_of
from fleetkeeper.readers.cron.loader import default_path
from fleetkeeper.readers.cron.snapshot import Snapshot, SnapshotFile
from fleetkeeper.readers.numbers import whole_number
from fleetkeeper.readers.shell.surroundings import (
    MOST_FOLLOWED,
    MOST_OF_ROOT,
    REFUSED,
    USUAL_SOCKETS,
    Component,
    Effort,
    PathState,
    Surroundings,
    User,
)
from fleetkeeper.transport.commands import Unobservable

SHELL_KINDS = {"bash": "bash", "dash": "dash", "busybox": "busybox", "ash": "busybox", "zsh": "zsh", "ksh": "ksh"}
LONGEST_MODE = 8


@dataclass
class Answers:
    """The answers of a node to questions about its entries, and the list of all its schedules.

    `asked` are the words that were asked. `lines` are the answers as they were printed, of all rounds together.
    `efforts` are what may still be followed of the scripts of each account, in all rounds together.
    """

    printed: Snapshot
    asked: dict[str, None] = field(default_factory=dict)
    lines: Snapshot = field(default_factory=Snapshot)
    paths: dict[str, PathState] = field(default_factory=dict)
    efforts: dict[str, Effort] = field(default_factory=dict)

    def add(self, words: Sequence[str], answer: Snapshot) -> None:
        """Take in the answers to these words: adds to `asked`, `lines` and `paths`."""
        self.asked.update(dict.fromkeys(words))
        self.lines.files.extend(answer.files)
        for key, rows in answer.lines.items():
            self.lines.lines.setdefault(key, []).extend(rows)
        for row in answer.lines.get("at", []):
            components, flags, path = [*row.split(" ", 2), "", ""][:3]
            self.paths[path] = path_state(components, flags)

    def script(self, path: str) -> SnapshotFile | None:
        """The script at this path, where it was read; None elsewhere."""
        return next((file for file in self.lines.files if file.path == path), None)

    @property
    def programs(self) -> Mapping[str, bool]:
        """Whether there is a program at each path that was asked or printed.

        False for one that was asked about and is not there.
        """
        there = {*self.printed.lines.get("docker", []), *self.lines.lines.get("program", [])}
        return {**{word: False for word in self.asked if word.startswith("/")}, **dict.fromkeys(there, True)}

    @property
    def running(self) -> Mapping[str, bool]:
        """Whether a process of each name that was asked runs. By name; others are left out."""
        names = {word[1:] for word in self.asked if word.startswith("&")}
        return {name: name in self.lines.lines.get("running", []) for name in names}

    @property
    def users(self) -> Mapping[str, User]:
        """The accounts that the node described, by name."""
        names = [row.partition(" ")[0] for row in self.lines.lines.get("login", [])]
        found = {name: user_of(name, self.lines, self.printed.one("account")) for name in names}
        return {name: user for name, user in found.items() if user is not None}

    def engine_of(self, user: str) -> str:
        """Where the Docker client of an account asks, where that is no engine of this node; "" for any other."""
        rows = [row.partition(" ") for row in self.lines.lines.get("engine", [])]
        return next((place for name, _, place in rows if name == user), "")

    @property
    def engines(self) -> Mapping[str, str]:
        """Where Docker's client asks by the directory of its settings, "" for the engine that the look asks."""
        rows = (row.partition(" ") for row in self.lines.lines.get("settings", []))
        return {directory: endpoint for directory, _, endpoint in rows}

    def effort_of(self, user: str) -> Effort:
        """What may still be followed of the scripts of this account: one object for all of them."""
        return self.efforts.setdefault(user, Effort(MOST_OF_ROOT if user == "root" else MOST_FOLLOWED))

    def surroundings(self, user: str, shell: str = "/bin/sh", home: str = "") -> Surroundings:
        """The surroundings of a command of this user under that shell, by its path; `home`: HOME of the crontab.

        `user` is None in them for an account that nothing was said about, `shell` "" for a shell that is not known
        here.
        """
        login = user_of(user, self.lines, self.printed.one("account"))
        base = shell.rpartition("/")[2]
        kind = base if base != "sh" else self.printed.one("sh").partition(".")[0]
        takes = ("pipefail" in self.printed.lines) if base == "sh" and self.printed.one("sh") else None
        return Surroundings(
            user=login,
            users=self.users,
            host=self.printed.one("host"),
            shell=SHELL_KINDS.get(kind, ""),
            pipefail=takes,
            directory=home or (login.home if login else ""),
            search_path=default_path(self.printed),
            paths=self.paths,
            programs=self.programs,
            running=self.running,
            texts={file.path: file.content.decode("utf-8", "surrogateescape") for file in self.lines.files},
            sockets=frozenset(self.printed.lines.get("own", [])) or USUAL_SOCKETS,
            engines=self.engines,
            effort=self.effort_of(user),
        )


def path_state(components: str, flags: str) -> PathState:
    """What a node says about a path: `UID:GID:MODE` (hex) of each part, then perhaps why there is no more.

    Text that cannot be read gives a state that is refused as "unseen". With "none" last, the path is missing; with a
    word of REFUSED, it could not be looked at.

    >>> path_state("0:0:41ed,0:0:81a4", "-ws").components[1].type, path_state("0:0:41ed,none", "-wx").missing
    ('f', True)
    """
    parts = components.split(",")
    refused = parts[-1] if parts[-1] in REFUSED else ""
    missing = parts[-1] == "none"
    known = parts[:-1] if refused or missing else parts
    try:
        return PathState(tuple(map(component, known)), flags, missing, refused)
    except (Unobservable, ValueError):
        return PathState(refused="unseen")


def component(text: str) -> Component:
    """One part of a path. Raises ValueError or Unobservable when it cannot be read."""
    uid, gid, mode = text.split(":")
    if len(mode) > LONGEST_MODE:
        raise ValueError("a mode has at most four digits")
    return Component(whole_number(uid), whole_number(gid), int(mode, 16))
