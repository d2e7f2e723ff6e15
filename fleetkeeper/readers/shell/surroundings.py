"""What is known of the node around a command: its shell, user, files and programs; and what is to be asked.

A question is recorded when it is needed and not answered yet; a second reading, with the answers, decides. Questions
are words for `ask_about_words.sh`: `?/path` asks about a path, `/path` about a program, `&name` about a process,
`@/path` about the engine that a client asks with that directory for its settings.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleetkeeper.readers.shell.truth import NO, YES, Truth

MOST_QUESTIONS = 60
"""Questions about the conditions of one node's entries that are asked in one look."""
MOST_OF_SCRIPT, MOST_FOLLOWED, MOST_OF_ROOT = 8000, 20_000, 400_000
"""Commands that are followed in one script, in all of one account, and in root's: anybody may write loops in loops."""
TYPES = {0xC000: "S", 0xA000: "L", 0x8000: "f", 0x6000: "b", 0x4000: "d", 0x2000: "c", 0x1000: "p"}
LONGEST_PATH = 512
DIRECTORY = re.compile(r"/[A-Za-z0-9_./@+-]{0,200}", re.ASCII)
UNKNOWN_DIRECTORY = "?"
"""Stands for a directory that is not known: where `cd` went, or in a PATH."""
USUAL_PATH = "/usr/bin:/bin"
USUAL_SOCKETS = frozenset({"/run/docker.sock", "/var/run/docker.sock"})
"""Where an engine of Docker listens, unless it was told otherwise."""
REFUSED = {
    "link": "a link that is not root's leads to it",
    "network": "it lies on the network, and did not answer",
    "automount": "it is mounted when somebody looks, so nobody looked",
    "unseen": "this account may not ask about it",
}


@dataclass(frozen=True)
class Component:
    """A directory on the way to a path, or what is at its end: owner, group, and mode with the type's bits."""

    uid: int
    gid: int
    mode: int

    @property
    def type(self) -> str:
        """One letter, as the operators of test(1) have it: f, d, L, b, c, p or S. `?` for any other."""
        return TYPES.get(self.mode & 0xF000, "?")

    def allows(self, user: User, right: int) -> bool:
        """Whether the mode gives a user this right: 4 to read, 2 to write, 1 to execute or search.

        By owner, else group, else others; root may read and write all.
        """
        if user.uid == 0:
            return right != 1 or self.type == "d" or self.mode & 0o111 != 0
        shift = 6 if user.uid == self.uid else 3 if self.gid in user.groups else 0
        return self.mode >> shift & right != 0


@dataclass(frozen=True)
class PathState:
    """What a node says about a path: the directories from the root on, and what is at the end.

    `flags`: of the last of them, as the asking account sees it: `w` writable, `x` executable, `s` not empty, `m` a
    mount point, `k` locked by another program than docker. `missing`: a part is not there, and `components` end
    before it.
    `refused` is a key of REFUSED, or "".
    """

    components: tuple[Component, ...] = ()
    flags: str = ""
    missing: bool = False
    refused: str = ""


@dataclass(frozen=True)
class User:
    """An account of the node. `asker`: the account that asks is this one, so that its own view of a path counts.

    `shell` is its login shell, "" where that is not known; `expired` says why PAM refuses it, "" where it does not.
    """

    name: str = "root"
    uid: int = 0
    groups: frozenset[int] = frozenset({0})
    home: str = "/root"
    asker: bool = True
    shell: str = ""
    expired: str = ""


@dataclass
class Effort:
    """What may still be followed of all scripts of one account: each command in each turn of a loop takes one."""

    left: int = MOST_FOLLOWED


@dataclass
class Surroundings:
    """What is known around a command, and the `questions` about what is not.

    `users` are those by name whom the node described. `shell` is the kind of shell that reads it (dash, bash …), ""
    where that is not known; `pipefail`: it takes `set -o pipefail`. `script` is the path of the script, "" for a line.
    `programs` and `running` say of a path, or of a name, whether it is there. `sourced` are files that the command
    reads as a script; `texts` those that were read.
    `search_path` is the PATH with which it is started. `absent` are names of programs that are nowhere.
    `presumed`: the place cannot be asked, and these conditions, as they are written, count as met; directories and
    files as there. `elsewhere`: it runs where nothing can be asked, in a container. `effort` is shared by all commands
    of one account. `sockets` are those of the engine that the look asks; `engines` say by the directory of a client's
    config.json where that client asks, "" for that engine.
    """

    user: User | None = None
    users: Mapping[str, User] = field(default_factory=dict)
    host: str = ""
    shell: str = ""
    script: str = ""
    pipefail: bool | None = None
    directory: str = ""
    search_path: str = USUAL_PATH
    elsewhere: bool = False
    paths: Mapping[str, PathState] = field(default_factory=dict)
    programs: Mapping[str, bool] = field(default_factory=dict)
    running: Mapping[str, bool] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    questions: dict[str, None] = field(default_factory=dict)
    sourced: dict[str, None] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    presumed: re.Pattern[str] | None = None
    sockets: frozenset[str] = USUAL_SOCKETS
    engines: Mapping[str, str] = field(default_factory=dict)
    effort: Effort = field(default_factory=Effort)

    @property
    def account(self) -> str:
        """The name of the user whose command it is, for a person."""
        return self.user.name if self.user else "its user"

    def ask(self, question: str) -> None:
        """Record a question, unless there are too many or it cannot be put.

        That is one that is too long, or does not print.
        """
        if len(self.questions) < MOST_QUESTIONS and question.isprintable() and len(question) < LONGEST_PATH:
            self.questions[question] = None

    def absolute(self, path: str, directory: str) -> str:
        """The path from the root on. A relative one is seen from `directory`; where that is "", from the command's own.

        "" where that is not known to be an absolute path, and for a path that begins with `~`.
        """
        if path.startswith("/"):
            return path
        base = directory or self.directory
        return posixpath.normpath(f"{base}/{path}") if base.startswith("/") and not path.startswith("~") else ""

    def state_of(self, path: str) -> PathState | None:
        """What the node says about a path; None while it was not asked, which records the question.

        None also for a path that is not absolute, or has `..` in it: nothing is asked then.
        """
        if not path.startswith("/") or ".." in path.split("/"):
            return None
        state = self.paths.get(path)
        if state is None:
            self.ask(f"?{path}")
        return state

    def exists(self, path: str) -> Truth:
        """Whether there is something at this path that the user can reach.

        Not to be told while it was not asked (the question is recorded), where the node refused, and without a user.
        """
        state = self.state_of(path)
        if state is None or state.refused or self.user is None:
            return Truth(None, REFUSED.get(state.refused, "") if state else "")
        way = state.components if state.missing else state.components[:-1]
        if not all(component.type == "d" and component.allows(self.user, 1) for component in way):
            return NO
        if not state.missing and path.endswith("/") and state.components and state.components[-1].type != "d":
            return NO
        return Truth(not state.missing)

    def passes(self, path: str, test: str) -> Truth:
        """Whether `test -TEST PATH` succeeds for the user. Not to be told as in `exists`, and for the letter L.

        `test` is one letter of test(1): e, r, w, x, s, L, or the type of file (f, d …).
        """
        there = self.exists(path)
        state = self.paths.get(path)
        if there.value is not True or state is None or test == "e" or self.user is None:
            return there
        last = state.components[-1] if state.components else Component(0, 0, 0x4000 | 0o755)
        if test in "rwx":
            return self.permits(last, state, test)
        if test == "L":
            return Truth(None)
        if test == "s":
            return Truth("s" in state.flags)
        return Truth(last.type == test)

    def permits(self, last: Component, state: PathState, test: str) -> Truth:
        """Whether the user, who must be known, may read, write or execute what is at the end of a path.

        `test` is r, w or x. For the account that asked, the node's own answer counts for w and x; else owner, group and
        mode.
        """
        user = self.user
        assert user is not None
        if user.asker and test in "wx":
            return Truth(test in state.flags)
        allowed = last.allows(user, {"r": 4, "w": 2, "x": 1}[test])
        return Truth(allowed)

    def mounted(self, path: str) -> Truth:
        """Whether a file system is mounted at this path. Not to be told as in `exists`."""
        there = self.exists(path)
        state = self.paths.get(path)
        return there if there.value is not True or state is None else Truth("m" in state.flags)

    def locked(self, path: str) -> Truth:
        """Whether another program holds the lock of this file now; not known where that may be this very job.

        NO where there is no such file; not to be told as in `exists`.
        """
        there = self.exists(path)
        state = self.paths.get(path)
        if there.value is not True or state is None:
            return NO if there.value is False else there
        return Truth("k" in state.flags)

    def can_open(self, operator: str, path: str) -> Truth:
        """Whether the shell can open a file for a redirection: it creates one that is not there.

        `operator` is `<`, `<>`, `>` and the like. Not to be told as in `exists`.
        """
        if operator in ("<", "<>"):
            return self.passes(path, "r") if operator == "<" else self.can_write(path)
        return self.can_write(path)

    def can_write(self, path: str) -> Truth:
        """Whether a file can be written, or made where it is not there: NO for a directory, and in a missing one.

        Not to be told as in `exists`.
        """
        there = self.exists(path)
        if there.value is True:
            kind = self.passes(path, "d")
            return NO if kind.value else self.passes(path, "w")
        if there.value is None:
            return there
        state = self.paths.get(path)
        if state is None or len(state.components) != path.rstrip("/").count("/") or self.user is None:
            return NO
        if path.startswith(("/proc/", "/sys/")):
            return NO
        if path.endswith("/") or state.components[-1].type != "d":
            return NO
        return self.permits(state.components[-1], state, "w")

    def is_program(self, path: str) -> bool | None:
        """Whether a program can be run at this path; None while it was not asked, which records the question."""
        if path not in self.programs:
            self.ask(path)
            return None
        return self.programs[path]

    def finds(self, name: str, path: str) -> Truth:
        """Whether a program is found: at its own path, else in a directory of PATH.

        Not to be told while one of them was not asked, and without any absolute directory in PATH. A `name` with a
        slash is looked for at its own path only.
        """
        if name.rpartition("/")[2] in self.absent:
            return NO
        if "/" in name:
            places = [self.absolute(name, "")]
        else:
            places = [f"{directory.rstrip('/')}/{name}" for directory in path.split(":") if directory.startswith("/")]
        states = [self.is_program(place) if place else None for place in places]
        if True in states:
            return YES
        undecided = None in states or not states or ("/" not in name and UNKNOWN_DIRECTORY in path.split(":"))
        return Truth(None) if undecided else NO

    def is_running(self, name: str) -> bool | None:
        """Whether a process with exactly this name runs; None while it was not asked, which records the question."""
        if name not in self.running:
            self.ask(f"&{name}")
            return None
        return self.running[name]

    def engine_by(self, directory: str) -> str | None:
        """Where a client asks with its config.json in this directory, "" for the engine that the look asks.

        None while that was not asked, which records the question, and for a directory that cannot be asked about.
        """
        if not DIRECTORY.fullmatch(directory):
            return None
        if directory not in self.engines:
            self.ask(f"@{directory}")
        return self.engines.get(directory)
